"""mypy_test: the types of the whole repository, as one Bazel test."""

load("@pip//:requirements.bzl", "requirement")
load("@rules_python//python:defs.bzl", "py_test")

def mypy_test(name, targets, **kwargs):
    """Declares a test that runs mypy over the sources of `targets` and all that they depend on.

    Args:
        name: the target's name.
        targets: Python libraries, binaries and tests.
        **kwargs: handed to py_test.
    """
    py_test(
        name = name,
        srcs = ["//bazel:mypy_main.py"],
        main = "//bazel:mypy_main.py",
        data = ["//:pyproject.toml"],
        tags = ["lint"],
        deps = targets + [
            requirement("mypy"),
            requirement("types-grpcio"),
            requirement("types-protobuf"),
            requirement("types-psutil"),
            requirement("types-pyyaml"),
        ],
        **kwargs
    )
