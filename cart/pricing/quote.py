"""Gives the items of a batch their prices: one question to Product and Discount for all of them."""

from collections.abc import Collection, Iterator, Mapping

from cart.model import Draft, ItemIssue, Notice, Priced, Proposal, Wanted
from cart.pricing.money import discount_off
from cart.pricing.types import CodeState, ProductQuote, Quoter, Quotes
from cart.validation import sort_out
from runtime.errors import Unavailable

type Problem = tuple[ItemIssue, str]

_AWAY = (ItemIssue.DISCOUNT_UNAVAILABLE, "cannot be looked up now")
_UNKNOWN = (ItemIssue.DISCOUNT_UNKNOWN, "there is no such code")
_PROBLEMS = {
    CodeState.INACTIVE: (ItemIssue.DISCOUNT_NOT_ACTIVE, "is switched off"),
    CodeState.NOT_STARTED: (ItemIssue.DISCOUNT_NOT_ACTIVE, "is not good yet"),
    CodeState.EXPIRED: (ItemIssue.DISCOUNT_NOT_ACTIVE, "is good no longer"),
    CodeState.EXHAUSTED: (ItemIssue.DISCOUNT_EXHAUSTED, "was redeemed as often as it may be"),
}


async def price(
    quoter: Quoter, owner: str, proposals: Collection[Proposal], *, allow_full_price: bool
) -> Priced:
    """Return the items at their prices of this moment, and what is wrong with the others.

    Codes that may be had so many times only are redeemed for the owner. Unavailable where
    Product is away; where Discount is, too, unless discounts are optional.
    """
    wanted, rejected = sort_out(proposals)
    if not wanted:
        return Priced([], rejected, [])
    try:
        quotes = await quoter.quote(
            {each.product_id for each in wanted}, {each.code for each in wanted if each.code}
        )
    except Unavailable as error:
        raise _of_this_batch(error) from error
    sold, unsold = _split(wanted, quotes)
    codes = Codes(quotes, is_optional=allow_full_price)
    codes.require(sold)
    await codes.redeem(quoter, owner, sold)
    drafts: list[Draft] = []
    problems: list[Notice] = []
    for each in sold:
        product = quotes.products[each.product_id]
        match codes.reduction(each.code, product):
            case int(off):
                drafts.append(_draft(each, product, each.code or "", off))
            case issue, rule:
                problems.append(Notice(each.place, issue, "discount_code", rule))
                if allow_full_price:
                    drafts.append(_draft(each, product, "", 0))
    if allow_full_price:
        return Priced(drafts, sorted(rejected + unsold), problems)
    return Priced(drafts, sorted(rejected + unsold + problems), [])


def _of_this_batch(error: Unavailable) -> Unavailable:
    """Return an error of our own: others may be told of the same outage, and of other batches."""
    return Unavailable(
        error.message,
        reason=error.reason,
        metadata=error.metadata,
        retry_after=error.retry_after,
    )


def _split(wanted: list[Wanted], quotes: Quotes) -> tuple[list[Wanted], list[Notice]]:
    """Return the items whose products are for sale, and what is wrong with the others."""
    sold: list[Wanted] = []
    unsold: list[Notice] = []
    for each in wanted:
        product = quotes.products.get(each.product_id)
        if product is None:
            rule = f"there is no product {each.product_id}"
            unsold.append(Notice(each.place, ItemIssue.PRODUCT_UNKNOWN, "product_id", rule))
        elif product.is_sold_out:
            rule = f"product {each.product_id} is sold out"
            unsold.append(Notice(each.place, ItemIssue.OUT_OF_STOCK, "product_id", rule))
        else:
            sold.append(each)
    return sold, unsold


def _draft(wanted: Wanted, product: ProductQuote, code: str, off: int) -> Draft:
    return Draft(
        place=wanted.place,
        product_id=wanted.product_id,
        sku=product.sku,
        name=product.name,
        color=wanted.color,
        quantity=wanted.quantity,
        currency=product.price.currency,
        list_minor=product.price.minor,
        discount_code=code,
        discount_minor=off,
    )


class Codes:
    """The discount codes of a batch; whatever is not known of them is for Discount to say."""

    def __init__(self, quotes: Quotes, *, is_optional: bool) -> None:
        self._quotes = quotes
        self._is_optional = is_optional
        self._states = {code: quote.state for code, quote in quotes.codes.items()}

    def require(self, sold: Collection[Wanted]) -> None:
        """Raise that Discount is away where an item needs to know of its code."""
        outage = self._quotes.discount_outage
        if outage is None or self._is_optional:
            return
        if any(each.code and each.code not in self._states for each in sold):
            raise _of_this_batch(outage) from outage

    async def redeem(self, quoter: Quoter, owner: str, sold: Collection[Wanted]) -> None:
        """Redeem the limited codes that items are about to use."""
        codes = set(self._limited(sold))
        if not codes:
            return
        try:
            states: Mapping[str, CodeState] = await quoter.redeem(owner, codes)
        except Unavailable as error:
            if not self._is_optional:
                raise _of_this_batch(error) from error
            states = {}
        for code in codes:
            del self._states[code]
        self._states |= states

    def _limited(self, sold: Collection[Wanted]) -> Iterator[str]:
        for each in sold:
            quote = self._quotes.codes.get(each.code or "")
            if quote is None or not quote.is_limited or quote.benefit is None:
                continue
            # One that is used up may be the owner's since before.
            is_usable = quote.state in {CodeState.ACTIVE, CodeState.EXHAUSTED}
            product = self._quotes.products[each.product_id]
            if is_usable and discount_off(quote.benefit, product.price) is not None:
                yield quote.code

    def reduction(self, code: str | None, product: ProductQuote) -> int | Problem:
        """Return what the code takes off a unit of the product, or what is wrong with it."""
        if code == "":
            return 0
        if code is None:
            return _UNKNOWN
        if code not in self._states:
            return _AWAY
        state, benefit = self._states[code], self._quotes.codes[code].benefit
        if state is not CodeState.ACTIVE or benefit is None:
            return _PROBLEMS.get(state, _UNKNOWN)
        off = discount_off(benefit, product.price)
        if off is None:
            rule = f"takes nothing off a price in {product.price.currency}"
            return ItemIssue.DISCOUNT_CURRENCY, rule
        return off
