"""renovate.json sees every pin: what it matches is what the files of the build say."""

import ast
import json
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from bazel.wheels import read_lock

CONFIG = json.loads(Path("renovate.json").read_text())
DIGEST = re.compile(r'"([0-9a-f]{64})"')

# The options of `uv pip compile` that Renovate 44 accepts at the head of a lock file.
UV_OPTIONS = {
    "--constraints",
    "--emit-index-url",
    "--extra",
    "--extra-index-url",
    "--generate-hashes",
    "--index-url",
    "--no-strip-extras",
    "--output-file",
    "--python-version",
    "--universal",
    "-v",
}

type Pin = tuple[str, str]


def regex(pattern: str) -> re.Pattern[str]:
    """Translate the one thing that JavaScript writes otherwise: a named group."""
    return re.compile(pattern.replace("(?<", "(?P<"))


def selects(patterns: list[str], path: str) -> bool:
    return any(regex(pattern.strip("/").replace("\\/", "/")).search(path) for pattern in patterns)


def groups(manager: dict[str, Any], text: str) -> Iterator[dict[str, str]]:
    """Yield what a manager extracts, as Renovate does by the manager's strategy."""
    patterns = [regex(pattern) for pattern in manager["matchStrings"]]
    if manager.get("matchStringsStrategy", "any") == "any":
        for pattern in patterns:
            for match in pattern.finditer(text):
                yield match.groupdict()
        return
    assert manager["matchStringsStrategy"] == "recursive"
    [outer, inner] = patterns
    for first in outer.finditer(text):
        for second in inner.finditer(first[0]):
            yield first.groupdict() | second.groupdict()


def extracted(path: str) -> list[dict[str, str]]:
    """Return what all custom managers find in a file."""
    return [
        {"depName": manager.get("depNameTemplate", "")} | found
        for manager in CONFIG["customManagers"]
        if selects(manager["managerFilePatterns"], path)
        for found in groups(manager, Path(path).read_text())
    ]


def pins(path: str) -> Counter[Pin]:
    return Counter((found["depName"], found["currentValue"]) for found in extracted(path))


def calls(path: str, function: str) -> list[dict[str, str]]:
    """Return the literal arguments of a function's calls; Starlark is Python's syntax."""
    return [
        {
            argument.arg: argument.value.value
            for argument in node.keywords
            if argument.arg
            and isinstance(argument.value, ast.Constant)
            and isinstance(argument.value.value, str)
        }
        for node in ast.walk(ast.parse(Path(path).read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == function
    ]


def assigned(path: str, name: str) -> dict[str, tuple[str, str]]:
    [value] = [
        node.value
        for node in ast.parse(Path(path).read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    ]
    literal: dict[str, tuple[str, str]] = ast.literal_eval(value)
    return literal


def test_each_npm_package_is_found_once() -> None:
    path = "bazel/npm.bzl"
    literal = [call for call in calls(path, "npm_package") if "version" in call]
    expected = [(call["package"], call["version"]) for call in literal]
    expected += [(name, version) for name, (version, _) in assigned(path, "_MODULES").items()]
    assert expected
    assert pins(path) == Counter(expected)


def test_each_ruleset_is_found_once() -> None:
    expected = [(call["repo"], call["version"]) for call in calls("bazel/rulesets.bzl", "_github")]
    assert expected
    assert pins("bazel/rulesets.bzl") == Counter(expected)


def test_the_version_of_a_ruleset_stands_in_one_place() -> None:
    for call in calls("bazel/rulesets.bzl", "_github"):
        number = call["version"].removeprefix("v")
        assert not [name for name, value in call.items() if number in value and name != "version"]


def test_the_bazel_of_the_nix_shell_is_found_once_for_each_architecture() -> None:
    version = Path(".bazelversion").read_text().strip()
    architectures = len(DIGEST.findall(Path("flake.nix").read_text()))
    assert architectures == 2
    assert pins("flake.nix") == Counter({("bazelbuild/bazel", version): architectures})


@pytest.mark.parametrize("path", ["bazel/rulesets.bzl", "flake.nix"])
def test_each_hash_that_renovate_can_look_up_is_found_once(path: str) -> None:
    found = Counter(each["currentDigest"] for each in extracted(path))
    assert found == Counter(DIGEST.findall(Path(path).read_text()))


def test_no_other_build_file_has_a_pin() -> None:
    for path in Path("bazel").rglob("*.bzl"):
        if DIGEST.search(path.read_text()):
            assert extracted(str(path)), f"renovate.json has no manager for {path}"


def header() -> list[str]:
    """Return the command at the head of the lock file, as Renovate looks for it."""
    text = Path("requirements_lock.txt").read_text()
    found = re.match(r"(?:#.*\n)+?# {4}(\S.*)\n", text)
    assert found, "no command at the head"
    return shlex.split(found[1])


def test_the_lock_of_wheels_says_how_renovate_makes_it() -> None:
    assert selects(CONFIG["pip-compile"]["managerFilePatterns"], "requirements_lock.txt")
    program, *arguments = header()
    assert program == "uv"
    assert arguments[:2] == ["pip", "compile"]
    options = dict(each.partition("=")[::2] for each in arguments[2:] if each.startswith("-"))
    assert options["--output-file"] == "requirements_lock.txt"
    assert options.keys() <= UV_OPTIONS
    assert [each for each in arguments[2:] if not each.startswith("-")] == ["requirements.in"]


def test_each_wheel_is_found_once() -> None:
    lock = Path("requirements_lock.txt").read_text()
    found = re.findall(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==(\S+)", lock, re.MULTILINE)
    expected = [
        (each.requirement.name, str(each.requirement.specifier).removeprefix("=="))
        for each in read_lock(lock)
    ]
    assert expected
    assert Counter(found) == Counter(expected)


def test_each_module_has_a_version_that_stands_there_as_it_is() -> None:
    modules = calls("MODULE.bazel", "bazel_dep")
    assert modules
    assert [module for module in modules if module.keys() != {"name", "version"}] == []


def test_each_lock_of_debian_packages_is_written_by_the_task() -> None:
    [task] = [
        rule["postUpgradeTasks"] for rule in CONFIG["packageRules"] if "postUpgradeTasks" in rule
    ]
    locks = [str(path) for path in Path("bazel").rglob("*.lock")]
    assert locks
    assert [path for path in locks if not any(fnmatch(path, f) for f in task["fileFilters"])] == []
    [command] = task["commands"]
    assert command in Path("bazelw").read_text()
