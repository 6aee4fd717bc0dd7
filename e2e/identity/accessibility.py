"""What can be said by machine of how well everybody can use a page."""

import os
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page

_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_RUN = "rules => axe.run({ runOnly: rules })"
_FOCUSED = "document.activeElement"
_MARGIN = 8


def breaches(page: Page) -> list[str]:
    """Return what axe finds against WCAG 2.2 AA: labels, contrast, landmarks, names and so on.

    What it cannot decide by itself (text over a picture, say) counts as a breach too.
    """
    # Evaluated by the debugger, past the page's content security policy, which stays in force.
    page.evaluate(Path(os.environ["AXE"]).read_text())
    found = page.evaluate(_RUN, _RULES)
    assert found["passes"]
    return [_describe(rule) for rule in found["violations"] + found["incomplete"]]


def _describe(rule: dict[str, Any]) -> str:
    places = [f"{node['html']}: {node.get('failureSummary')}" for node in rule["nodes"]]
    return f"{rule['id']}: {rule['help']}\n  " + "\n  ".join(places)


def tab_stops(page: Page, most: int = 30) -> list[Locator]:
    """Press Tab from the start of the page until the focus leaves it; mark and return the stops."""
    page.evaluate(f"{_FOCUSED}.blur()")
    page.keyboard.press("Control+Home")
    stops: list[Locator] = []
    for index in range(most):
        page.keyboard.press("Tab")
        if page.evaluate(f"{_FOCUSED} === document.body || {_FOCUSED}.dataset.stop !== undefined"):
            return stops
        page.evaluate(f"index => {{ {_FOCUSED}.dataset.stop = index }}", index)
        stops.append(page.locator(f"[data-stop='{index}']"))
    raise AssertionError(f"more than {most} stops")


def shows_focus(page: Page, control: Locator) -> bool:
    """Whether a control looks different while it has the keyboard's focus."""
    control.scroll_into_view_if_needed()
    box = control.bounding_box()
    assert box is not None
    clip = {
        "x": max(0, box["x"] - _MARGIN),
        "y": max(0, box["y"] - _MARGIN),
        "width": box["width"] + 2 * _MARGIN,
        "height": box["height"] + 2 * _MARGIN,
    }
    pictures = []
    for act in ("focus({ focusVisible: true })", "blur()"):
        control.evaluate(f"control => control.{act}")
        pictures.append(page.screenshot(clip=clip, caret="hide", animations="disabled"))  # type: ignore[arg-type]
    return pictures[0] != pictures[1]
