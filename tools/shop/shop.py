"""Starts the shop: `bazel run //:shop`, with `--help` for more."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from runtime.state_folder import state_folder
from tools.shop import folder, ports
from tools.shop.errors import CannotStartError
from tools.shop.part import Part, Port
from tools.shop.parts import PARTS
from tools.shop.programs import Programs, from_runfiles
from tools.shop.run import Run
from tools.shop.settings import ShopSettings, read_settings


def main(
    argv: Sequence[str] | None = None,
    *,
    parts: Sequence[Part] = PARTS,
    programs: Programs = from_runfiles,
) -> int:
    """Run the shop and return its exit code: 1 where not all was well, 2 where it cannot start."""
    settings = read_settings(parts, argv)
    try:
        with _data(settings) as data:
            addresses = ports.choose(parts, settings.port_choice, settings.moved_ports(parts))
            return asyncio.run(_run(settings, parts, programs, addresses, data))
    except CannotStartError as error:
        for line in str(error).splitlines():
            print(f"shop: {line}", file=sys.stderr)
        return 2


async def _run(
    settings: ShopSettings,
    parts: Sequence[Part],
    programs: Programs,
    addresses: dict[Port, str],
    data: Path,
) -> int:
    run = Run(settings, parts, programs=programs, addresses=addresses, data=data)
    return await run.to_the_end()


@contextmanager
def _data(settings: ShopSettings) -> Iterator[Path]:
    if settings.ephemeral:
        with folder.temporary() as path, folder.locked(path):
            yield path
    else:
        with folder.locked(settings.data or state_folder()) as path:
            yield path


if __name__ == "__main__":
    sys.exit(main())
