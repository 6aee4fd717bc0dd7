"""The program as a process: signals, pipes, terminals."""

import asyncio
import signal

import pytest

from tools.bodega.failure import Exit
from tools.bodega.tests.terminal import Terminal, ended

pytest_plugins = ["tools.bodega.tests.shop_fixtures"]


async def test_ctrl_c_ends_without_a_traceback(operator: Terminal) -> None:
    await operator.fine("products", "create", "--sku", "a", "--name", "N", "--price", "1EUR")
    process = await operator.start("products", "watch", "--after", "0")
    assert process.stdout is not None
    assert b"a" in await process.stdout.readline()
    process.send_signal(signal.SIGINT)
    said = await ended(process)
    assert (said.code, said.err) == (Exit.INTERRUPTED, "")


async def test_ctrl_c_gives_a_log_in_up(terminal: Terminal) -> None:
    process = await terminal.start("login")
    assert process.stdout is not None
    await process.stdout.readline()
    process.send_signal(signal.SIGINT)
    said = await ended(process)
    assert said.code == Exit.INTERRUPTED
    assert "Traceback" not in said.err
    assert not (terminal.state / "default.json").exists()


async def test_a_reader_that_leaves_is_no_error(operator: Terminal) -> None:
    for sku in "abc":
        await operator.fine("products", "create", "--sku", sku, "--name", "N", "--price", "1EUR")
    process = await operator.start("products", "watch", "--after", "0")
    assert process.stdout is not None
    await process.stdout.readline()
    process.stdout._transport.close()  # type: ignore[attr-defined]
    await operator.fine("products", "delete", "1")
    await operator.fine("products", "delete", "2")
    async with asyncio.timeout(120):
        assert process.stderr is not None
        assert await process.stderr.read() == b""
        assert await process.wait() == Exit.REFUSED


async def test_without_a_command_there_is_help(terminal: Terminal) -> None:
    for argv in ((), ("products",)):
        said = await terminal(*argv)
        assert said.code == Exit.USAGE
        assert "usage: bodega" in said.err


async def test_a_mistyped_command_is_guessed(terminal: Terminal) -> None:
    said = await terminal("products", "lst")
    assert said.code == Exit.USAGE
    assert "maybe you meant 'list'" in said.err


async def test_the_environment_names_the_servers(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BODEGA_PRODUCT", "127.0.0.1:1")
    said = await terminal("products", "list")
    assert "Product at 127.0.0.1:1" in said.err
    monkeypatch.setenv("BODEGA_PRODUCT", "nowhere")
    said = await terminal("products", "list")
    assert said.code == Exit.USAGE
    assert "--product (from BODEGA_PRODUCT): must be host:port" in said.err


async def test_output_that_is_no_terminal_has_no_colours(operator: Terminal) -> None:
    await operator.fine("products", "create", "--sku", "a", "--name", "N", "--price", "1EUR")
    for argv in (("products", "list"), ("products", "show", "9"), ("--help",)):
        said = await ended(await operator.start(*argv))
        assert "\x1b" not in said.out + said.err
