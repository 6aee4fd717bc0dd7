"""What WORKSPACE declares besides the rulesets, as a module extension."""

load("//bazel:npm.bzl", "bodega_npm")
load("//bazel:pip.bzl", "locked_packages", "pip_repositories", "wheel_repositories")
load("//bazel/image:repositories.bzl", "image_repositories")
load("//bazel/toolchain:toolchain.bzl", "toolchain")

_LOCK = Label("//:requirements_lock.txt")

def _bodega_impl(mctx):
    toolchain(name = "toolchain")
    pip_repositories(lock = _LOCK)
    wheel_repositories(locked_packages(mctx.read(_LOCK)))
    bodega_npm()
    image_repositories()

bodega = module_extension(
    implementation = _bodega_impl,
    doc = "Declares the toolchain, the packages of PyPI and npm, and those of images.",
)
