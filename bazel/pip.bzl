"""The PyPI packages: one repository for each wheel of requirements_lock.txt.

@pip            names them, out of the lock file alone: requirement("NAME")
@pip_wheels     has the wheels: all are fetched at once, by the toolchain's own pip
@pip_NAME       is one of them, unpacked: :pkg, to import, and :dist_info

BODEGA_WHEELS is a folder that keeps the wheels, those of images too, for other clones of this
repository, and for machines without a network; `bazelw` sets it.
"""

_WHEELS = Label("//bazel:wheels.py")

# The .proto files of wheels, as proto_library targets.
_PROTOS = """\
load("@bodega_shop//bazel/proto:wheel_protos.bzl", "wheel_protos")

wheel_protos(
    name = "protos",
    import_root = "{import_root}",
    protos = {protos},
)
"""

# What `bazel coverage` runs a test with.
_COVERAGE = """\
filegroup(
    name = "tool",
    srcs = ["site-packages/coverage/__main__.py"],
    data = [":pkg"],
)
"""

_BINARY = """\
exports_files(["bin/{name}"])
"""

# What the build takes out of a wheel besides its Python.
_ADDITIONS = {
    "buf_bin": _BINARY.format(name = "buf"),
    "coverage": _COVERAGE,
    "googleapis_common_protos": _PROTOS.format(
        import_root = "site-packages",
        protos = {
            "google/api/annotations.proto": [":http_proto", "@pip_grpcio_tools//:descriptor_proto"],
            "google/api/field_behavior.proto": ["@pip_grpcio_tools//:descriptor_proto"],
            "google/api/http.proto": [],
            "google/rpc/status.proto": ["@pip_grpcio_tools//:any_proto"],
            "google/type/money.proto": [],
        },
    ),
    "grpcio_tools": _PROTOS.format(
        import_root = "site-packages/grpc_tools/_proto",
        protos = {
            "google/protobuf/any.proto": [],
            "google/protobuf/descriptor.proto": [],
            "google/protobuf/field_mask.proto": [],
            "google/protobuf/timestamp.proto": [],
        },
    ),
    "ruff": _BINARY.format(name = "ruff"),
    "uv": _BINARY.format(name = "uv"),
}

_WHEEL_BUILD = """\
load("@rules_python//python:defs.bzl", "py_library")

package(default_visibility = ["//visibility:public"])

filegroup(
    name = "dist_info",
    srcs = glob(["site-packages/*.dist-info/**"]),
)

py_library(
    name = "pkg",
    srcs = glob(["site-packages/**/*.py"], allow_empty = True),
    data = glob(
        ["site-packages/**/*"],
        exclude = ["**/* *", "**/*.py", "**/*.pyc", "**/*.dist-info/RECORD"],
    ),
    imports = ["site-packages"],
    deps = {deps},
)

"""

_REQUIREMENTS = """\
\"\"\"The packages of requirements_lock.txt.\"\"\"

load("@bodega_shop//bazel:pip.bzl", "wheel_repositories")

_EXTRAS = {extras}

def requirement(name):
    \"\"\"Returns the library of a package.\"\"\"
    name = name.lower().replace("-", "_").replace(".", "_")
    if name not in _EXTRAS:
        fail("%s is not in requirements_lock.txt" % name)
    return Label("@pip_%s//:pkg" % name)

def all_requirements():
    \"\"\"Returns the libraries of all packages.\"\"\"
    return [requirement(name) for name in _EXTRAS]

# buildifier: disable=unnamed-macro
def install_deps():
    \"\"\"Declares the repository of each package.\"\"\"
    wheel_repositories(_EXTRAS)
"""

def locked_packages(lock):
    """Reads the names of packages out of a lock file.

    Args:
        lock: its text.

    Returns:
        {name: extras} of each package.
    """
    packages = {}
    for line in lock.split("\n"):
        if "==" in line and not line.startswith(("#", " ")):
            name, _, extras = line.partition("==")[0].partition("[")
            name = name.strip().lower().replace("-", "_").replace(".", "_")
            packages[name] = [extra.strip() for extra in extras.strip(" ]").split(",") if extra]
    return packages

