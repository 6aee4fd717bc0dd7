"""wheels: the wheels of requirements_lock.txt for images of one architecture, each by its hash.

The interpreter, the C library and the architecture that they must suit are the image's, whatever
machine builds it.
"""

load("//bazel:pip.bzl", "fetch_wheels")

# The C library of packages.lock, as 2.N.
_GLIBC = 43

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}

# Of tools and tests alone, and large.
_LEFT_OUT = ["buf-bin", "mypy", "playwright", "ruff", "uv"]

def _requirements(lock):
    """Returns the lock without what images never need."""
    entries, entry = [], []
    for line in lock.splitlines():
        entry.append(line)
        if not line.endswith("\\"):
            if entry[0].partition("==")[0] not in _LEFT_OUT:
                entries += entry
            entry = []
    return "\n".join(entries) + "\n"

def _wheels_impl(rctx):
    rctx.file("requirements.txt", _requirements(rctx.read(rctx.attr.lock)))
    fetch_wheels(
        rctx,
        rctx.path(rctx.attr._python),
        rctx.path("requirements.txt"),
        _MACHINES[rctx.attr.architecture],
        _GLIBC,
    )
    rctx.file("BUILD.bazel", """\
filegroup(
    name = "wheels",
    srcs = glob(["*.whl"]),
    visibility = ["//visibility:public"],
)
""")

wheels = repository_rule(
    implementation = _wheels_impl,
    attrs = {
        "architecture": attr.string(mandatory = True, values = _MACHINES.keys()),
        "lock": attr.label(allow_single_file = True, mandatory = True),
        "_python": attr.label(default = "@pip_wheels//:venv/bin/python3"),
    },
    doc = "Wheels as NAME.whl, from the store of all wheels (bazel/pip.bzl).",
)
