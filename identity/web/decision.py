"""What must happen before an authorization request is granted (OpenID Connect Core §3.1.2.3)."""

from enum import StrEnum

from identity.clients.client import Client
from identity.model import Session
from identity.protocol.asked import Asked
from identity.web.links import form_target
from identity.web.marks import Did
from runtime.clock import SECOND, Micros

OFFLINE = "offline_access"


class Step(StrEnum):
    """What comes next."""

    LOG_IN = "login"
    CHOOSE_ACCOUNT = "select_account"
    CONSENT = "consent"
    APPROVE = "approve"
    # The user logged in as somebody else than the client asked for.
    WRONG_USER = "wrong_user"


def next_step(
    asked: Asked,
    session: Session | None,
    did: Did | None,
    allowed: frozenset[str],
    now: Micros,
) -> Step:
    """Return what the user has to do. `allowed` are the scopes they allowed the client before."""
    if session is None:
        return Step.LOG_IN
    if asked.hinted_user_id not in {None, session.user_id}:
        return Step.WRONG_USER if did is Did.LOG_IN else Step.LOG_IN
    if did is not Did.LOG_IN and _needs_login(asked, session, now):
        return Step.LOG_IN
    if "select_account" in asked.prompt and did is None:
        return Step.CHOOSE_ACCOUNT
    return Step.CONSENT if _needs_consent(asked, allowed) else Step.APPROVE


def _needs_login(asked: Asked, session: Session, now: Micros) -> bool:
    if "login" in asked.prompt or asked.max_age == 0:
        return True
    return asked.max_age is not None and now - session.auth_time > asked.max_age * SECOND


def _needs_consent(asked: Asked, allowed: frozenset[str]) -> bool:
    if "consent" in asked.prompt:
        return True
    if asked.client.trusted and not _may_be_impersonated(asked.client, asked.redirect_uri):
        return False
    is_new = not allowed.issuperset(asked.scopes) or OFFLINE in asked.scopes
    return is_new or _may_be_impersonated(asked.client, asked.redirect_uri)


def _may_be_impersonated(client: Client, redirect_uri: str) -> bool:
    """Whether any program on the user's machine could be this client (RFC 8252 §8.6).

    It keeps no secret and is redirected to by something else than https: then each time a person
    has to say that they began this.
    """
    return client.public and not form_target(redirect_uri).startswith("https://")
