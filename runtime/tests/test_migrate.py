import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from runtime.database import open_database
from runtime.errors import Unavailable
from runtime.migrate import SchemaError, prepare, upgrade

REVISION = '''\
"""A revision of a test."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {down_revision}


def upgrade() -> None:
    {body}
'''
CREATE = 'op.create_table("shelves", sa.Column("id", sa.Integer, primary_key=True))'
ADD = 'op.add_column("shelves", sa.Column("label", sa.Text))'
FAIL = 'op.execute("INSERT INTO shelves (id) VALUES (1)"); op.execute("SELECT * FROM nowhere")'


class Package:
    """A service's package of migrations, which a test writes."""

    def __init__(self, root: Path, service: str) -> None:
        self.name = f"{service}.migrations"
        self.folder = root / service / "migrations"
        self.folder.mkdir(parents=True)
        (root / service / "__init__.py").touch()
        (self.folder / "__init__.py").touch()

    def add(self, revision: str, body: str, *, after: str | None = None) -> None:
        content = REVISION.format(revision=revision, down_revision=repr(after), body=body)
        (self.folder / f"r{revision}.py").write_text(content)

    def remove(self, revision: str) -> None:
        (self.folder / f"r{revision}.py").unlink()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to import packages from."""
    root = tmp_path / "root"
    monkeypatch.syspath_prepend(root)
    before = set(sys.modules)
    yield root
    for each in set(sys.modules) - before:
        if each.startswith(("warehouse", "garage")):
            del sys.modules[each]


@pytest.fixture
def package(root: Path) -> Package:
    package = Package(root, "warehouse")
    package.add("0001", CREATE)
    return package


async def ask(url: str, sql: str) -> list[tuple[object, ...]]:
    def work(connection: Connection) -> list[tuple[object, ...]]:
        return [tuple(row) for row in connection.execute(text(sql))]

    database = await open_database(url)
    try:
        return await database.read(work)
    finally:
        await database.close()


async def test_an_empty_database_gets_every_revision(database_url: str, package: Package) -> None:
    package.add("0002", ADD, after="0001")
    await upgrade(database_url, package.name)
    assert await ask(database_url, "SELECT id, label FROM shelves") == []
    assert await ask(database_url, "SELECT * FROM warehouse_schema_version") == [("0002",)]


async def test_an_older_schema_gets_what_it_lacks_and_keeps_its_rows(
    database_url: str, package: Package
) -> None:
    await upgrade(database_url, package.name)
    database = await open_database(database_url)
    await database.write(lambda c: c.execute(text("INSERT INTO shelves (id) VALUES (7)")))
    await database.close()
    package.add("0002", ADD, after="0001")
    await upgrade(database_url, package.name)
    assert await ask(database_url, "SELECT id, label FROM shelves") == [(7, None)]


async def test_a_current_schema_is_left_alone(database_url: str, package: Package) -> None:
    await upgrade(database_url, package.name)
    await upgrade(database_url, package.name)
    await prepare(database_url, package.name, migrate=False)


async def test_sqlite_is_migrated_by_default(sqlite_url: str, package: Package) -> None:
    await prepare(sqlite_url, package.name)
    assert await ask(sqlite_url, "SELECT * FROM shelves") == []


async def test_postgresql_is_not_migrated_by_default(postgres_url: str, package: Package) -> None:
    with pytest.raises(SchemaError, match=r"revision none.* needs 0001.*--migrate"):
        await prepare(postgres_url, package.name)
    await upgrade(postgres_url, package.name)
    package.add("0002", ADD, after="0001")
    with pytest.raises(SchemaError, match=r"revision 0001.* needs 0002.*--migrate"):
        await prepare(postgres_url, package.name)
    await prepare(postgres_url, package.name, migrate=True)
    await prepare(postgres_url, package.name)


@pytest.mark.parametrize("migrate", [True, False])
async def test_a_newer_schema_is_refused(
    database_url: str, package: Package, migrate: bool
) -> None:
    package.add("0002", ADD, after="0001")
    await upgrade(database_url, package.name)
    package.remove("0002")
    with pytest.raises(SchemaError, match=r"revision 0002.*up to 0001.* newer version"):
        await prepare(database_url, package.name, migrate=migrate)


async def test_a_revision_that_fails_leaves_nothing_behind(
    database_url: str, package: Package
) -> None:
    await upgrade(database_url, package.name)
    package.add("0002", ADD, after="0001")
    package.add("0003", FAIL, after="0002")
    with pytest.raises(Exception, match="nowhere"):
        await upgrade(database_url, package.name)
    assert await ask(database_url, "SELECT * FROM shelves") == []
    assert await ask(database_url, "SELECT * FROM warehouse_schema_version") == [("0001",)]


async def test_processes_that_start_at_once_migrate_once(
    database_url: str, package: Package
) -> None:
    package.add("0002", 'op.execute("INSERT INTO shelves (id) VALUES (1)")', after="0001")

    def start() -> None:
        asyncio.run(upgrade(database_url, package.name))

    await asyncio.gather(*(asyncio.to_thread(start) for _ in range(6)))
    assert await ask(database_url, "SELECT id FROM shelves") == [(1,)]


async def test_two_services_may_share_a_database(
    database_url: str, package: Package, root: Path
) -> None:
    other = Package(root, "garage")
    other.add("0001", 'op.create_table("cars", sa.Column("id", sa.Integer, primary_key=True))')
    other.add("0002", 'op.add_column("cars", sa.Column("plate", sa.Text))', after="0001")
    for each in (package, other):
        await upgrade(database_url, each.name)
    for each in (package, other):
        await prepare(database_url, each.name, migrate=False)
    assert await ask(database_url, "SELECT shelves.id, plate FROM shelves, cars") == []


async def test_a_package_without_migrations_is_an_error(sqlite_url: str, package: Package) -> None:
    package.remove("0001")
    with pytest.raises(SchemaError, match="holds no migrations"):
        await upgrade(sqlite_url, package.name)


async def test_two_heads_are_an_error(sqlite_url: str, package: Package) -> None:
    package.add("0002", ADD, after="0001")
    package.add("0003", ADD, after="0001")
    with pytest.raises(SchemaError, match="one line"):
        await upgrade(sqlite_url, package.name)


async def test_a_read_only_installation_can_migrate(sqlite_url: str, package: Package) -> None:
    package.folder.chmod(0o500)
    await upgrade(sqlite_url, package.name)
    assert await ask(sqlite_url, "SELECT * FROM shelves") == []


async def test_migrations_may_be_in_a_zip_file(
    sqlite_url: str, package: Package, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = shutil.make_archive(str(root.with_name("archive")), "zip", root)
    shutil.rmtree(root)
    monkeypatch.syspath_prepend(archive)
    await upgrade(sqlite_url, package.name)
    assert await ask(sqlite_url, "SELECT * FROM shelves") == []


async def test_no_server_is_unavailable(tmp_path: Path, package: Package) -> None:
    with pytest.raises(Unavailable):
        await upgrade(f"postgresql://test@/test?host={tmp_path}", package.name)


async def test_a_file_that_is_no_database_is_said(tmp_path: Path, package: Package) -> None:
    (tmp_path / "test.db").write_text("Bought: one mug\n" * 100)
    with pytest.raises(Unavailable, match=r"^cannot be opened: file is not a database$"):
        await prepare(f"sqlite:///{tmp_path}/test.db", package.name)


async def test_a_file_is_named_after_its_revision(sqlite_url: str, package: Package) -> None:
    (package.folder / "r0001.py").rename(package.folder / "r0007_shelves.py")
    with pytest.raises(SchemaError, match=r"revision 0001 must be r0001_WORDS\.py"):
        await upgrade(sqlite_url, package.name)


async def test_alembic_is_imported_only_where_something_is_to_migrate(
    sqlite_url: str, package: Package, root: Path
) -> None:
    await upgrade(sqlite_url, package.name)
    program = (
        "import asyncio, sys; from runtime.migrate import prepare; "
        f"asyncio.run(prepare({sqlite_url!r}, {package.name!r})); "
        "print('alembic' in sys.modules)"
    )

    def start() -> str:
        path = os.pathsep.join([str(root), *sys.path])
        command = [sys.executable, "-c", program]
        env = os.environ | {"PYTHONPATH": path}
        done = subprocess.run(  # noqa: S603
            command, env=env, capture_output=True, text=True, check=True
        )
        return done.stdout.splitlines()[-1]

    assert await asyncio.to_thread(start) == "False"
    package.add("0002", ADD, after="0001")
    assert await asyncio.to_thread(start) == "True"
