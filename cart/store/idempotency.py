"""Remembers what became of a request or a batch, so that sending it again has no effect."""

import json
from dataclasses import asdict

from sqlalchemy import Connection, Table, bindparam, delete, insert, select, tuple_

from cart.errors import batch_id_reused, request_id_reused
from cart.model import BatchResult, ItemIssue, Notice, Request
from cart.store.tables import cart_requests, item_batches
from runtime.clock import Micros

_REUSED = {cart_requests: request_id_reused, item_batches: batch_id_reused}
_FIND = {
    table: select(table.c.digest, table.c.result).where(
        table.c.owner == bindparam("owner"), table.c.id == bindparam("id")
    )
    for table in _REUSED
}


def find(connection: Connection, table: Table, owner: str, request: Request) -> BatchResult | None:
    """Return what became of it before; FailedPrecondition where its id was for other items."""
    row = connection.execute(_FIND[table], {"owner": owner, "id": request.id}).first()
    if row is None:
        return None
    if row.digest != request.digest:
        raise _REUSED[table](request.id)
    noted = json.loads(row.result)
    return BatchResult(
        added=noted["added"],
        rejected=[_notice(*each) for each in noted["rejected"]],
        warnings=[_notice(*each) for each in noted["warnings"]],
    )


def note(
    connection: Connection,
    table: Table,
    owner: str,
    request: Request,
    result: BatchResult,
    now: Micros,
) -> None:
    """Remember what became of it."""
    row = {
        "owner": owner,
        "id": request.id,
        "digest": request.digest,
        "result": json.dumps(asdict(result)),
        "create_time": now,
    }
    connection.execute(insert(table), row)


def purge(connection: Connection, before: Micros, limit: int) -> int:
    """Forget up to `limit` of each table that are older; return how many."""
    purged = 0
    for table in _REUSED:
        key = tuple_(table.c.owner, table.c.id)
        old = select(table.c.owner, table.c.id).where(table.c.create_time < before).limit(limit)
        purged += connection.execute(delete(table).where(key.in_(old))).rowcount
    return purged


def _notice(place: int, issue: int, field: str, rule: str) -> Notice:
    return Notice(place, ItemIssue(issue), field, rule)
