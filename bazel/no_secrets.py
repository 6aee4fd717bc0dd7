"""Finds what must never be committed: private keys and signed tokens. Exit code 1 where it does.

Run by lint() over every file of a package. Says where and what, and quotes nothing.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

FORBIDDEN = {
    "a private key": re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----"),
    "a private JWK": re.compile(rb"""["']d["']\s*:\s*["'][\w-]{20,}["']"""),
    "a signed token": re.compile(rb"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}"),
}


def found(content: bytes) -> Iterator[tuple[int, str]]:
    """Give the line and the kind of each thing that must not be there."""
    for kind, pattern in FORBIDDEN.items():
        for match in pattern.finditer(content):
            yield content.count(b"\n", 0, match.start()) + 1, kind


def main(paths: Sequence[str]) -> int:
    """Look through the files; return the exit code."""
    findings = [
        f"{path}:{line}: {kind}" for path in paths for line, kind in found(Path(path).read_bytes())
    ]
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
