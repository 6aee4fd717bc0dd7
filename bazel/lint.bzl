"""lint(): every file of a folder against the checks of its kind, as one Bazel test."""

load("@toolchain//:tools.bzl", "TOOLS")
load("//bazel:command_test.bzl", "command_test")

_RUFF = "@pip_ruff//:bin/ruff"
_BUILDIFIER = "@npm_buildifier//:buildifier"

def lint(shell = []):
    """Declares the test `lint` of this package; every package calls it.

    Python goes through ruff (rules and format), build files through buildifier, shell scripts
    through shellcheck. Types are checked over the whole repository, by //:mypy.

    Args:
        shell: shell scripts whose name does not end in .sh.
    """
    python = native.glob(["**/*.py", "**/*.pyi"], allow_empty = True)
    build = native.glob(["BUILD.bazel", "WORKSPACE", "**/*.bzl"], allow_empty = True)
    scripts = native.glob(["**/*.sh"], allow_empty = True) + shell
    commands, data = [], ["@toolchain//:identity"]
    if python:
        commands += [
            "$(rootpath %s) check --no-cache --quiet %s" % (_RUFF, _paths(python)),
            "$(rootpath %s) format --no-cache --quiet --diff %s" % (_RUFF, _paths(python)),
        ]
        data += [_RUFF, "//:pyproject.toml"] + python
    if build:
        commands.append("$(rootpath %s) --mode=diff --lint=warn %s" % (_BUILDIFIER, _paths(build)))
        data += [_BUILDIFIER] + build
    if scripts:
        commands.append("%s %s" % (TOOLS["shellcheck"], _paths(scripts)))
        data += scripts
    command_test(
        name = "lint",
        size = "small",
        commands = commands,
        data = data,
        tags = ["lint"],
    )

def _paths(files):
    package = native.package_name()
    return " ".join(["'%s'" % (package + "/" + file if package else file) for file in files])
