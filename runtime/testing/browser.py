"""Fixtures for tests of pages: a real Chromium, which minds what a person would not see.

Tests that use it are plain functions: Playwright's synchronous API has a loop of its own.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

type Browse = Callable[..., Page]

PHONE = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2, "is_mobile": True}
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
_PATIENCE_MS = 30_000


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Run the toolchain's Chromium for as long as the tests do."""
    expect.set_options(timeout=_PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ["CHROMIUM_BIN"],
            # The build's sandbox has no /dev/shm. Chromium's own sandbox wants rights that are not
            # to be had everywhere within another one; all it is shown here is ours.
            args=["--disable-dev-shm-usage", "--no-sandbox"],
        )
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """Return what the pages of this test have complained of so far; a test may clear it."""
    return []


@pytest.fixture
def browse(chromium: Browser, complaints: list[str]) -> Iterator[Browse]:
    """Open a page as somebody who was never here before.

    `page = browse(**PHONE, java_script_enabled=False)`: the options are those of a context.
    Whatever a page writes to the console as a warning or an error (so a breach of its content
    security policy, or a file that is not there), and any exception in it, fails the test.
    """
    contexts: list[BrowserContext] = []

    def open_page(**options: Any) -> Page:
        context = chromium.new_context(**(DESKTOP | options))
        contexts.append(context)
        context.set_default_timeout(_PATIENCE_MS)
        context.on("console", lambda message: _note(message, complaints))
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def screenshot(page: Page, name: str) -> Path:
    """Save the whole page among the test's outputs, for people to look at."""
    path = Path(os.environ["TEST_UNDECLARED_OUTPUTS_DIR"]) / f"{name}.png"
    page.screenshot(path=path, full_page=True)
    return path


def _note(message: ConsoleMessage, complaints: list[str]) -> None:
    if message.type in {"warning", "error"}:
        complaints.append(f"{message.type}: {message.text}")
