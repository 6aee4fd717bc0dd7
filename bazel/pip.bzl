"""The PyPI packages: requirements_lock.txt through rules_python, every wheel by its hash."""

load("@rules_python//python:pip.bzl", "package_annotation", "pip_parse")

# What rules_python 0.22.1 brings itself is too old for Python 3.12 and newer.
_BOOTSTRAP = {
    "pip": ("25.3", "9655943313a94722b7774661c21049070f6bbb0a1516bf02f7c8d5d9201514cd"),
    "setuptools": ("80.9.0", "062d34222ad13e0cc312a4c02d73f059e86a4acbfbdea8f8f76b28c99f306922"),
    "wheel": ("0.45.1", "708e7481cc80179af0e556bbf0cc00b8444c7321e2700b8d8580231d13017248"),
}

_WHEEL_BUILD = """\
load("@rules_python//python:defs.bzl", "py_library")

py_library(
    name = "lib",
    srcs = glob(["**/*.py"]),
    data = glob(["**/*"], exclude = ["**/*.py", "**/*.pyc", "**/* *", "*.whl", "*.zip", "BUILD.bazel", "WORKSPACE"]),
    imports = ["."],
    visibility = ["//visibility:public"],
)
"""

def _run(rctx, *arguments):
    result = rctx.execute(arguments)
    if result.return_code:
        fail("%s\n%s%s" % (" ".join([str(a) for a in arguments]), result.stdout, result.stderr))

def _bootstrap_wheel_impl(rctx):
    python = rctx.path(rctx.attr._python).realpath
    pip = rctx.path("venv/bin/pip")
    _run(rctx, python, "-m", "venv", "venv")
    rctx.file("wanted.txt", "%s==%s --hash=sha256:%s\n" % (rctx.attr.package, rctx.attr.version, rctx.attr.sha256))
    _run(rctx, pip, "download", "--no-deps", "--only-binary=:all:", "--require-hashes", "-r", "wanted.txt", "-d", ".")
    rctx.delete("venv")
    wheel = "%s-%s-py3-none-any.whl" % (rctx.attr.package, rctx.attr.version)
    rctx.symlink(wheel, "wheel.zip")
    rctx.extract("wheel.zip")
    rctx.file("BUILD.bazel", _WHEEL_BUILD)

_bootstrap_wheel = repository_rule(
    implementation = _bootstrap_wheel_impl,
    attrs = {
        "package": attr.string(mandatory = True),
        "sha256": attr.string(mandatory = True),
        "version": attr.string(mandatory = True),
        "_python": attr.label(default = "@toolchain//:venv/bin/python3"),
    },
    doc = "One pure wheel, fetched by the toolchain's own pip.",
)

# The .proto files of wheels, as proto_library targets.
_WHEEL_PROTOS = """\
load("@bodega_shop//bazel/proto:wheel_protos.bzl", "wheel_protos")

wheel_protos(name = "protos", import_root = "{import_root}", protos = {protos})
"""

_WHEEL_BINARY = """\
exports_files(["bin/{name}"])
"""

_ANNOTATIONS = {
    "buf-bin": package_annotation(additive_build_content = _WHEEL_BINARY.format(name = "buf")),
    "googleapis-common-protos": package_annotation(
        additive_build_content = _WHEEL_PROTOS.format(
            import_root = "site-packages",
            protos = {
                "google/rpc/status.proto": ["@pip_grpcio_tools//:any_proto"],
                "google/type/money.proto": [],
            },
        ),
    ),
    "grpcio-tools": package_annotation(
        additive_build_content = _WHEEL_PROTOS.format(
            import_root = "site-packages/grpc_tools/_proto",
            protos = {
                "google/protobuf/any.proto": [],
                "google/protobuf/descriptor.proto": [],
                "google/protobuf/field_mask.proto": [],
                "google/protobuf/timestamp.proto": [],
            },
        ),
    ),
    "ruff": package_annotation(additive_build_content = _WHEEL_BINARY.format(name = "ruff")),
    "uv": package_annotation(additive_build_content = _WHEEL_BINARY.format(name = "uv")),
}

def bodega_pip():
    """Declares @pip and what it needs."""
    for package, (version, sha256) in _BOOTSTRAP.items():
        _bootstrap_wheel(name = "pypi__" + package, package = package, sha256 = sha256, version = version)
    pip_parse(
        name = "pip",
        annotations = _ANNOTATIONS,
        extra_pip_args = ["--require-hashes", "--only-binary=:all:"],
        python_interpreter_target = "@toolchain//:venv/bin/python3",
        requirements_lock = "//:requirements_lock.txt",
    )
