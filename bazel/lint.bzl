"""lint(): every file of a folder against the checks of its kind, as one Bazel test."""

load("@toolchain//:tools.bzl", "TOOLS")
load("//bazel:command_test.bzl", "command_test")
load("//bazel:mypy.bzl", "types")

_RUFF = "@pip_ruff//:bin/ruff"
_BUILDIFIER = "@npm_buildifier//:buildifier"
_NO_SECRETS = "//bazel:no_secrets.py"

# Git's store, and what .gitignore names.
_NOT_OURS = [
    ".git",
    "**/__pycache__/**",
    "**/.hypothesis/**",
    "**/.mypy_cache/**",
    "**/.pytest_cache/**",
    "**/.ruff_cache/**",
]

_BUILDIFIER_FLAGS = "--mode=diff --lint=warn"

def lint(name = "lint", shell = []):
    """Declares the test `lint` of this package; every package calls it.

    Python goes through ruff (rules and format), build files through buildifier, shell scripts
    through shellcheck; none of any kind may hold a private key or a token. Types are checked over
    the whole repository, by //:mypy, out of the target `types` that this declares: so this call is the
    last of a build file.

    Args:
        name: the test's name.
        shell: shell scripts whose name does not end in .sh.
    """
    files = _files()
    python = [file for file in files if file.endswith((".py", ".pyi"))]
    build = [file for file in files if file.endswith((".bazel", ".bzl")) or file == "WORKSPACE"]
    scripts = [file for file in files if file.endswith(".sh")] + shell
    commands = ["%s $(rootpath %s) %s" % (TOOLS["python3"], _NO_SECRETS, _paths(files))]
    data = ["@toolchain//:identity", "@toolchain//:test_identity", _NO_SECRETS] + _labels(files)
    if python:
        commands += [
            "$(rootpath %s) check --no-cache --quiet %s" % (_RUFF, _paths(python)),
            "$(rootpath %s) format --no-cache --quiet --diff %s" % (_RUFF, _paths(python)),
        ]
        data += [_RUFF, "//:pyproject.toml"]
    if build:
        commands.append("$(rootpath %s) %s %s" % (_BUILDIFIER, _BUILDIFIER_FLAGS, _paths(build)))
        data.append(_BUILDIFIER)
    if scripts:
        commands.append("%s %s" % (TOOLS["shellcheck"], _paths(scripts)))
    command_test(
        name = name,
        size = "small",
        commands = commands,
        # Once each: what is run may be one of the package's own files.
        data = {label: None for label in data}.keys(),
        tags = ["lint"],
    )
    types(
        name = "types",
        files = python,
    )

def _files():
    """Returns the files of the package.

    In the root folder a glob of "**" would walk through Bazel's own links, hence all that was ever
    built, before it leaves them out.
    """
    patterns = ["**"] if native.package_name() else ["*", ".ci/**"]
    return native.glob(patterns, allow_empty = True, exclude = _NOT_OURS)

def _labels(files):
    return ["//%s:%s" % (native.package_name(), file) for file in files]

def _paths(files):
    package = native.package_name()
    return " ".join(["'%s'" % (package + "/" + file if package else file) for file in files])
