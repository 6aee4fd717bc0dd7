"""Makes or takes the secret of a client."""

from pathlib import Path

from identity.audit import Outcome, audit
from identity.clients.clients_file import read_or_make_secret
from identity.commands.command import Admin
from runtime.clock import Micros


async def create_secret(
    admin: Admin,
    client_id: str,
    *,
    file: Path | None = None,
    expire_time: Micros | None = None,
    others_expire: Micros | None = None,
) -> str | None:
    """Return a new secret, or None where it is in the file: made there, or found and taken."""
    secret = read_or_make_secret(file) if file else None
    made = await admin.clients.add_secret(
        client_id, secret, expire_time=expire_time, others_expire=others_expire
    )
    if made is not None:
        audit("client.secret.add", Outcome.SUCCESS, client_id=client_id, source="admin")
    return made if file is None else None
