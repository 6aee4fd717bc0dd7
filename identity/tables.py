"""The tables, as the newest migration leaves them. Times are microseconds since 1970 UTC.

Whatever a caller could use to act for somebody (a code, a token, a session's cookie, a client's
secret) is stored as its SHA-256 alone: it has 256 bits of entropy, so nothing can be guessed from
a digest, and a copy of the database lets nobody in. Passwords, which people choose, are Argon2id.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, MetaData, Table, Text

metadata = MetaData()

# Who may ask for tokens. `metadata` is JSON in the members of RFC 7591.
clients = Table(
    "clients",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("metadata", Text, nullable=False),
    # Of its ID tokens, where it asks for another than the default: keys are kept for it.
    Column("signing_algorithm", Text, nullable=True),
    # "file" (clients.toml, which wins at every start) or "admin".
    Column("source", Text, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    Column("update_time", BigInteger, nullable=False),
)

# Several at a time, so that a secret can be changed with no moment in which none is right.
client_secrets = Table(
    "client_secrets",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("create_time", BigInteger, nullable=False),
    Column("expire_time", BigInteger, nullable=True),
)

users = Table(
    "users",
    metadata,
    # The `sub` of every token: a random UUID that is never used again.
    Column("user_id", Text, primary_key=True),
    # Folded (NFKC, casefold), so that no two look alike to a person.
    Column("username", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=True),
    Column("email_verified", Boolean, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    Column("update_time", BigInteger, nullable=False),
    Index("users_by_username", "username", unique=True),
)

# A browser in which a user has logged in.
sessions = Table(
    "sessions",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    # The `sid` of its ID tokens and logout tokens: names the session, and opens nothing.
    Column("sid", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("auth_time", BigInteger, nullable=False),
    Column("last_use_time", BigInteger, nullable=False),
    Column("expire_time", BigInteger, nullable=False),
    Index("sessions_by_sid", "sid", unique=True),
    Index("sessions_by_user", "user_id"),
    Index("sessions_by_expiry", "expire_time"),
)

# What a user has allowed a client for good.
consents = Table(
    "consents",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("client_id", Text, primary_key=True),
    # Space-separated, sorted.
    Column("scopes", Text, nullable=False),
    Column("update_time", BigInteger, nullable=False),
)

# One authorization that a user gave a client: the family of all that is issued upon it. To
# revoke it revokes the whole family.
grants = Table(
    "grants",
    metadata,
    Column("grant_id", Text, primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("sid", Text, nullable=True),
    Column("scopes", Text, nullable=False),
    # The resource indicators (RFC 8707) it may be used at: space-separated URIs.
    Column("resources", Text, nullable=False),
    Column("auth_time", BigInteger, nullable=False),
    # The JWK thumbprint that its refresh tokens are bound to (RFC 9449 §5).
    Column("dpop_jkt", Text, nullable=True),
    Column("create_time", BigInteger, nullable=False),
    Column("expire_time", BigInteger, nullable=False),
    Column("revoke_time", BigInteger, nullable=True),
    Index("grants_by_user", "user_id", "client_id"),
    Index("grants_by_sid", "sid"),
    Index("grants_by_expiry", "expire_time"),
)

authorization_codes = Table(
    "authorization_codes",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("grant_id", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("code_challenge", Text, nullable=False),
    Column("nonce", Text, nullable=True),
    # Where the request named a key (RFC 9449 §10), the code is good with that key alone.
    Column("dpop_jkt", Text, nullable=True),
    Column("expire_time", BigInteger, nullable=False),
    Column("consume_time", BigInteger, nullable=True),
    Index("authorization_codes_by_expiry", "expire_time"),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("grant_id", Text, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    Column("expire_time", BigInteger, nullable=False),
    Column("consume_time", BigInteger, nullable=True),
    Index("refresh_tokens_by_grant", "grant_id"),
    Index("refresh_tokens_by_expiry", "expire_time"),
)

# Access tokens are JWTs and not kept; of those revoked before their time, the `jti`.
revoked_access_tokens = Table(
    "revoked_access_tokens",
    metadata,
    Column("jti", Text, primary_key=True),
    Column("expire_time", BigInteger, nullable=False),
    Index("revoked_access_tokens_by_expiry", "expire_time"),
)

device_codes = Table(
    "device_codes",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    # Short enough to be typed, so it is worth little: it lives for minutes, and trying is limited.
    Column("user_code", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("resources", Text, nullable=False),
    # "pending", "approved", "denied" or "consumed".
    Column("state", Text, nullable=False),
    # Of the approval.
    Column("user_id", Text, nullable=True),
    Column("sid", Text, nullable=True),
    Column("auth_time", BigInteger, nullable=True),
    # Seconds to wait between two polls; grows with each slow_down.
    Column("interval", BigInteger, nullable=False),
    Column("poll_time", BigInteger, nullable=True),
    Column("expire_time", BigInteger, nullable=False),
    Index("device_codes_by_user_code", "user_code", unique=True),
    Index("device_codes_by_expiry", "expire_time"),
)

# RFC 9126: what a client asked for ahead, kept for the one browser it will send.
pushed_requests = Table(
    "pushed_requests",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("client_id", Text, nullable=False),
    # JSON, as they were sent.
    Column("parameters", Text, nullable=False),
    Column("expire_time", BigInteger, nullable=False),
    Index("pushed_requests_by_expiry", "expire_time"),
)

# The `jti` of client assertions (RFC 7523) and DPoP proofs (RFC 9449) seen, until they expire.
used_jtis = Table(
    "used_jtis",
    metadata,
    # The client, or the key's thumbprint: only within it must a jti be unique.
    Column("owner", Text, primary_key=True),
    # Its SHA-256: a jti may have any length.
    Column("jti", LargeBinary, primary_key=True),
    Column("expire_time", BigInteger, nullable=False),
    Index("used_jtis_by_expiry", "expire_time"),
)

# A key is announced, signs from its time until that of its successor (the next generation of its
# algorithm), and is published until the last token that it may have signed has expired.
signing_keys = Table(
    "signing_keys",
    metadata,
    # The RFC 7638 thumbprint.
    Column("kid", Text, primary_key=True),
    Column("algorithm", Text, nullable=False),
    # 1, 2, 3 …: of two replicas that make a successor at once, one finds its generation taken.
    Column("generation", BigInteger, nullable=False),
    # JSON, as the JWKS publishes it.
    Column("public_jwk", Text, nullable=False),
    # PKCS #8, encrypted under the key from the settings.
    Column("private_key", LargeBinary, nullable=False),
    Column("announce_time", BigInteger, nullable=False),
    Column("sign_time", BigInteger, nullable=False),
    # The longest that a token which it signed may live, in microseconds.
    Column("token_lifetime", BigInteger, nullable=False),
    Index("signing_keys_by_generation", "algorithm", "generation", unique=True),
)

# Failed log-ins and the like, per account and per address.
failures = Table(
    "failures",
    metadata,
    # For example "account:alice" or "address:192.0.2.7".
    Column("subject", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("last_time", BigInteger, nullable=False),
    Column("locked_until", BigInteger, nullable=False),
    Index("failures_by_time", "last_time"),
)

# Back-channel logouts (OpenID Connect) still to be told to a client.
logout_notices = Table(
    "logout_notices",
    metadata,
    Column("sid", Text, primary_key=True),
    Column("client_id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("next_time", BigInteger, nullable=False),
    Column("expire_time", BigInteger, nullable=False),
    Index("logout_notices_by_time", "next_time"),
)
