"""The rules of discounts, over a store."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from discount.errors import not_found
from discount.metrics import count_answers, count_redeemed
from discount.model import Answer, Discount, Draft, Proposal, State
from discount.validation import (
    check_changes,
    check_codes,
    check_mask,
    check_new,
    check_redeemer,
    draft_of,
    normal_code,
)
from runtime import page_token
from runtime.clock import Clock, Micros, now_micros
from runtime.etag import revision_of
from runtime.validation import check_page_size

_QUERY: page_token.Query = ("discounts",)


class Keeps(Protocol):
    """What the service needs of a store."""

    async def get_many(self, codes: Collection[str]) -> dict[str, Discount]:
        """Return those of the discounts that exist, by code."""
        ...

    async def page(self, after: str, size: int) -> list[Discount]:
        """Return discounts in order of code, from the first one after a code."""
        ...

    async def create(self, code: str, draft: Draft, now: Micros) -> Discount:
        """Insert a discount."""
        ...

    async def update(
        self, code: str, etag_revision: int | None, changes: Mapping[str, Any], now: Micros
    ) -> Discount:
        """Change fields of a Draft, if the discount is at that revision still or none is given."""
        ...

    async def delete(self, code: str, etag_revision: int | None) -> None:
        """Delete a discount and its redemptions, on the same condition."""
        ...

    async def redeem(
        self, redeemer: str, codes: Collection[str], now: Micros
    ) -> dict[str, tuple[Discount, State]]:
        """Take a redemption of each code that has one left and that the redeemer has not yet."""
        ...


class Page(NamedTuple):
    """A page of a listing; an empty token says that it is the last one."""

    discounts: list[Discount]
    next_page_token: str


class Discounts:
    """Discount codes: single ones, listings, and their redemption."""

    def __init__(self, store: Keeps, *, clock: Clock = now_micros) -> None:
        self._store = store
        self._clock = clock

    async def get(self, code: str) -> Answer:
        """Return a discount and whether it is good."""
        (answer,) = await self.get_many([code])
        if answer.discount is None:
            raise not_found(code)
        return answer

    async def get_many(self, codes: Sequence[str]) -> list[Answer]:
        """Answer each code, whether there is such a discount or not."""
        asked = check_codes(codes)
        found = await self._store.get_many(_possible(asked))
        now = self._clock()
        states = {code: (each, each.state(now)) for code, each in found.items()}
        answers = _answers(asked, states)
        count_answers(answers)
        return answers

    async def list_page(self, page_size: int, token: str) -> Page:
        """Return a page of all discounts."""
        size = check_page_size(page_size)
        (after,) = page_token.decode(_QUERY, token, (str,)) if token else ("",)
        # One more than a page holds, to learn whether there is a next one.
        found = await self._store.page(str(after), size + 1)
        if len(found) <= size:
            return Page(found, "")
        return Page(found[:size], page_token.encode(_QUERY, (found[size - 1].code,)))

    async def create(self, proposal: Proposal) -> Discount:
        """Store a new discount."""
        code, draft = check_new(proposal)
        return await self._store.create(code, draft, self._clock())

    async def update(self, etag: str, proposal: Proposal, paths: Collection[str]) -> Discount:
        """Change the fields that the mask's paths name."""
        fields = check_mask(paths)
        check_changes(proposal, fields)
        code = _existing(proposal.code)
        changes = {name: getattr(proposal, name) for name in fields - {"fixed", "basis_points"}}
        if "fixed" in fields:
            changes["benefit"] = draft_of(proposal).benefit
        return await self._store.update(code, revision_of(etag), changes, self._clock())

    async def delete(self, code: str, etag: str) -> None:
        """Delete a discount."""
        await self._store.delete(_existing(code), revision_of(etag))

    async def redeem(self, redeemer: str, codes: Sequence[str]) -> list[Answer]:
        """Take a redemption of each code for the redeemer; ACTIVE where it has the code now."""
        check_redeemer(redeemer)
        asked = check_codes(codes)
        answers = _answers(
            asked, await self._store.redeem(redeemer, _possible(asked), self._clock())
        )
        count_redeemed(answers)
        return answers


def _existing(code: str) -> str:
    """Return the code as it is stored; one that cannot be stored belongs to no discount."""
    normal = normal_code(code)
    if normal is None:
        raise not_found(code)
    return normal


def _possible(asked: Mapping[str, str | None]) -> list[str]:
    return [normal for normal in asked.values() if normal is not None]


def _answers(
    asked: Mapping[str, str | None], found: Mapping[str, tuple[Discount, State]]
) -> list[Answer]:
    answers = []
    for code, normal in asked.items():
        if normal is not None and normal in found:
            discount, state = found[normal]
            answers.append(Answer(code, state, discount))
        else:
            answers.append(Answer(code, State.UNKNOWN))
    return answers
