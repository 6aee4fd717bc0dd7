"""Flags over environment over defaults, and errors that name the flag."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from runtime.duration import format_duration, parse_duration
from runtime.engine import Engine
from runtime.settings import (
    Address,
    ListenAddress,
    ServerSettings,
    Settings,
    SettingsConfigDict,
    TelemetrySettings,
    load,
)


class Shop(ServerSettings, TelemetrySettings):
    """The shop server."""

    model_config = SettingsConfigDict(env_prefix="BODEGA_SHOP_")
    listen: ListenAddress = "127.0.0.1:50099"
    database: Annotated[str, Field(description="database URL")]
    migrate: Annotated[bool | None, Field(description="100 % of the schema")] = None


def complaint(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    with pytest.raises(SystemExit) as ended:
        load(Shop, argv)
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_a_flag_wins_over_the_environment_over_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BODEGA_SHOP_GRACE", "2m")
    monkeypatch.setenv("BODEGA_SHOP_LISTEN", "127.0.0.1:1")
    monkeypatch.setenv("BODEGA_SHOP_MIGRATE", "true")
    settings = load(Shop, ["--database", "x", "--listen", "[::1]:2"])
    assert settings.listen == "[::1]:2"
    assert settings.grace == timedelta(minutes=2)
    assert settings.engine is Engine.AUTO
    assert settings.migrate is True


def test_a_listener_may_be_a_unix_socket() -> None:
    path = "unix:/" + "a" * 106
    assert load(Shop, ["--database", "x", "--listen", path]).listen == path


def test_switches_have_two_flags() -> None:
    settings = load(Shop, ["--database", "x", "--no-migrate", "--no-introspection"])
    assert settings.migrate is False
    assert settings.introspection is False


def test_the_admin_listener_can_be_turned_off() -> None:
    class Watched(Shop):
        metrics_listen: Address | None = "127.0.0.1:9099"

    assert load(Watched, ["--database", "x"]).metrics_listen == "127.0.0.1:9099"
    assert load(Watched, ["--database", "x", "--metrics-listen", "off"]).metrics_listen is None


def test_settings_cannot_be_changed() -> None:
    settings = load(Shop, ["--database", "x"])
    with pytest.raises(ValueError, match="frozen"):
        settings.database = "y"


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        ([], "--database: required (or set BODEGA_SHOP_DATABASE)"),
        (["--grace", "soon"], "--grace: must be a duration such as 500ms, 30s"),
        (["--grace=-1s"], "--grace: must be a duration"),
        (["--grace", f"{10**12}d"], "--grace: must be less than"),
        (["--grace", f"1{'0' * 400}d"], "--grace: must be less than"),
        (["--listen", "50051"], "--listen: must be host:port"),
        (["--listen", "::1:50051"], "--listen: must be host:port"),
        (["--listen", "a:65536"], "--listen: must be host:port"),
        (["--listen", "unix:"], "--listen: must name a path of at most 107 bytes"),
        (["--listen", "unix:/" + "a" * 107], "--listen: must name a path of at most 107 bytes"),
        (["--engine", "fast"], "--engine: Input should be 'grpcio', 'native' or 'auto'"),
        (["--trace-ratio", "1.5"], "--trace-ratio: Input should be less than or equal to 1"),
        (["--max-concurrent-rpcs", "0"], "--max-concurrent-rpcs: Input should be greater"),
        (["--otlp-endpoint", "collector:4317"], "--otlp-endpoint: String should match"),
        (["--tls-key", "/dev/null"], "--tls-certificate and --tls-key: one needs the other"),
        (["--databas", "x"], "unrecognized arguments: --databas x"),
        (["--tls-certificate", "/no", "--tls-key", "/no"], "--tls-certificate: there is no file"),
    ],
)
def test_an_error_names_the_flag_and_the_rule(
    capsys: pytest.CaptureFixture[str], argv: list[str], text: str
) -> None:
    base = [] if not argv or "--databas" in argv else ["--database", "x"]
    err = complaint(capsys, *base, *argv)
    assert text in err
    assert "Traceback" not in err


def test_an_error_from_the_environment_names_the_variable(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BODEGA_SHOP_GRACE", "soon")
    err = complaint(capsys, "--database", "x")
    assert "--grace (from BODEGA_SHOP_GRACE): must be a duration" in err


def test_all_errors_are_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(complaint(capsys, "--grace", "x", "--listen", "y").splitlines()) == 3


def test_the_native_engine_with_tls_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "pem"
    file.touch()
    tls = ("--tls-certificate", str(file), "--tls-key", str(file))
    err = complaint(capsys, "--database", "x", "--engine", "native", *tls)
    assert "--engine: the native engine has no TLS: choose grpcio or auto" in err
    assert load(Shop, ["--database", "x", *tls]).tls is not None


def test_help_tells_each_flag_its_default_and_its_variable(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        load(Shop, ["--help"])
    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "The shop server." in text
    assert (
        "--listen HOST:PORT|unix:PATH address of the gRPC listener "
        "[default 127.0.0.1:50099; BODEGA_SHOP_LISTEN]"
    ) in text
    assert "--grace DURATION" in text
    assert "default 10s" in text
    assert "database URL [required; BODEGA_SHOP_DATABASE]" in text
    assert "100 % of the schema [unset" in text


def test_a_field_without_a_description_is_refused() -> None:
    class Silent(Settings):
        """Says nothing."""

        number: int = 1

    with pytest.raises(TypeError, match="number has no description"):
        load(Silent, [])


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=1000)))
def test_a_duration_is_read_as_it_is_written(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration
