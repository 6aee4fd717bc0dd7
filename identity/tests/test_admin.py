"""The admin program, as people and scripts call it."""

import asyncio
import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from identity import admin
from identity.clients.clients import Clients
from identity.clients.clients_file import apply_clients_file
from identity.keys.algorithms import generate, public_jwk
from identity.settings import StoreSettings
from runtime.database_settings import open_migrated

type Run = Callable[..., Any]
CREATE = ("client", "create", "api", "--grant-type", "client_credentials", "--may-introspect")


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture
def flags(tmp_path: Path) -> tuple[str, ...]:
    return ("--database", f"sqlite:///{tmp_path}/identity.db", "--data", str(tmp_path / "data"))


@pytest.fixture
def run(flags: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command with --json and return what it prints."""

    def call(*command: str) -> Any:
        admin.main([*command, *flags, "--json"])
        return json.loads(capsys.readouterr().out)

    return call


@pytest.fixture
def fail(flags: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command that fails, and return its exit code and the last line that it says."""

    def call(*command: str) -> tuple[object, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            admin.main([*flags, *command])
        said = capsys.readouterr()
        assert not said.out
        return ended.value.code, said.err.splitlines()[-1].removeprefix("identity-admin: ")

    return call


def test_to_create_a_client_twice_changes_nothing_and_makes_one_secret(run: Run) -> None:
    first = run(*CREATE)
    assert first["change"] == "created"
    assert len(first["client_secret"]) == 43
    second = run(*CREATE)
    assert second["change"] == "unchanged"
    assert "client_secret" not in second
    shown = run("client", "show", "api")
    assert len(shown["secrets"]) == 1
    assert shown["source"] == "admin"
    assert first["client_secret"] not in json.dumps(shown)


def test_another_client_of_that_name_is_a_conflict(run: Run, fail: Run) -> None:
    run(*CREATE)
    code, said = fail(*CREATE, "--scope", "catalog.write")
    assert code == 4
    assert said == "api: is there with other metadata; change it with: client update"


def test_an_update_changes_what_is_given_and_unsets(run: Run) -> None:
    run(*CREATE)
    updated = run("client", "update", "api", "--scope", "catalog.write", "--no-may-introspect")
    assert updated["scope"] == "catalog.write"
    assert "may_introspect" not in updated
    assert updated["change"] == "updated"
    again = run("client", "update", "api", "--scope", "catalog.write")
    assert again["change"] == "unchanged"
    assert "scope" not in run("client", "update", "api", "--unset", "scope")


def test_a_client_by_its_key_has_no_secret(run: Run, fail: Run, tmp_path: Path) -> None:
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps({"keys": [public_jwk(generate("ES256"), "ES256")]}))
    method = ("--token-endpoint-auth-method", "private_key_jwt", "--jwks", str(jwks))
    assert "client_secret" not in run(*CREATE, *method)
    assert fail("client", "secret", "add", "api")[0] == 4


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (("client", "show", "nobody"), 3, "nobody: there is no such client"),
        (("client", "secret", "add", "nobody"), 3, "nobody: there is no such client"),
        (("user", "disable", "nobody"), 3, "nobody: there is no such user"),
        ((*CREATE, "--scope", "nothing"), 2, "scope: nothing: no such scope of any resource"),
        ((*CREATE, "--jwks", "/nowhere"), 2, "No such file"),
        ((*CREATE, "--trusted=1"), 2, "ignored explicit argument"),
        (("client", "create", "a"), 2, "grant_types: is required"),
        (("client", "create", "../a", "--grant-type", "client_credentials"), 2, "client_id: must"),
        (("user", "create", "bob"), 2, "standard input is no terminal"),
        (("token", "revoke"), 2, "give --jti alone, --grant alone, or --user, --client or both"),
        (("token", "revoke", "--jti", "a", "--user", "b"), 2, "give --jti alone"),
        (("client",), 2, "the following arguments are required: COMMAND"),
        (("keys", "rotate", "--key-announce", "1s"), 2, "--key-announce: must be twice"),
        (("keys", "list", "--database", "mysql://a"), 2, "--database: must start with sqlite:///"),
        (("client", "list", "--database", "postgresql:///x?host=/nowhere"), 1, "--database: "),
    ],
)
def test_what_is_wrong_is_said_with_its_exit_code(
    fail: Run, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], code: int, said: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    got, line = fail(*command)
    assert said in line
    assert got == code


