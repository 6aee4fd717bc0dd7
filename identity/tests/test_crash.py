"""`kill -9` between issue and answer loses nothing and doubles nothing."""

import asyncio
import random
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Connection, func, select

from identity.tables import authorization_codes, refresh_tokens
from identity.tests.processes import Server, acting, clients_file, running
from identity.tests.provider import Provider, client_of, new_user, register
from runtime.database import Database
from runtime.testing.waiting import PATIENCE_SECONDS

GRACE = ("--refresh-grace", "60s")
ISSUER = "http://127.0.0.1:8080"
ROUNDS = 5
AT_ONCE = 20


async def post(provider: Provider, **form: str) -> httpx.Response | None:
    """Return the answer, or None where the crash took it or the server was too busy for one."""
    try:
        answer = await provider.token("web", **form)
    except httpx.HTTPError:
        return None
    return None if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else answer


async def killed_while(
    server: Server, provider: Provider, forms: list[dict[str, str]], codes: int
) -> list[httpx.Response | None]:
    """Send all at once, and kill the server as soon as so many codes were answered.

    What is answered after that is lost as well: it may be on its way already.
    """
    answered = 0
    enough = asyncio.Event()

    async def send(form: dict[str, str]) -> httpx.Response | None:
        nonlocal answered
        answer = await post(provider, **form)
        if answer is None or enough.is_set():
            return None
        answered += "code" in form
        if answered == codes:
            enough.set()
        return answer

    async with asyncio.timeout(2 * PATIENCE_SECONDS), asyncio.TaskGroup() as group:
        tasks = [group.create_task(send(form)) for form in forms]
        await enough.wait()
        await server.kill()
    return [task.result() for task in tasks]


def families(connection: Connection) -> dict[str, int]:
    """Return for each grant how many live refresh tokens it has."""
    live = (func.count() - func.count(refresh_tokens.c.consume_time)).label("live")
    query = select(refresh_tokens.c.grant_id, live).group_by(refresh_tokens.c.grant_id)
    rows = connection.execute(query).all()
    return {row.grant_id: row.live for row in rows}


def consumed_codes(connection: Connection) -> set[str]:
    query = select(authorization_codes.c.grant_id).where(
        authorization_codes.c.consume_time.is_not(None)
    )
    return set(connection.scalars(query).all())


def code_form(code: str) -> dict[str, str]:
    return {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": "v" * 43,
        "redirect_uri": "https://web.example.com/callback",
    }


def refresh_form(token: str) -> dict[str, str]:
    return {"grant_type": "refresh_token", "refresh_token": token}


def json_of(answer: httpx.Response | None) -> dict[str, Any]:
    assert answer is not None
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_kill_9_between_issue_and_answer_loses_and_doubles_nothing(
    database_url: str, tmp_path: Path
) -> None:
    flags = (*GRACE, "--issuer", ISSUER, *clients_file(tmp_path))
    moments = random.Random(7)  # noqa: S311 (when to kill; the same in each run)
    live: list[str] = []
    answers: list[httpx.Response | None] = []
    async with running(database_url, tmp_path, *flags):
        pass  # The schema and the keys are there now.
    async with acting(database_url, tmp_path, ISSUER) as parts:
        await register(parts.base.clients)
        user, session = await new_user(parts.base.database)
        for _ in range(ROUNDS):
            async with (
                running(database_url, tmp_path, *flags) as server,
                client_of(server.address) as http,
            ):
                provider = Provider(parts, http, user, session, server.address)
                live = await resume(provider, live, answers)
                await assert_whole(parts.base.database)
                codes = [await provider.code() for _ in range(AT_ONCE)]
                forms = [code_form(code) for code in codes]
                forms += [refresh_form(token) for token in live]
                answers = await killed_while(server, provider, forms, moments.randrange(1, 5))
                await assert_whole(parts.base.database)
    assert len(live) >= ROUNDS - 1


async def assert_whole(database: Database) -> None:
    """See that a code has begun one family or none, each with one live token.

    In one snapshot: PostgreSQL may still be committing what it was sent before the crash.
    """
    found, codes = await database.read(lambda c: (families(c), consumed_codes(c)))
    assert set(found) == codes
    assert set(found.values()) <= {1}


async def resume(
    provider: Provider, before: list[str], answers: list[httpx.Response | None]
) -> list[str]:
    """Return one live refresh token of each family, old and new.

    Whatever was answered goes on, and whatever was not is asked for again.
    """
    new, old = answers[:AT_ONCE], answers[AT_ONCE:]
    live = [json_of(answer)["refresh_token"] for answer in new if answer is not None]
    for token, answer in zip(before, old, strict=True):
        if answer is None:  # Used or not, it is good once more within the grace.
            answer = await post(provider, **refresh_form(token))  # noqa: PLW2901
        live.append(json_of(answer)["refresh_token"])
    again = [json_of(await post(provider, **refresh_form(token))) for token in live]
    return [each["refresh_token"] for each in again]
