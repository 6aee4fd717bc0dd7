"""The flags about tokens."""

from pathlib import Path

import pytest

from runtime.auth.settings import ClientSettings, VerifierSettings
from runtime.settings import load

VERIFIER = ["--audience", "urn:bodega:test"]
CLIENT = ["--client-id", "a", "--client-secret-file", "/a"]


def test_the_issuer_is_that_of_this_machine_unless_told() -> None:
    assert load(VerifierSettings, VERIFIER).issuer == "http://127.0.0.1:8080"
    assert load(ClientSettings, CLIENT).issuer == "http://127.0.0.1:8080"


def refused(*flags: str) -> None:
    with pytest.raises(SystemExit):
        load(VerifierSettings, [*VERIFIER, *flags])


@pytest.mark.parametrize(
    "url", ["id.example", "ftp://id.example", "https://a?b", "https://a#b", "https://u:p@a"]
)
def test_an_issuer_is_a_url(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    refused("--issuer", url)
    assert "--issuer: " in capsys.readouterr().err


def test_an_issuer_elsewhere_needs_tls_or_a_flag(capsys: pytest.CaptureFixture[str]) -> None:
    refused("--issuer", "http://id.example")
    assert "--issuer: http://id.example has no TLS" in capsys.readouterr().err
    flags = [*VERIFIER, "--issuer", "http://id.example", "--trust-network"]
    assert load(VerifierSettings, flags).trust_network
    assert load(VerifierSettings, [*VERIFIER, "--issuer", "https://id.example"]).issuer


@pytest.mark.parametrize("audience", ["product", "", "urn:a#b", "urn:a b"])
def test_an_audience_is_an_absolute_uri(audience: str, capsys: pytest.CaptureFixture[str]) -> None:
    refused("--audience", audience)
    assert "--audience: must be an absolute URI" in capsys.readouterr().err


def test_roots_that_are_not_there_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    refused("--issuer-roots", "/no/file")
    assert "--issuer-roots: there is no file /no/file" in capsys.readouterr().err


def test_development_secrets_lie_in_the_state_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    found = load(ClientSettings, ["--client-id", "a"]).secret_file
    assert found == tmp_path / "bodega" / "clients" / "a.secret"
    assert load(ClientSettings, CLIENT).secret_file == Path("/a")
