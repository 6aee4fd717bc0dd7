"""A process that writes things for ever, or so many, and prints each name once it is durable."""

import asyncio
import sys
from functools import partial
from itertools import count, islice

from runtime.database import open_database
from runtime.testing.waiting import PATIENCE_SECONDS
from runtime.tests.things import add

WRITERS = 16


async def main(url: str, prefix: str, each: int | None) -> None:
    database = await open_database(url, busy_timeout=PATIENCE_SECONDS)

    async def write(writer: int) -> None:
        for number in islice(count(), each):
            name = f"{prefix}-{writer}-{number}"
            await database.write(partial(add, names=[name]))
            print(name, flush=True)

    await asyncio.gather(*map(write, range(WRITERS)))
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else None))
