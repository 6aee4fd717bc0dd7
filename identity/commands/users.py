"""Commands about users."""

import argparse
import asyncio
import getpass
import secrets
import sys

from identity.audit import Outcome, audit
from identity.commands.command import Admin, Arguments, Command, Output, no_arguments, table
from identity.model import User
from identity.reason import Reason
from identity.users.passwords import Passwords
from identity.users.users import NewUser, Users
from runtime.errors import FieldViolation, InvalidArgument, NotFound

_PAGE = 500


async def _create(admin: Admin, arguments: Arguments) -> Output:
    users = _users(admin)
    found = await users.find(arguments.username)
    if found is not None:
        return _output(found, "is there already, with the password that it had", created=False)
    password = await _password(arguments)
    new = NewUser(
        username=arguments.username,
        name=arguments.name or "",
        email=arguments.email,
        email_verified=arguments.email_verified,
    )
    user = await users.create(new, password)
    audit("user.create", Outcome.SUCCESS, user_id=user.user_id)
    return _output(user, "created", _generated(arguments, password), created=True)


async def _set_password(admin: Admin, arguments: Arguments) -> Output:
    users = _users(admin)
    user = await _found(users, arguments.username)
    password = await _password(arguments)
    await users.set_password(user.user_id, password)
    audit("user.set_password", Outcome.SUCCESS, user_id=user.user_id)
    return _output(user, "has a new password", _generated(arguments, password))


async def _disable(admin: Admin, arguments: Arguments) -> Output:
    return await _set_disabled(admin, arguments, disabled=True)


async def _enable(admin: Admin, arguments: Arguments) -> Output:
    return await _set_disabled(admin, arguments, disabled=False)


async def _set_disabled(admin: Admin, arguments: Arguments, *, disabled: bool) -> Output:
    users = _users(admin)
    user = await _found(users, arguments.username)
    await users.set_disabled(user.user_id, disabled=disabled)
    did = "disabled" if disabled else "enabled"
    audit(f"user.{did.removesuffix('d')}", Outcome.SUCCESS, user_id=user.user_id)
    return _output(await _found(users, arguments.username), did)


async def _list(admin: Admin, _arguments: Arguments) -> Output:
    users = _users(admin)
    found: list[User] = []
    while page := await users.list(found[-1].username if found else "", _PAGE):
        found += page
    rows = [(each.username, each.user_id, each.name, each.email, each.disabled) for each in found]
    text = table(("USER", "SUB", "NAME", "E-MAIL", "DISABLED"), rows)
    return Output([_data(each) for each in found], text)


def _users(admin: Admin) -> Users:
    return Users(admin.database, Passwords(), clock=admin.clock)


async def _found(users: Users, username: str) -> User:
    user = await users.find(username)
    if user is None:
        raise NotFound(f"{username}: there is no such user", reason=Reason.USER_NOT_FOUND)
    return user


async def _password(arguments: Arguments) -> str:
    if arguments.generate_password:
        return secrets.token_urlsafe(15)  # 120 bits in 20 characters.
    if arguments.password_stdin:
        line: str = await asyncio.to_thread(sys.stdin.readline)
        return line.rstrip("\r\n")
    if not sys.stdin.isatty():
        rule = "standard input is no terminal: give --password-stdin or --generate-password"
        raise InvalidArgument([FieldViolation("password", rule)])
    return await asyncio.to_thread(_ask)


def _ask() -> str:
    password = getpass.getpass("New password: ")
    if getpass.getpass("Once more: ") != password:
        raise InvalidArgument([FieldViolation("password", "the two differ")])
    return password


def _generated(arguments: Arguments, password: str) -> str | None:
    return password if arguments.generate_password else None


def _data(user: User) -> dict[str, object]:
    return {
        "sub": user.user_id,
        "username": user.username,
        "name": user.name,
        "email": user.email,
        "email_verified": user.email_verified,
        "disabled": user.disabled,
    }


def _output(user: User, did: str, password: str | None = None, **more: bool) -> Output:
    data = {**_data(user), **more}
    text = f"{user.username}: {did} (sub {user.user_id})"
    if password is not None:
        data["password"] = password
        text += f"\nthe password, which is shown this once:\n{password}"
    return Output(data, text)


def _add_username(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("username", metavar="USER", help="the name they log in with")


def _add_password(parser: argparse.ArgumentParser) -> None:
    _add_username(parser)
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--password-stdin",
        action="store_true",
        default=False,
        help="read the password from the first line of standard input; else it is asked for",
    )
    group.add_argument(
        "--generate-password",
        action="store_true",
        default=False,
        help="make a random one, and print it once",
    )


def _add_create(parser: argparse.ArgumentParser) -> None:
    _add_password(parser)
    parser.add_argument("--name", default=None, metavar="TEXT", help="what they are called")
    parser.add_argument("--email", default=None, metavar="ADDRESS", help="e-mail address")
    parser.add_argument(
        "--email-verified",
        action="store_true",
        default=False,
        help="somebody has seen that the address is theirs",
    )


COMMANDS = (
    Command(
        ("user", "create"),
        "add a user",
        _add_create,
        _create,
        "Where there is such a user already, nothing is changed, the password neither.",
    ),
    Command(
        ("user", "set-password"),
        "change a password, and end sessions",
        _add_password,
        _set_password,
    ),
    Command(("user", "disable"), "let a user log in no more", _add_username, _disable),
    Command(("user", "enable"), "let a disabled user log in again", _add_username, _enable),
    Command(("user", "list"), "print all users", no_arguments, _list),
)
