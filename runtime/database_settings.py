"""The settings of a service's database, and the database as they say."""

from typing import Annotated

from pydantic import AfterValidator, Field

from runtime.database import Database, open_database, parse_url
from runtime.errors import Unavailable
from runtime.main import StartError
from runtime.migrate import SchemaError, prepare
from runtime.settings import Settings
from runtime.state_folder import state_folder


def _check_url(value: str) -> str:
    parse_url(value)
    return value


type DatabaseUrl = Annotated[str, AfterValidator(_check_url)]


def default_database(service: str) -> str:
    """Return the URL of a file in the state folder."""
    return f"sqlite:///{state_folder()}/{service}.db"


class DatabaseSettings(Settings):
    """Keeping."""

    database: Annotated[
        DatabaseUrl,
        Field(description="where the data is kept: sqlite:///PATH or postgresql://HOST/NAME"),
    ]
    migrate: Annotated[
        bool | None,
        Field(
            description="bring the schema up to date at start; unset: SQLite is, PostgreSQL is"
            " only checked, because older replicas may still use it"
        ),
    ] = None


async def open_migrated(settings: DatabaseSettings, migrations: str) -> Database:
    """Open the database with the schema that the package of migrations ends with.

    StartError where it cannot be opened, or has another schema and may not be migrated.
    """
    try:
        await prepare(settings.database, migrations, migrate=settings.migrate)
        return await open_database(settings.database)
    except (SchemaError, Unavailable) as error:
        raise StartError(f"--database: {error}") from error
