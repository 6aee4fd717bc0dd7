"""Clients, users, and all that is issued to them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables of an empty identity server."""
    _create_clients()
    _create_users()
    _create_grants()
    _create_requests()
    _create_keys()
    _create_watching()


def _create_clients() -> None:
    op.create_table(
        "clients",
        sa.Column("client_id", sa.Text, primary_key=True),
        sa.Column("metadata", sa.Text, nullable=False),
        sa.Column("signing_algorithm", sa.Text, nullable=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("update_time", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "client_secrets",
        sa.Column("client_id", sa.Text, primary_key=True),
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("expire_time", sa.BigInteger, nullable=True),
    )


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("username", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=True),
        sa.Column("email_verified", sa.Boolean, nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("update_time", sa.BigInteger, nullable=False),
    )
    op.create_index("users_by_username", "users", ["username"], unique=True)
    op.create_table(
        "sessions",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("sid", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("auth_time", sa.BigInteger, nullable=False),
        sa.Column("last_use_time", sa.BigInteger, nullable=False),
        sa.Column("expire_time", sa.BigInteger, nullable=False),
    )
    op.create_index("sessions_by_sid", "sessions", ["sid"], unique=True)
    op.create_index("sessions_by_user", "sessions", ["user_id"])
    op.create_index("sessions_by_expiry", "sessions", ["expire_time"])
    op.create_table(
        "consents",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("client_id", sa.Text, primary_key=True),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("update_time", sa.BigInteger, nullable=False),
    )


def _create_grants() -> None:
    op.create_table(
        "grants",
        sa.Column("grant_id", sa.Text, primary_key=True),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("sid", sa.Text, nullable=True),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("resources", sa.Text, nullable=False),
        sa.Column("auth_time", sa.BigInteger, nullable=False),
        sa.Column("dpop_jkt", sa.Text, nullable=True),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("expire_time", sa.BigInteger, nullable=False),
        sa.Column("revoke_time", sa.BigInteger, nullable=True),
    )
    op.create_index("grants_by_user", "grants", ["user_id", "client_id"])
    op.create_index("grants_by_sid", "grants", ["sid"])
    op.create_index("grants_by_expiry", "grants", ["expire_time"])
    op.create_table(
        "authorization_codes",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("grant_id", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("redirect_uri", sa.Text, nullable=False),
        sa.Column("code_challenge", sa.Text, nullable=False),
        sa.Column("nonce", sa.Text, nullable=True),
        sa.Column("dpop_jkt", sa.Text, nullable=True),
        sa.Column("expire_time", sa.BigInteger, nullable=False),
        sa.Column("consume_time", sa.BigInteger, nullable=True),
    )
    op.create_index("authorization_codes_by_expiry", "authorization_codes", ["expire_time"])
    op.create_table(
        "refresh_tokens",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("grant_id", sa.Text, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("expire_time", sa.BigInteger, nullable=False),
        sa.Column("consume_time", sa.BigInteger, nullable=True),
    )
    op.create_index("refresh_tokens_by_grant", "refresh_tokens", ["grant_id"])
    op.create_index("refresh_tokens_by_expiry", "refresh_tokens", ["expire_time"])
    op.create_table(
        "revoked_access_tokens",
        sa.Column("jti", sa.Text, primary_key=True),
        sa.Column("expire_time", sa.BigInteger, nullable=False),
    )
    op.create_index("revoked_access_tokens_by_expiry", "revoked_access_tokens", ["expire_time"])


def _create_requests() -> None:
    op.create_table(
        "device_codes",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("user_code", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("resources", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=True),
        sa.Column("sid", sa.Text, nullable=True),
        sa.Column("auth_time", sa.BigInteger, nullable=True),
        sa.Column("interval", sa.BigInteger, nullable=False),
        sa.Column("poll_time", sa.BigInteger, nullable=True),
        sa.Column("expire_time", sa.BigInteger, nullable=False),
    )
    op.create_index("device_codes_by_user_code", "device_codes", ["user_code"], unique=True)
    op.create_index("device_codes_by_expiry", "device_codes", ["expire_time"])
    op.create_table(
        "pushed_requests",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("parameters", sa.Text, nullable=False),
        sa.Column("expire_time", sa.BigInteger, nullable=False),
    )
    op.create_index("pushed_requests_by_expiry", "pushed_requests", ["expire_time"])
    op.create_table(
        "used_jtis",
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("jti", sa.LargeBinary, primary_key=True),
        sa.Column("expire_time", sa.BigInteger, nullable=False),
    )
    op.create_index("used_jtis_by_expiry", "used_jtis", ["expire_time"])


def _create_keys() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.Text, primary_key=True),
        sa.Column("algorithm", sa.Text, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("public_jwk", sa.Text, nullable=False),
        sa.Column("private_key", sa.LargeBinary, nullable=False),
        sa.Column("announce_time", sa.BigInteger, nullable=False),
        sa.Column("sign_time", sa.BigInteger, nullable=False),
        sa.Column("token_lifetime", sa.BigInteger, nullable=False),
    )
    op.create_index(
        "signing_keys_by_generation", "signing_keys", ["algorithm", "generation"], unique=True
    )


def _create_watching() -> None:
    op.create_table(
        "failures",
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("last_time", sa.BigInteger, nullable=False),
        sa.Column("locked_until", sa.BigInteger, nullable=False),
    )
    op.create_index("failures_by_time", "failures", ["last_time"])
    op.create_table(
        "logout_notices",
        sa.Column("sid", sa.Text, primary_key=True),
        sa.Column("client_id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        sa.Column("next_time", sa.BigInteger, nullable=False),
        sa.Column("expire_time", sa.BigInteger, nullable=False),
    )
    op.create_index("logout_notices_by_time", "logout_notices", ["next_time"])
