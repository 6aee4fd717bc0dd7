"""Commands about what was issued."""

import argparse

from identity.audit import Outcome, audit
from identity.commands.command import Admin, Arguments, Command, Output
from identity.grants.grants import Grants
from identity.keys.key_store import KeyStore
from identity.reason import Reason
from identity.users.passwords import Passwords
from identity.users.users import Users
from runtime.errors import FieldViolation, InvalidArgument, NotFound


async def _revoke(admin: Admin, arguments: Arguments) -> Output:
    grants = Grants(admin.database, admin.clock)
    match arguments:
        case argparse.Namespace(jti=str(jti), grant=None, user=None, client=None):
            return await _revoke_access_token(admin, grants, jti)
        case argparse.Namespace(jti=None, grant=str(grant), user=None, client=None):
            number = int(await grants.revoke(grant))
            audit("token.revoke", Outcome.SUCCESS, grant_id=grant, source="admin")
        case argparse.Namespace(jti=None, grant=None, user=user, client=client) if user or client:
            number = await _revoke_all(admin, grants, user, client)
        case _:
            rule = "give --jti alone, --grant alone, or --user, --client or both"
            raise InvalidArgument([FieldViolation("", rule)])
    return Output({"revoked_grants": number}, f"{number} grants revoked")


async def _revoke_access_token(admin: Admin, grants: Grants, jti: str) -> Output:
    """Remember the jti for as long as any token may live, since nobody knows how long this may."""
    keys = (await KeyStore(admin.database).read()).keys
    lifetime = max((key.token_lifetime for key in keys), default=0)
    await grants.revoke_access_token(jti, admin.clock() + lifetime)
    audit("token.revoke", Outcome.SUCCESS, jti=jti, source="admin")
    return Output({"jti": jti, "revoked": True}, f"{jti}: revoked")


async def _revoke_all(
    admin: Admin, grants: Grants, username: str | None, client_id: str | None
) -> int:
    user_id = await _user_id(admin, username) if username else None
    if user_id and client_id:
        number = await grants.revoke_client_user(client_id, user_id)
    elif user_id:
        number = await grants.revoke_user(user_id)
    else:
        number = await grants.revoke_client(client_id or "")
    audit("token.revoke", Outcome.SUCCESS, user_id=user_id, client_id=client_id, source="admin")
    return number


async def _user_id(admin: Admin, username: str) -> str:
    user = await Users(admin.database, Passwords()).find(username)
    if user is None:
        raise NotFound(f"{username}: there is no such user", reason=Reason.USER_NOT_FOUND)
    return user.user_id


def _add_revoke(parser: argparse.ArgumentParser) -> None:
    for flag, metavar, text in (
        ("--jti", "ID", "one access token, by its claim jti"),
        ("--grant", "ID", "what was issued upon one grant, by the claim gid of an access token"),
        ("--user", "USER", "all that a user has granted"),
        ("--client", "ID", "all that was granted to a client; with --user, by that user"),
    ):
        parser.add_argument(flag, default=None, metavar=metavar, help=text)


COMMANDS = (
    Command(
        ("token", "revoke"),
        "revoke an access token, or grants with all that was issued upon them",
        _add_revoke,
        _revoke,
        "Refresh tokens end at once. Access tokens are refused by this server's introspection and"
        " userinfo; APIs that verify them on their own take them until they expire.",
    ),
)