def test_errors_are_json_too(fail: Run) -> None:
    code, line = fail("--json", "client", "show", "nobody")
    assert code == 3
    assert json.loads(line) == {
        "error": "CLIENT_NOT_FOUND",
        "message": "nobody: there is no such client",
    }


def test_a_client_of_the_file_is_the_files(run: Run, fail: Run, tmp_path: Path) -> None:
    from_file(tmp_path)
    assert fail("client", "update", "product-worker", "--trusted")[0] == 4
    assert fail("client", "delete", "product-worker")[0] == 4
    assert run("client", "secret", "add", "product-worker")["client_secret"]


def from_file(tmp_path: Path) -> None:
    """Do what a server does at its start."""

    async def apply() -> None:
        settings = StoreSettings.model_validate(
            {"database": f"sqlite:///{tmp_path}/identity.db", "data": tmp_path / "data"}
        )
        database = await open_migrated(settings, "identity.migrations")
        await apply_clients_file(settings, Clients(database))
        await database.close()

    asyncio.run(apply())


def test_to_delete_twice_is_no_error(run: Run) -> None:
    run(*CREATE)
    assert run("client", "delete", "api") == {"client_id": "api", "deleted": True}
    assert run("client", "delete", "api") == {"client_id": "api", "deleted": False}
    assert run("client", "list") == []


def test_a_secret_is_changed_and_removed(run: Run) -> None:
    run(*CREATE)
    made = run("client", "secret", "add", "api", "--others-expire-in", "1d", "--expires-in", "90d")
    assert made["client_secret"]
    old, new = run("client", "secret", "list", "api")
    assert old["expire_time"] < new["expire_time"]
    assert run("client", "secret", "remove", "api", old["secret_id"])["removed"]
    assert not run("client", "secret", "remove", "api", old["secret_id"])["removed"]
    assert run("client", "secret", "list", "api") == [new]


def test_a_secret_in_a_file_is_made_once_and_not_printed(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "api.secret"
    made = run(*CREATE, "--secret-file", str(path))
    assert "client_secret" not in made
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text()
    assert run("client", "secret", "add", "api", "--secret-file", str(path)) == {"client_id": "api"}
    assert path.read_text() == text
    assert len(run("client", "secret", "list", "api")) == 1


def test_a_user_is_created_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    created = run("user", "create", "Alice", "--password-stdin", "--email", "a@example.com")
    assert created["created"]
    assert created["username"] == "alice"
    again = run("user", "create", "alice", "--generate-password")
    assert again == {**created, "created": False}
    disabled = run("user", "disable", "alice")
    assert disabled["disabled"]
    assert run("user", "list") == [disabled]
    assert not run("user", "enable", "alice")["disabled"]


def test_a_generated_password_is_printed_once(run: Run) -> None:
    assert len(run("user", "create", "bob", "--generate-password")["password"]) == 20
    assert len(run("user", "set-password", "bob", "--generate-password")["password"]) == 20
    assert "password" not in run("user", "list")[0]


def test_a_common_password_is_refused(fail: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("password1\n"))
    code, said = fail("user", "create", "bob", "--password-stdin")
    assert code == 2
    assert said.startswith("password: ")


def test_keys_rotate_once_however_often_it_is_asked(run: Run) -> None:
    first = run("keys", "rotate")
    assert first["state"] == "signing"
    second = run("keys", "rotate")
    assert second["state"] == "announced"
    assert run("keys", "rotate") == second
    at_once = run("keys", "rotate", "--now")
    assert (at_once["kid"], at_once["state"]) == (second["kid"], "signing")
    assert [key["state"] for key in run("keys", "list")] == ["retired", "signing"]


def test_the_key_that_signs_is_deleted_after_a_successor_took_its_place(run: Run) -> None:
    first = run("keys", "rotate")["kid"]
    assert run("keys", "delete", first) == {"kid": first, "deleted": True}
    (successor,) = run("keys", "list")
    assert successor["state"] == "signing"
    assert successor["generation"] == 2
    assert run("keys", "delete", first) == {"kid": first, "deleted": False}


def test_the_encryption_key_is_changed(run: Run, fail: Run, tmp_path: Path) -> None:
    run("keys", "rotate")
    path = tmp_path / "data" / "identity.key"
    old = path.read_text()
    new = "bmV3IGtleSB0aGF0IGlzIDMyIGJ5dGVzIGxvbmchISE=\n"
    path.write_text(new)
    code, said = fail("keys", "rotate")
    assert code == 1
    assert "give the file of the servers" in said
    path.write_text(new + old)
    assert len(run("keys", "encrypt")["changed"]) == 1
    path.write_text(new)
    assert run("keys", "encrypt")["changed"] == []
    assert run("keys", "rotate")["state"] == "announced"


def test_tokens_are_revoked(run: Run) -> None:
    run("user", "create", "bob", "--generate-password")
    assert run("token", "revoke", "--jti", "one") == {"jti": "one", "revoked": True}
    for which in (("--user", "bob"), ("--client", "api"), ("--grant", "none")):
        assert run("token", "revoke", *which) == {"revoked_grants": 0}


# Each with the words that a script would repeat it with.
REPEATABLE = {
    ("client", "create"): CREATE[2:],
    ("client", "update"): ("api", "--scope", "catalog.write"),
    ("client", "show"): ("api",),
    ("client", "list"): (),
    ("client", "delete"): ("api",),
    ("client", "secret", "add"): ("api", "--secret-file", "SECRET"),
    ("client", "secret", "list"): ("api",),
    ("client", "secret", "remove"): ("api", "none"),
    ("user", "create"): ("bob", "--generate-password"),
    ("user", "disable"): ("alice",),
    ("user", "enable"): ("alice",),
    ("user", "list"): (),
    ("keys", "list"): (),
    ("keys", "rotate"): (),
    ("keys", "delete"): ("none",),
    ("keys", "encrypt"): (),
    ("token", "revoke"): ("--user", "alice"),
}
# It makes a new password, if it is told to; what it was told before, it does again.
ANEW = {("user", "set-password")}


def test_every_command_is_known_to_be_repeatable() -> None:
    assert REPEATABLE.keys() | ANEW == {command.words for command in admin.COMMANDS}


@pytest.mark.parametrize("words", REPEATABLE, ids=" ".join)
def test_what_is_done_already_is_left_alone(
    run: Run, tmp_path: Path, words: tuple[str, ...]
) -> None:
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text("s" * 43)
    run(*CREATE)
    run("user", "create", "alice", "--generate-password")
    run("keys", "rotate")
    arguments = [str(secret) if each == "SECRET" else each for each in REPEATABLE[words]]

    def state() -> list[Any]:
        clients = run("client", "list")
        secrets = [run("client", "secret", "list", each["client_id"]) for each in clients]
        return [clients, secrets, run("user", "list"), run("keys", "list")]

    run(*words, *arguments)
    done = state()
    run(*words, *arguments)
    assert state() == done


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        admin.main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for command in admin.COMMANDS:
        assert f"  {' '.join(command.words)}  " in said
        with pytest.raises(SystemExit):
            admin.main([*command.words, "--help"])
        assert command.summary[1:] in " ".join(capsys.readouterr().out.split())
    assert "Exit codes" in said
    assert max(map(len, said.splitlines())) <= 100
