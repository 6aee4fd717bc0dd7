"""Which revision a database's schema is of, and which the code wants: told without Alembic.

Alembic takes 11 MB and a tenth of a second, and nearly every start finds nothing to migrate.
"""

import re
from importlib.resources import files

from sqlalchemy import Connection, Text, column, inspect, select, table

_FILE = re.compile(r"r([0-9a-z]+)(_\w+)?\.py")


class SchemaError(Exception):
    """The schema is not the one this code was written for, and what to do about it."""


def version_table(package: str) -> str:
    """Name the table where a database notes its revision: one for each service.

    So two services may share one PostgreSQL database.
    """
    return f"{package.split('.', maxsplit=1)[0]}_schema_version"


def newest_revision(package: str) -> str | None:
    """Return the revision of the last file, which is in its name: r0001_WORDS.py holds 0001."""
    found = [_FILE.fullmatch(each.name) for each in files(package).iterdir()]
    return max((match[1] for match in found if match), default=None)


def is_current(connection: Connection, package: str) -> bool:
    """Whether the schema is of the newest revision."""
    name = version_table(package)
    if not inspect(connection).has_table(name):
        return False
    noted = select(column("version_num", Text)).select_from(table(name))
    return list(connection.scalars(noted)) == [newest_revision(package)]