def _run(rctx, arguments, **environment):
    result = rctx.execute(arguments, environment = environment, timeout = 3600)
    if result.return_code:
        fail("%s\n%s%s" % (" ".join([str(a) for a in arguments]), result.stdout, result.stderr))
    return result.stdout

def _vendored(python):
    """Returns the folder of the libraries that pip carries, of which wheels.py uses one."""
    return "%s/lib/python3.14/site-packages/pip/_vendor" % python.dirname.dirname

def _hub_impl(rctx):
    packages = locked_packages(rctx.read(rctx.attr.lock))
    rctx.file("requirements.bzl", _REQUIREMENTS.format(extras = json.encode_indent(packages)))
    rctx.file("BUILD.bazel", "")

def fetch_wheels(rctx, python, lock, *platform):
    """Makes NAME.whl for each requirement of a lock file, in the folder of a repository.

    Args:
        rctx: the repository rule's.
        python: the path of a virtual environment's interpreter, with pip.
        lock: the path of the lock file.
        *platform: the machine and the minor version of the C library that the wheels must suit,
            for example "aarch64", 43; where this is left out, those of the interpreter.
    """
    store = rctx.os.environ.get("BODEGA_WHEELS") or rctx.path("store")
    arguments = [python, rctx.path(_WHEELS), "fetch", lock, store, "."]
    rctx.report_progress("Fetching the wheels of %s" % lock.basename)
    _run(rctx, arguments + [str(each) for each in platform], PYTHONPATH = _vendored(python))

_hub = repository_rule(
    implementation = _hub_impl,
    attrs = {"lock": attr.label(mandatory = True)},
    doc = "The names of the packages; needs no network.",
)

def _wheels_impl(rctx):
    _run(rctx, [rctx.path(rctx.attr._python).realpath, "-m", "venv", "venv"])
    fetch_wheels(rctx, rctx.path("venv/bin/python3"), rctx.path(rctx.attr.lock))
    rctx.file("BUILD.bazel", "")

_wheels = repository_rule(
    implementation = _wheels_impl,
    attrs = {
        "lock": attr.label(mandatory = True),
        "_python": attr.label(default = "@toolchain//:venv/bin/python3"),
    },
    doc = "All wheels as NAME.whl, and a virtual environment with the pip that fetched them.",
)

def _wheel_impl(rctx):
    python = rctx.path(rctx.attr._python)
    arguments = [python, rctx.path(_WHEELS), "unpack", rctx.path(rctx.attr.wheel), "."]
    needed = json.decode(_run(rctx, arguments + rctx.attr.extras, PYTHONPATH = _vendored(python)))
    build = _WHEEL_BUILD.format(deps = json.encode_indent(["@pip_%s//:pkg" % name for name in needed]))
    rctx.file("BUILD.bazel", build + rctx.attr.additions)

_wheel = repository_rule(
    implementation = _wheel_impl,
    attrs = {
        "additions": attr.string(doc = "What the build file says besides."),
        "extras": attr.string_list(),
        "wheel": attr.label(mandatory = True),
        "_python": attr.label(default = "@pip_wheels//:venv/bin/python3"),
    },
    doc = "One wheel, unpacked.",
)

def pip_repositories(lock):
    """Declares @pip and @pip_wheels.

    Args:
        lock: the lock file's label.
    """
    _hub(name = "pip", lock = lock)
    _wheels(name = "pip_wheels", lock = lock)

# buildifier: disable=unnamed-macro
def wheel_repositories(extras):
    """Declares @pip_NAME for each package.

    Args:
        extras: {name: extras} of the packages.
    """
    for name in extras:
        _wheel(
            name = "pip_" + name,
            additions = _ADDITIONS.get(name, ""),
            extras = extras[name],
            wheel = "@pip_wheels//:%s.whl" % name,
        )
