"""lint(): every file of a folder against the checks of its kind, as one Bazel test."""

load("@toolchain//:tools.bzl", "TOOLS")
load("//bazel:command_test.bzl", "command_test")

_RUFF = "@pip_ruff//:bin/ruff"
_BUILDIFIER = "@npm_buildifier//:buildifier"

# Bazel 7's own proto_library and ProtoInfo: to load them would mean to build protobuf from source.
_BUILDIFIER_FLAGS = "--mode=diff --lint=warn --warnings=-native-proto,-native-proto-info"

def lint(name = "lint", shell = []):
    """Declares the test `lint` of this package; every package calls it.

    Python goes through ruff (rules and format), build files through buildifier, shell scripts
    through shellcheck. Types are checked over the whole repository, by //:mypy.

    Args:
        name: the test's name.
        shell: shell scripts whose name does not end in .sh.
    """
    python = _files(["**/*.py", "**/*.pyi"])
    build = _files(["BUILD.bazel", "WORKSPACE", "**/*.bzl"])
    scripts = _files(["**/*.sh"]) + shell
    commands, data = [], ["@toolchain//:identity"]
    if python:
        commands += [
            "$(rootpath %s) check --no-cache --quiet %s" % (_RUFF, _paths(python)),
            "$(rootpath %s) format --no-cache --quiet --diff %s" % (_RUFF, _paths(python)),
        ]
        data += [_RUFF, "//:pyproject.toml"] + python
    if build:
        commands.append("$(rootpath %s) %s %s" % (_BUILDIFIER, _BUILDIFIER_FLAGS, _paths(build)))
        data += [_BUILDIFIER] + build
    if scripts:
        commands.append("%s %s" % (TOOLS["shellcheck"], _paths(scripts)))
        data += scripts
    command_test(
        name = name,
        size = "small",
        commands = commands,
        data = data,
        tags = ["lint"],
    )

def _files(patterns):
    # Bazel's own convenience links stand in the root folder.
    return native.glob(patterns, allow_empty = True, exclude = ["bazel-*/**"])

def _paths(files):
    package = native.package_name()
    return " ".join(["'%s'" % (package + "/" + file if package else file) for file in files])
