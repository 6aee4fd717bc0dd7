import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from bazel.image.testing.archive import Image, read_image
from bazel.image.testing.podman import Podman, enter_private_network
from e2e.programs import WRITE_FILE
from e2e.tests.members import MEMBERS, SERVING
from runtime.testing.issuer import LoopbackIssuer

ADDRESS = "127.0.0.1:50051"
ISSUER = "http://127.0.0.1:8080"


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


def start(podman: Podman, archive: str, module: str, volume: str = "", **env: str) -> Running:
    """Start an image; its data is in a volume of its own unless one is named."""
    name = podman.load(Path(archive))
    container = podman.start(name, volume=volume or module, env=env)
    return Running(container, name, read_image(Path(archive)), module)


def connected(address: str = ADDRESS) -> grpc.Channel:
    channel = grpc.insecure_channel(address)
    grpc.channel_ready_future(channel).result(timeout=60)
    return channel


@pytest.fixture(scope="session")
def issuer(podman: Podman) -> Iterator[LoopbackIssuer]:
    """Serves in the network of the containers, which this thread is in since podman is there."""
    assert podman("version")
    with LoopbackIssuer({"product-worker": "s3cret"}) as served:
        yield served


@pytest.fixture(scope="session")
def product(podman: Podman, issuer: LoopbackIssuer) -> Running:
    archive = os.environ["PRODUCT_IMAGE"]
    env = {"BODEGA_PRODUCT_LISTEN": ADDRESS, "BODEGA_PRODUCT_ISSUER": issuer.url}
    running = start(podman, archive, "product.server", **env)
    connected().close()
    return running


@pytest.fixture(scope="session")
def identity(podman: Podman) -> Running:
    archive = os.environ["IDENTITY_IMAGE"]
    running = start(podman, archive, "identity.server", BODEGA_IDENTITY_ISSUER=ISSUER)
    podman.read_until(running.container, SERVING)
    return running


@pytest.fixture(scope="session")
def worker(podman: Podman, product: Running, issuer: LoopbackIssuer) -> Running:
    assert product.container
    archive = os.environ["PRODUCT_WORKER_IMAGE"]
    interval = {"BODEGA_PRODUCT_WORKER_INTERVAL": "200ms", "BODEGA_PRODUCT_WORKER_BATCH": "200"}
    env = interval | {"BODEGA_PRODUCT_WORKER_ISSUER": issuer.url}
    running = start(podman, archive, "workers.product_worker", **env)
    # It waits for its secret, as it does for an identity server that has not made it yet.
    secret = issuer.clients["product-worker"]
    assert podman.python(running.container, WRITE_FILE.replace("SECRET", secret)) is None
    return running


@pytest.fixture(scope="session")
def shop(podman: Podman) -> dict[str, Running]:
    """All six images as one shop, by the names of its parts; each part waits for what it needs."""
    running: dict[str, Running] = {}
    for member in MEMBERS:
        archive = os.environ[member.archive]
        started = start(podman, archive, member.module, "shop", **member.env)
        podman.read_until(started.container, member.says)
        running[member.name] = started
    return running


@pytest.fixture
def channel(product: Running) -> Iterator[grpc.Channel]:
    assert product.container
    with connected() as channel:
        yield channel


@pytest.fixture(params=[member.name for member in MEMBERS])
def running(request: pytest.FixtureRequest, shop: dict[str, Running]) -> Running:
    """Each of the images in turn."""
    return shop[request.param]
