"""clients.toml, applied as a server does at its start."""

import asyncio
import stat
from pathlib import Path

import pytest

from identity.clients.client import parse_client
from identity.clients.clients import Clients
from identity.clients.clients_file import apply_clients_file, load_clients_file, secret_path
from identity.settings import StoreSettings
from identity.tests.times import HandClock
from runtime.database import Database
from runtime.main import StartError

SERVICE = """
[[client]]
client_id = "service"
grant_types = ["client_credentials"]
scope = "read"
"""
RESOURCE = """
[[resource]]
uri = "urn:test:api"
name = "API"
scopes = { read = "Read" }
"""


@pytest.fixture
def clients(database: Database, clock: HandClock) -> Clients:
    return Clients(database, clock=clock)


SERVICES = {"cart", "cart-worker", "operator", "product-worker"}


def settings_of(tmp_path: Path, text: str | None = None) -> StoreSettings:
    path = None
    if text is not None:
        path = tmp_path / "clients.toml"
        path.write_text(text)
    return StoreSettings.model_validate({"data": tmp_path / "data", "clients": path})


async def test_the_shipped_file_gives_each_service_a_secret_of_its_own(
    clients: Clients, tmp_path: Path
) -> None:
    resources = await apply_clients_file(settings_of(tmp_path), clients)
    path = secret_path(tmp_path / "data", "product-worker")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {each.stem for each in path.parent.iterdir()} == SERVICES
    assert await clients.has_secret("product-worker", path.read_text().strip())
    assert resources.owner("catalog.write") == "urn:bodega:product"
    cli = await clients.get("bodega-cli")
    assert cli is not None
    assert cli.public


async def test_applied_again_it_changes_nothing(
    clients: Clients, clock: HandClock, tmp_path: Path
) -> None:
    await apply_clients_file(settings_of(tmp_path), clients)
    before = await clients.all(), await clients.secrets("product-worker")
    clock.now += 1
    await apply_clients_file(settings_of(tmp_path), clients)
    assert (await clients.all(), await clients.secrets("product-worker")) == before


async def test_many_replicas_at_once_share_one_secret(database: Database, tmp_path: Path) -> None:
    replicas = [Clients(database) for _ in range(8)]
    settings = settings_of(tmp_path)
    await asyncio.gather(*(apply_clients_file(settings, each) for each in replicas))
    assert len(await replicas[0].secrets("product-worker")) == 1
    assert {each.client.client_id for each in await replicas[0].all()} == SERVICES | {"bodega-cli"}


async def test_a_restored_secret_is_taken_by_an_empty_database(
    clients: Clients, tmp_path: Path
) -> None:
    path = secret_path(tmp_path / "data", "product-worker")
    path.parent.mkdir(parents=True)
    path.write_text("s" * 43)
    path.chmod(0o600)
    await apply_clients_file(settings_of(tmp_path), clients)
    assert await clients.has_secret("product-worker", "s" * 43)


async def test_a_client_taken_out_of_the_file_is_deleted_and_others_stay(
    clients: Clients, tmp_path: Path
) -> None:
    kept = parse_client({"client_id": "kept", "grant_types": ["client_credentials"]})
    await clients.put(kept, source="admin")
    await apply_clients_file(settings_of(tmp_path, RESOURCE + SERVICE), clients)
    await apply_clients_file(settings_of(tmp_path, RESOURCE), clients)
    assert [each.client.client_id for each in await clients.all()] == ["kept"]
    assert await clients.get("service") is None


async def test_a_secret_file_is_found_beside_the_clients_file(
    clients: Clients, tmp_path: Path
) -> None:
    secret = tmp_path / "service.secret"
    secret.touch(mode=0o600)
    secret.write_text("a-secret-that-the-operator-made-elsewhere\n")
    settings = settings_of(tmp_path, RESOURCE + SERVICE + 'secret_file = "service.secret"\n')
    await apply_clients_file(settings, clients)
    assert await clients.has_secret("service", "a-secret-that-the-operator-made-elsewhere")
    assert not (tmp_path / "data" / "clients").exists()


@pytest.mark.parametrize(
    ("mode", "text", "rule"),
    [
        (0o644, "s" * 43, "chmod 600"),
        (0o602, "s" * 43, "chmod 600"),
        (0o600, "short", "32 random characters"),
        (0o600, "", "32 random characters"),
        (0o600, "two\n" + "s" * 43, "in one line"),
    ],
)
async def test_a_bad_secret_file_stops_the_start(
    clients: Clients, tmp_path: Path, mode: int, text: str, rule: str
) -> None:
    path = secret_path(tmp_path / "data", "product-worker")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(StartError, match=rule):
        await apply_clients_file(settings_of(tmp_path), clients)
    assert await clients.all() == []


def test_everything_wrong_is_said_at_once_by_name(tmp_path: Path) -> None:
    path = tmp_path / "clients.toml"
    path.write_text(
        """
        surprise = 1
        [[resource]]
        uri = "no uri"
        name = "API"
        scopes = { openid = "Mine" }
        [[client]]
        client_id = "one"
        grant_types = ["client_credentials"]
        scope = "nothing"
        [[client]]
        client_id = "two"
        grant_types = ["authorization_code"]
        redirect_uris = ["http://example.com/callback"]
        [[client]]
        client_id = "three"
        grant_types = ["authorization_code"]
        redirect_uris = ["https://example.com/callback"]
        token_endpoint_auth_method = "none"
        generate_secret = true
        """
    )
    with pytest.raises(StartError) as caught:
        load_clients_file(path)
    lines = [line.removeprefix(f"--clients: {path}: ") for line in str(caught.value).splitlines()]
    assert lines == [
        "surprise: only [[resource]] and [[client]] are known here",
        "resource no uri: uri: must be an absolute URI without a fragment (RFC 8707 §2)",
        (
            "resource no uri: scopes.openid: must be a scope name (RFC 6749 §3.3), not OpenID"
            " Connect's"
        ),
        "client one: scope: nothing: no such scope of any resource",
        (
            "client two: redirect_uris.0: must be https:// (http:// is for native clients, on a"
            " loopback address)"
        ),
        "client three: generate_secret: token_endpoint_auth_method none uses no secret",
    ]


@pytest.mark.parametrize("text", ["client = 1", "[client]\nclient_id = 'x'", "[[client", "\udc80"])
def test_a_file_that_is_none_says_where(tmp_path: Path, text: str) -> None:
    path = tmp_path / "clients.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(StartError, match=r"clients\.toml: "):
        load_clients_file(path)


def test_a_missing_file_says_which(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"--clients: .*none\.toml: No such file"):
        load_clients_file(tmp_path / "none.toml")
