"""What the container is for: tokens are issued over loopback, and the keys are kept."""

from typing import Any

import httpx

from bazel.image.testing.podman import Podman
from e2e import programs
from e2e.tests.conftest import ISSUER, Running
from e2e.tests.members import SERVING


def get(path: str) -> Any:
    return httpx.get(ISSUER + path, timeout=60).raise_for_status().json()


def test_it_calls_itself_what_its_deployer_says(identity: Running) -> None:
    assert identity.container
    document = get("/.well-known/openid-configuration")
    assert document["issuer"] == ISSUER
    assert document["token_endpoint"] == f"{ISSUER}/token"


def test_without_a_name_it_does_not_start(podman: Podman, identity: Running) -> None:
    tried = podman.attempt("run", "--rm", "--network=host", identity.name)
    assert tried.returncode == 2
    assert "--issuer: is needed" in tried.stderr


def test_the_secret_that_it_made_is_its_own_and_gives_a_token(
    podman: Podman, identity: Running
) -> None:
    made = podman.python(
        identity.container, programs.PRIVATE_FILE.replace("CLIENT", "product-worker")
    )
    assert made["mode"] == 0o600
    answer = httpx.post(
        f"{ISSUER}/token",
        auth=("product-worker", made["text"]),
        data={"grant_type": "client_credentials"},
        timeout=60,
    )
    issued = answer.raise_for_status().json()
    assert (issued["token_type"], issued["scope"]) == ("Bearer", "catalog.write")


def test_sigterm_ends_it_with_exit_code_0_and_the_keys_are_kept(
    podman: Podman, identity: Running
) -> None:
    keys = get("/jwks")
    assert podman.terminate(identity.container) == 0
    podman("start", identity.container)
    podman.read_until(identity.container, SERVING, times=2)
    assert get("/jwks") == keys
