"""The SQL of discounts. One public method, one transaction."""

import json
import secrets
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from discount.errors import code_taken, etag_stale, not_found
from discount.model import Benefit, Discount, Draft, FixedAmounts, Percentage, State
from discount.tables import discounts, redemptions
from discount.validation import end_not_later, in_discount
from runtime.clock import Micros
from runtime.database import Database
from runtime.errors import Aborted, InvalidArgument, NotFound
from runtime.statements import insert_into

type Column = str | int | bool | None

_CODE = discounts.c.code
_BY_CODES = select(discounts).where(_CODE.in_(bindparam("codes", expanding=True)))
# Locked in the order of the codes, so that two who redeem the same codes do not deadlock. SQLite,
# whose writers wait for each other anyway, knows no FOR UPDATE and is not told of it.
_LOCKED = _BY_CODES.order_by(_CODE).with_for_update()
_PAGE = (
    select(discounts)
    .where(discounts.c.code > bindparam("after"))
    .order_by(_CODE)
    .limit(bindparam("size"))
)
_REDEEMED = select(redemptions.c.code).where(
    redemptions.c.redeemer == bindparam("redeemer"),
    redemptions.c.code.in_(bindparam("codes", expanding=True)),
)
_COUNT = (
    update(discounts)
    .where(_CODE.in_(bindparam("codes", expanding=True)))
    .values(redemption_count=discounts.c.redemption_count + 1)
)


class Store:
    """Reads and writes discounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get_many(self, codes: Collection[str]) -> dict[str, Discount]:
        """Return those of the discounts that exist, by code."""
        return await self._database.read(partial(_get_many, codes=codes), snapshot=False)

    async def page(self, after: str, size: int) -> list[Discount]:
        """Return discounts in order of code, from the first one after a code."""
        return await self._database.read(partial(_page, after=after, size=size), snapshot=False)

    async def create(self, code: str, draft: Draft, now: Micros) -> Discount:
        """Insert a discount."""
        made = await self.create_missing({code: draft}, now)
        if not made:
            raise code_taken(code)
        return made[0]

    async def create_missing(self, drafts: Mapping[str, Draft], now: Micros) -> list[Discount]:
        """Insert those whose code is not taken, all or none of them, and return them."""
        return await self._database.write(partial(_create_missing, drafts=drafts, now=now))

    async def update(
        self, code: str, etag_revision: int | None, changes: Mapping[str, Any], now: Micros
    ) -> Discount:
        """Change fields of a Draft, if the discount is at that revision still or none is given."""
        work = partial(_update, code=code, at=etag_revision, changes=changes, now=now)
        return await self._database.write(work)

    async def delete(self, code: str, etag_revision: int | None) -> None:
        """Delete a discount and its redemptions, on the same condition."""
        await self._database.write(partial(_delete, code=code, at=etag_revision))

    async def redeem(
        self, redeemer: str, codes: Collection[str], now: Micros
    ) -> dict[str, tuple[Discount, State]]:
        """Take a redemption of each code that has one left and that the redeemer has not yet."""
        work = partial(_redeem, redeemer=redeemer, codes=codes, now=now)
        return await self._database.write(work)


def _get_many(connection: Connection, codes: Collection[str]) -> dict[str, Discount]:
    rows = connection.execute(_BY_CODES, {"codes": list(codes)})
    return {row.code: _discount(row) for row in rows}


def _page(connection: Connection, after: str, size: int) -> list[Discount]:
    return [_discount(row) for row in connection.execute(_PAGE, {"after": after, "size": size})]


def _create_missing(
    connection: Connection, drafts: Mapping[str, Draft], now: Micros
) -> list[Discount]:
    statement = (
        insert_into(discounts, connection.dialect.name)
        .on_conflict_do_nothing(index_elements=[_CODE])
        .returning(discounts)
    )
    made = []
    for code, draft in sorted(drafts.items()):
        values = _columns(_fields(draft)) | {
            "code": code,
            "redemption_count": 0,
            "create_time": now,
            "update_time": now,
            "revision": _new_revision(),
        }
        row = connection.execute(statement, values).first()
        if row is not None:
            made.append(_discount(row))
    return made


def _update(
    connection: Connection, code: str, at: int | None, changes: Mapping[str, Any], now: Micros
) -> Discount:
    statement = update(discounts).where(discounts.c.code == code)
    if at is not None:
        statement = statement.where(discounts.c.revision == at)
    values = _columns(changes) | {"update_time": now, "revision": _new_revision()}
    row = connection.execute(statement.values(values).returning(discounts)).first()
    if row is None:
        raise _why_untouched(connection, code)
    if row.start_time is not None and row.end_time is not None and row.start_time >= row.end_time:
        # Only one of them was in the mask: the other is what is stored. This undoes the change.
        raise InvalidArgument(in_discount([end_not_later()]))
    return _discount(row)


def _delete(connection: Connection, code: str, at: int | None) -> None:
    statement = delete(discounts).where(discounts.c.code == code)
    if at is not None:
        statement = statement.where(discounts.c.revision == at)
    if not connection.execute(statement).rowcount:
        raise _why_untouched(connection, code)
    connection.execute(delete(redemptions).where(redemptions.c.code == code))


def _why_untouched(connection: Connection, code: str) -> NotFound | Aborted:
    is_there = connection.execute(select(_CODE).where(discounts.c.code == code)).first() is not None
    return etag_stale(code) if is_there else not_found(code)


def _redeem(
    connection: Connection, redeemer: str, codes: Collection[str], now: Micros
) -> dict[str, tuple[Discount, State]]:
    rows = connection.execute(_LOCKED, {"codes": list(codes)}).all()
    found = {row.code: _discount(row) for row in rows}
    # Asked after the lock is had: whoever redeemed before has committed.
    asked = {"redeemer": redeemer, "codes": list(found)}
    redeemed = set(connection.execute(_REDEEMED, asked).scalars())
    states = {
        code: discount.state(now, is_redeemed=code in redeemed) for code, discount in found.items()
    }
    taken = [
        code
        for code, state in states.items()
        if state is State.ACTIVE and found[code].draft.redemption_limit and code not in redeemed
    ]
    if taken:
        notes = [{"code": code, "redeemer": redeemer, "redeem_time": now} for code in taken]
        connection.execute(insert(redemptions), notes)
        connection.execute(_COUNT, {"codes": taken})
        found |= _get_many(connection, taken)
    return {code: (found[code], state) for code, state in states.items()}


def _fields(draft: Draft) -> dict[str, Any]:
    return {name: getattr(draft, name) for name in Draft.__slots__}


def _columns(fields: Mapping[str, Any]) -> dict[str, Column]:
    """Return fields of a Draft as the columns that hold them."""
    columns = {name: value for name, value in fields.items() if name != "benefit"}
    match fields.get("benefit"):
        case Percentage(points):
            columns |= {"basis_points": points, "amounts": None}
        case FixedAmounts(minor):
            columns |= {"basis_points": None, "amounts": json.dumps(dict(minor), sort_keys=True)}
    return columns


def _new_revision() -> int:
    return secrets.randbelow(2**59) + 1


def _discount(row: Row[Any]) -> Discount:
    draft = Draft(
        row.description,
        _benefit(row),
        row.start_time,
        row.end_time,
        row.redemption_limit,
        row.active,
    )
    return Discount(
        row.code, draft, row.redemption_count, row.create_time, row.update_time, row.revision
    )


def _benefit(row: Row[Any]) -> Benefit:
    if row.amounts is None:
        return Percentage(row.basis_points)
    return FixedAmounts(json.loads(row.amounts))
