"""wheels: the wheels of requirements_lock.txt for images of one architecture, each by its hash.

The interpreter, the C library and the architecture that they must suit are the image's, whatever
machine builds it.
"""

# The newest C library whose wheels the one of packages.lock (2.43) runs, and the oldest that there are
# wheels for.
_GLIBC = range(17, 44)

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}

# Of tools and tests alone, and large.
_LEFT_OUT = ["buf-bin", "mypy", "playwright", "ruff", "uv"]

def _execute(rctx, *arguments):
    result = rctx.execute(arguments, timeout = 1200)
    if result.return_code:
        fail("%s\n%s%s" % (" ".join([str(a) for a in arguments]), result.stdout, result.stderr))

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
    machine = _MACHINES[rctx.attr.architecture]
    rctx.file("requirements.txt", _requirements(rctx.read(rctx.attr.lock)))
    _execute(rctx, rctx.path(rctx.attr._python).realpath, "-m", "venv", "venv")
    platforms = ["linux_" + machine, "manylinux2014_" + machine]
    platforms += ["manylinux_2_%d_%s" % (minor, machine) for minor in _GLIBC]
    _execute(
        rctx,
        "venv/bin/pip",
        "download",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
        "--implementation=cp",
        "--python-version=3.14",
        "--dest=wheels",
        "--requirement=requirements.txt",
        *["--platform=" + platform for platform in platforms]
    )
    rctx.delete("venv")
    rctx.file("BUILD.bazel", """\
filegroup(
    name = "wheels",
    srcs = glob(["wheels/*.whl"]),
    visibility = ["//visibility:public"],
)
""")

wheels = repository_rule(
    implementation = _wheels_impl,
    attrs = {
        "architecture": attr.string(mandatory = True, values = _MACHINES.keys()),
        "lock": attr.label(allow_single_file = True, mandatory = True),
        "_python": attr.label(default = "@toolchain//:venv/bin/python3"),
    },
    doc = "Downloads wheels with the toolchain's own pip.",
)
