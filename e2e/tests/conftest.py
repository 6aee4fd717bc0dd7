import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from bazel.image.testing.archive import Image, read_image
from bazel.image.testing.podman import Podman, enter_private_network

ADDRESS = "127.0.0.1:50051"
ISSUER = "http://127.0.0.1:8080"
SERVING = '"event": "serving"'


@dataclass(frozen=True)
class Running:
    """A container, and what it was made of."""

    container: str
    name: str
    image: Image
    module: str


@pytest.fixture(scope="session")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    enter_private_network()
    podman = Podman(os.environ["PODMAN_BIN"], tmp_path_factory.mktemp("podman"))
    yield podman
    podman.clean_up()


def start(podman: Podman, archive: str, module: str, **env: str) -> Running:
    name = podman.load(Path(archive))
    container = podman.start(name, volume=module, env=env)
    return Running(container, name, read_image(Path(archive)), module)


def connected() -> grpc.Channel:
    channel = grpc.insecure_channel(ADDRESS)
    grpc.channel_ready_future(channel).result(timeout=60)
    return channel


@pytest.fixture(scope="session")
def product(podman: Podman) -> Running:
    archive = os.environ["PRODUCT_IMAGE"]
    running = start(podman, archive, "product.server", BODEGA_PRODUCT_LISTEN=ADDRESS)
    connected().close()
    return running


@pytest.fixture(scope="session")
def identity(podman: Podman) -> Running:
    archive = os.environ["IDENTITY_IMAGE"]
    running = start(podman, archive, "identity.server", BODEGA_IDENTITY_ISSUER=ISSUER)
    podman.read_until(running.container, SERVING)
    return running


@pytest.fixture(scope="session")
def worker(podman: Podman, product: Running) -> Running:
    assert product.container
    archive = os.environ["PRODUCT_WORKER_IMAGE"]
    interval = {"BODEGA_PRODUCT_WORKER_INTERVAL": "200ms", "BODEGA_PRODUCT_WORKER_BATCH": "200"}
    return start(podman, archive, "workers.product_worker", **interval)


@pytest.fixture
def channel(product: Running) -> Iterator[grpc.Channel]:
    assert product.container
    with connected() as channel:
        yield channel


@pytest.fixture(params=["identity", "product", "worker"])
def running(request: pytest.FixtureRequest) -> Running:
    """Each of the images in turn."""
    found: Running = request.getfixturevalue(request.param)
    return found
