"""Gives each part its addresses, and says before anything starts which of them are taken."""

import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Literal

import psutil

from tools.shop.errors import CannotStartError
from tools.shop.part import Part, Port

HOST = "127.0.0.1"

type Choice = Literal["default", "auto"] | int


def choose(parts: Sequence[Part], choice: Choice, moved: Mapping[str, int]) -> dict[Port, str]:
    """Return the address of every port.

    `choice` is "default", "auto" for free ports, or the first of a row of ports; `moved` overrides
    single ports by name. CannotStartError where one is taken or given twice.
    """
    ports = [port for part in parts for port in part.ports]
    numbers = dict(zip(ports, _numbers(ports, choice), strict=True))
    numbers |= {port: moved[port.name] for port in ports if port.name in moved}
    _check(numbers)
    return {port: f"{HOST}:{number}" for port, number in numbers.items()}


def _numbers(ports: Sequence[Port], choice: Choice) -> list[int]:
    match choice:
        case "default":
            return [port.default for port in ports]
        case "auto":
            return _free(len(ports))
        case int(base):
            return list(range(base, base + len(ports)))


def _free(count: int) -> list[int]:
    # All are held until the last is found, so that none is found twice.
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


def _check(numbers: Mapping[Port, int]) -> None:
    troubles = []
    owner: dict[int, Port] = {}
    for port, number in numbers.items():
        if number > 65535:
            troubles.append(f"port {number} for {port.name} is beyond 65535")
        elif (other := owner.setdefault(number, port)) is not port:
            troubles.append(f"port {number} is given to both {other.name} and {port.name}")
        elif trouble := _trouble(number):
            troubles.append(
                f"port {number} for {port.name} {trouble}; "
                f"move it with --{port.name}-port or use --ports auto"
            )
    if troubles:
        raise CannotStartError("\n".join(troubles))


def _trouble(number: int) -> str:
    # Without SO_REUSEPORT, which gRPC servers set: a second server would share the port unnoticed.
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, number))
            probe.listen(1)
        except PermissionError:
            return "is not allowed to this user"
        except OSError:
            return f"is taken{_by(number)}"
    return ""


def _by(number: int) -> str:
    """Name the process that listens, where this user may see it."""
    try:
        listening = [
            connection.pid
            for connection in psutil.net_connections(kind="tcp")
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (number,)
        ]
        names = [f"{psutil.Process(pid).name()} (pid {pid})" for pid in listening if pid]
    except psutil.Error:
        return ""
    return f" by {names[0]}" if names else ""
