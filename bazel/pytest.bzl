"""pytest_test: a folder of pytest tests as one Bazel test."""

load("@pip//:requirements.bzl", "requirement")
load("@rules_python//python:defs.bzl", "py_test")
load("@toolchain//:tools.bzl", "TOOLS")
load("//bazel:python.bzl", "bytecode")

# Environment variables that tell a test where a tool is; a folder where the tool wants its kin.
_TOOL_ENV = {
    "CHROMIUM_BIN": TOOLS["chromium"],
    "CURL_BIN": TOOLS["curl"],
    "H2LOAD_BIN": TOOLS["h2load"],
    "NIX_BIN": TOOLS["nix"],
    "NODE_BIN": TOOLS["node"],
    "OPENSSL_BIN": TOOLS["openssl"],
    "PODMAN_BIN": TOOLS["podman"],
    "POSTGRES_BIN": TOOLS["postgres"].rpartition("/")[0],
    "PROMTOOL_BIN": TOOLS["promtool"],
}

def pytest_test(
        name,
        srcs,
        deps = [],
        data = [],
        args = [],
        env = {},
        soak = None,
        tags = [],
        toolchain_env = [],
        **kwargs):
    """Declares a py_test that runs pytest over `srcs`.

    Args:
        name: the target's name.
        srcs: test files, and conftest.py files beside them.
        deps: what the tests import; pytest itself is added.
        data: files that the tests read.
        args: further arguments for pytest.
        env: further environment variables.
        soak: the size of a second test, NAME_soak, of the cases marked `soak`, which this one leaves
            out: long forms of cases that it has in a short form. `bazel test` leaves tests with
            the tag `soak` out, --config=soak runs them as well.
        tags: "unit" is added unless "integration" is among them.
        toolchain_env: which of the toolchain's other tools the tests need (CHROMIUM_BIN,
            CURL_BIN, H2LOAD_BIN, NIX_BIN, NODE_BIN, OPENSSL_BIN, PODMAN_BIN, PROMTOOL_BIN); POSTGRES_BIN is
            always there.
        **kwargs: handed to py_test.
    """
    tests = [src for src in srcs if src.rpartition("/")[2].startswith("test_")]
    tools = {variable: _TOOL_ENV[variable] for variable in ["POSTGRES_BIN"] + toolchain_env}
    deps = deps + [
        requirement("hypothesis"),
        requirement("pytest"),
        requirement("pytest-asyncio"),
    ]
    bytecode(
        name = name + "_bytecode",
        testonly = True,
        deps = deps,
    )
    if "integration" not in tags:
        tags = tags + ["unit"]
    attributes = kwargs | {
        "data": data + [
            ":%s_bytecode" % name,
            "//:pyproject.toml",
            "@toolchain//:identity",
            "@toolchain//:test_identity",
        ],
        "deps": deps,
        "env": tools | env,
        "main": "//bazel:pytest_main.py",
        "srcs": srcs + ["//bazel:pytest_main.py"],
    }
    paths = ["$(rootpath %s)" % test for test in tests]
    py_test(
        name = name,
        args = args + (["-m", "'not soak'"] if soak else []) + paths,
        tags = tags,
        **attributes
    )
    if soak:
        py_test(
            name = name + "_soak",
            args = args + ["-m", "soak"] + paths,
            tags = tags + ["soak"],
            **(attributes | {"shard_count": 1, "size": soak})
        )
