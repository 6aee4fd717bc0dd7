"""Runs the shop on parts made of `program.py`: driver.py SPEC-JSON SHOP-FLAG…

The specification maps names of parts to {"flags": […], "needs": […], "progress": true}.
"""

import json
import os
import sys
from pathlib import Path

from tools.shop.part import Calls, Count, HttpReady, Part, Port
from tools.shop.programs import Program
from tools.shop.shop import main

PROGRAM = str(Path(__file__).with_name("program.py"))
ITEMS = Count("items", "items_total")


def part(number: int, name: str, spec: dict[str, list[str]]) -> Part:
    metrics = Port(f"{name}-metrics", 20000 + number)
    return Part(
        name=name,
        binary=PROGRAM,
        flags=("--metrics-listen", f"{{{metrics.name}}}", *spec.get("flags", [])),
        metrics=metrics,
        ready=HttpReady(metrics),
        calls=Calls.SERVER,
        needs=spec.get("needs", []),
        counts=(ITEMS,),
        progress=ITEMS if spec.get("progress") else None,
    )


def program(_: Part) -> Program:
    return Program([sys.executable, PROGRAM], os.environ)


if __name__ == "__main__":
    specs = json.loads(sys.argv[1])
    parts = [part(number, name, spec) for number, (name, spec) in enumerate(specs.items())]
    sys.exit(main(sys.argv[2:], parts=parts, programs=program))
