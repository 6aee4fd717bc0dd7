"""requirements(): the lock file of PyPI packages, made by one command and checked by one test."""

load("@pip//:requirements.bzl", "requirement")
load("@rules_python//python:defs.bzl", "py_binary")
load("//bazel:pytest.bzl", "pytest_test")

def requirements(name, requirements, lock):
    """Declares NAME.update, which writes the lock file anew, and NAME.test, which reads it.

    Args:
        name: the prefix.
        requirements: what people edit.
        lock: what uv writes: every package, exact, with the hashes of its wheels.
    """
    py_binary(
        name = name + ".update",
        srcs = ["//bazel:update_requirements.py"],
        main = "//bazel:update_requirements.py",
        args = ["$(rootpath @pip_uv//:bin/uv)", requirements, lock],
        data = ["@pip_uv//:bin/uv"],
    )
    pytest_test(
        name = name + ".test",
        size = "small",
        srcs = ["//bazel:tests/test_requirements_lock.py"],
        data = [requirements, lock],
        deps = [requirement("packaging")],
        env = {"LOCK": lock, "REQUIREMENTS": requirements},
    )
