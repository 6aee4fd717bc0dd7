"""The revisions of a service, run by Alembic. Imported only where one is missing."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext, MigrationStep, RevisionStep
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from runtime.logs import get_logger
from runtime.schema import SchemaError, newest_revision, version_table

_log = get_logger(__name__)


class Migrations:
    """The revisions of one package, and the table where a database notes which it has."""

    def __init__(self, folder: Path, package: str) -> None:
        self._scripts = ScriptDirectory(folder, version_locations=[folder])
        self.head = _only_head(self._scripts, package)
        self._version_table = version_table(package)

    def current(self, connection: Connection) -> str | None:
        """Return the database's revision, None for an empty one; refuse an unknown revision."""
        current = self._context(connection).get_current_revision()
        if current is not None:
            self._require_known(current)
        return current

    def upgrade(self, connection: Connection) -> None:
        """Run what is missing, in the transaction that the caller began and will commit."""
        current = self.current(connection)
        revisions = self._scripts.iterate_revisions(self.head, current or "base")
        steps = [
            MigrationStep.upgrade_from_script(self._scripts.revision_map, each)
            for each in reversed(list(revisions))
        ]
        context = self._context(connection, steps)
        with Operations.context(context):
            context.run_migrations()
        _log.info("schema migrated", before=current or "none", now=self.head)

    def require_head(self, connection: Connection) -> None:
        """Raise SchemaError unless the schema is the one the code expects."""
        current = self.current(connection)
        if current != self.head:
            raise SchemaError(
                f"the database is at schema revision {current or 'none'}, this program needs"
                f" {self.head}: start it once with --migrate"
            )

    def _context(
        self, connection: Connection, steps: list[RevisionStep] | None = None
    ) -> MigrationContext:
        return MigrationContext.configure(
            connection,
            opts={"version_table": self._version_table, "fn": lambda _heads, _context: steps or []},
        )

    def _require_known(self, revision: str) -> None:
        try:
            self._scripts.get_revision(revision)
        except CommandError:
            raise SchemaError(
                f"the database is at schema revision {revision}, which this program (up to"
                f" {self.head}) does not know: start a newer version of it"
            ) from None


def _only_head(scripts: ScriptDirectory, package: str) -> str:
    match scripts.get_heads():
        case []:
            raise SchemaError(f"{package} holds no migrations")
        case [head] if head != newest_revision(package):
            raise SchemaError(f"{package}: the file of revision {head} must be r{head}_WORDS.py")
        case [head]:
            return head
        case heads:
            raise SchemaError(f"{package} must be one line of revisions; it ends in {heads}")


@contextmanager
def migrations(package: str) -> Iterator[Migrations]:
    """Read the package's revisions."""
    with as_file(files(package)) as folder:
        yield Migrations(folder, package)
