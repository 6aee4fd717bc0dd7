"""The alert rules, as Prometheus reads and evaluates them."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from docs.observability.queries import ALERTS, FOLDER, rules

TEST = FOLDER / "alerts_test.yml"
NAMES = [rule["alert"] for rule in rules() if "alert" in rule]


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 (the toolchain's own)
        [os.environ["PROMTOOL_BIN"], *arguments], capture_output=True, text=True, check=False
    )


def test_prometheus_accepts_the_rules_without_a_remark() -> None:
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", ALERTS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_four_alerts_that_fire_and_stay_silent_where_they_should() -> None:
    assert len(NAMES) == 4
    done = promtool("test", "rules", TEST)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("broken", ["vector(1) < 0", "vector(1)"], ids=["never", "always"])
def test_an_alert_that_fires_never_or_always_is_noticed(
    name: str, broken: str, tmp_path: Path
) -> None:
    alert = re.compile(rf"(- alert: {name}\n +expr: )(.+?)(\n +for: )", re.DOTALL)
    text, changes = alert.subn(lambda match: match[1] + broken + match[3], ALERTS.read_text())
    assert changes == 1
    (tmp_path / ALERTS.name).write_text(text)
    shutil.copy(TEST, tmp_path)
    done = promtool("test", "rules", tmp_path / TEST.name)
    assert done.returncode == 1
    assert f"alertname: {name}" in done.stdout + done.stderr
