from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from product.store.tables import metadata
from runtime.database import Database


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(
        connection,
        opts={
            "compare_type": True,
            "include_name": lambda name, kind, _: (
                kind != "table" or name != "product_schema_version"
            ),
        },
    )
    return list(compare_metadata(context, metadata))


async def test_the_migrations_lead_to_the_tables_of_the_code(database: Database) -> None:
    assert await database.read(differences) == []
