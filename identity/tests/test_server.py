"""The server as a process: started, watched, stopped."""

import asyncio
import re
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

from identity.tests.processes import (
    ANY_PORT,
    beside,
    clients_file,
    command,
    environment,
    running,
)
from identity.tests.provider import (
    ASSERTION_TYPE,
    DEVICE_CODE,
    SECRET,
    Proof,
    Provider,
    client_of,
    query_of,
    request_for,
)
from runtime.testing.waiting import PATIENCE_SECONDS


async def ended(*arguments: str, home: Path) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *arguments, env=environment(home), stdout=PIPE, stderr=PIPE
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        _, err = await process.communicate()
    return process.returncode, err.decode()


async def test_it_needs_no_flags_but_a_free_port_and_ends_on_sigterm(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "identity.server", "--log-format", "json", *ANY_PORT),
        env=environment(tmp_path),
        stderr=PIPE,
    )
    assert process.stderr is not None
    address = ""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not address:
            line = (await process.stderr.readline()).decode()
            address = "".join(re.findall(r'"address": "([0-9.:]+)", "event": "serving"', line))
    async with client_of(address) as http:
        document = (await http.get("/.well-known/openid-configuration")).json()
        assert document["issuer"] == f"http://{address}"
        secret = tmp_path / "bodega" / "clients" / "product-worker.secret"
        assert secret.stat().st_mode & 0o777 == 0o600
        token = await http.post(
            "/token",
            data={"grant_type": "client_credentials"},
            auth=("product-worker", secret.read_text().strip()),
        )
        assert token.json()["scope"] == "catalog.write"
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await process.communicate()
    assert process.returncode == 0
    assert (tmp_path / "bodega" / "identity.db").stat().st_mode & 0o777 == 0o600


async def test_a_taken_port_is_named(sqlite_url: str, tmp_path: Path) -> None:
    listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    host, port = listener.sockets[0].getsockname()
    async with listener:
        flags = (*ANY_PORT, "--listen", f"{host}:{port}")
        code, err = await ended(*command(sqlite_url, tmp_path, *flags), home=tmp_path)
    assert code == 1
    assert f"--listen {host}:{port}: address already in use" in err


async def test_an_issuer_must_be_https_or_loopback(sqlite_url: str, tmp_path: Path) -> None:
    flags = ("--issuer", "http://id.example.com")
    code, err = await ended(*command(sqlite_url, tmp_path, *flags), home=tmp_path)
    assert code == 2
    assert "--issuer: must begin with https://" in err


async def all_flows(provider: Provider) -> list[str]:
    """Go through every flow; return every secret that went over the wire."""
    verifier = "verifier-" + "v" * 43
    proof = Proof.new().sign(htu=f"http://{provider.address}/token")
    code = await provider.code(verifier=verifier, nonce="nonce-of-mine")
    tokens = (await provider.redeem(code, headers={"DPoP": proof}, code_verifier=verifier)).json()
    refreshed = (await provider.refresh(tokens["refresh_token"])).json()
    await provider.refresh(tokens["refresh_token"] + "x")
    await provider.redeem(code, code_verifier=verifier)
    await provider.introspect(refreshed["access_token"])
    await provider.post("/revoke", "web", token=refreshed["refresh_token"])
    await provider.post("/introspect", "web", token="a.secret.token-that-is-none")
    pushed = (await provider.post("/par", "web", **dict(request_for()[1:]))).json()["request_uri"]
    by = [("client_id", "web"), ("request_uri", pushed)]
    await provider.http.get("/authorize", params=dict(by))
    pushed_code = query_of(await provider.approved(by))["code"]
    await provider.http.get("/userinfo", headers={"Authorization": f"Bearer {code}"})
    started = provider.post("/device_authorization", None, client_id="app", scope="openid")
    device = (await started).json()
    form = {"client_id": "app", "device_code": device["device_code"]}
    await provider.token(None, grant_type=DEVICE_CODE, **form)
    await provider.parts.devices.approve(device["user_code"], provider.session)
    approved = (await provider.token(None, grant_type=DEVICE_CODE, **form)).json()
    wrong = "assertion-header.assertion-claims.assertion-signature"
    await provider.token(None, client_assertion=wrong, client_assertion_type=ASSERTION_TYPE)
    secrets = [SECRET, verifier, proof, code, pushed.rpartition(":")[2], pushed_code, wrong]
    secrets += [device["device_code"], device["user_code"]]
    for response in (tokens, refreshed, approved):
        secrets += [response[name] for name in ("access_token", "refresh_token", "id_token")]
    return [*secrets, *(part for each in secrets for part in each.split(".")[-1:])]


async def test_authlib_prints_tokens_at_debug_and_nothing_of_it_is_logged(
    database_url: str, tmp_path: Path
) -> None:
    flags = ("--log-level", "debug", *clients_file(tmp_path))
    async with running(database_url, tmp_path, *flags) as server:
        async with beside(database_url, tmp_path, server) as provider:
            secrets = await all_flows(provider)
        server.process.send_signal(signal.SIGTERM)
        await server.process.wait()
    output = "".join(server.output)
    assert output.count('"event": "token.issue"') >= 2
    assert [secret for secret in secrets if secret in output] == []
