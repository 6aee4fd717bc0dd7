"""Images that python_image made of two programs with the same dependencies."""

import hashlib
from importlib.util import MAGIC_NUMBER

from bazel.image.testing.archive import Image
from bazel.image.testing.locked import MACHINE

UNCHECKED_HASH = (0b01).to_bytes(4, "little")  # PEP 552
BASE, DEPENDENCIES, APPLICATION = range(3)


def test_each_layer_holds_its_own(hello: Image) -> None:
    base, dependencies, application = (hello.members(layer) for layer in range(3))
    assert "usr/bin/python3.14" in base
    assert "usr/local/lib/python3.14/dist-packages/grpc/__init__.py" in dependencies
    assert "app/bazel/image/testing/hello.py" in application
    assert "app/bodega/product/v1/product_pb2.py" in application
    assert not any(name.startswith("app") for name in base.keys() | dependencies.keys())


def test_another_application_shares_the_layers_below_it(hello: Image, howdy: Image) -> None:
    assert hello.layer_digests[:APPLICATION] == howdy.layer_digests[:APPLICATION]
    assert hello.layer_digests[APPLICATION] != howdy.layer_digests[APPLICATION]


def cache_of(source: str) -> str:
    folder, _, name = source.rpartition("/")
    return f"{folder}/__pycache__/{name.removesuffix('.py')}.cpython-314.pyc"


def test_every_source_has_bytecode_that_is_never_checked_against_it(hello: Image) -> None:
    for layer in range(3):
        members = hello.members(layer)
        sources = {name for name, m in members.items() if name.endswith(".py") and m.isfile()}
        assert sources
        assert {cache_of(source) for source in sources} <= members.keys()
        bytecode = hello.read(layer, cache_of(min(sources)))
        assert bytecode[:4] == MAGIC_NUMBER
        assert bytecode[4:8] == UNCHECKED_HASH


def test_nothing_of_the_machine_that_built_it_shows(hello: Image) -> None:
    for layer in range(3):
        for member in hello.members(layer).values():
            assert member.mtime == 0
            assert (member.uid, member.gid) == ((65532,) * 2 if member.name == "data" else (0, 0))
            assert (member.uname, member.gname) == ("", "")
            assert member.mode & 0o022 == 0 or member.issym() or member.name == "tmp"


def test_no_shell_no_package_manager_and_no_test_is_in_it(hello: Image) -> None:
    names = {name for layer in range(3) for name in hello.members(layer)}
    programs = {name for name in names if name.startswith(("usr/bin/", "usr/sbin/", "sbin"))}
    assert programs == {"usr/bin/python3.14"}
    unwanted = {"pip", "ensurepip", "setuptools", "tests", "test", "include", "apt"}
    assert not [name for name in names if unwanted & set(name.split("/"))]


def test_the_authorities_are_debians_and_not_those_of_the_builder(hello: Image) -> None:
    base = hello.members(BASE)
    assert base["etc/ssl/certs/ca-certificates.crt"].size > 100_000
    assert not [name for name in base if "ca-certificates/host" in name]


def test_scanners_and_lawyers_find_what_they_look_for(hello: Image) -> None:
    base, dependencies = hello.members(BASE), hello.members(DEPENDENCIES)
    for package in ("libc6", "libssl3t64", "python3.14-minimal"):
        assert f"var/lib/dpkg/status.d/{package}" in base
        assert f"usr/share/doc/{package}/copyright" in base
    assert [name for name in dependencies if name.endswith(".dist-info/METADATA")]
    assert [name for name in dependencies if ".dist-info/licenses/" in name]


def test_the_config_runs_the_module_as_nobody_who_may_write_to_data_alone(hello: Image) -> None:
    config = hello.config["config"]
    assert config["Entrypoint"] == ["/usr/bin/python3.14", "-m", "bazel.image.testing.hello"]
    assert (config["User"], config["Volumes"]) == ("65532:65532", {"/data": {}})
    assert config["ExposedPorts"] == {"50051/tcp": {}}
    assert "GREETING=hello" in config["Env"]
    assert (hello.config["os"], hello.config["architecture"]) == ("linux", MACHINE)


def test_labels_say_what_is_known_and_nothing_else(hello: Image) -> None:
    labels = {
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.title": "Says hello",
        "org.opencontainers.image.description": "An example",
    }
    assert hello.config["config"]["Labels"] == labels
    assert hello.manifest["annotations"] == labels


def test_digests_are_those_of_the_bytes(hello: Image) -> None:
    for content, digest in zip(hello.layers, hello.layer_digests, strict=True):
        assert digest == f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_docker_finds_the_same_layers_under_the_same_name(hello: Image) -> None:
    layers = ["blobs/" + digest.replace(":", "/") for digest in hello.layer_digests]
    assert hello.docker["Layers"] == layers
    assert hello.docker["RepoTags"] == [hello.reference] == ["bodega/hello:latest"]
