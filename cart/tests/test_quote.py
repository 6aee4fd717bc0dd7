"""What a batch is quoted, as Product and Discount have it."""

import pytest

from cart.model import ItemIssue, Priced, Proposal
from cart.pricing.quote import price
from cart.pricing.types import FixedAmounts
from cart.tests.examples import CUP, POT, RARE, SAKE, TEA, Shop, proposal
from runtime.errors import Unavailable
from runtime.reason import Reason

AWAY = Unavailable("Discount is away", reason=Reason.DISCOUNT_UNAVAILABLE)


async def quote(shop: Shop, *proposals: Proposal, optional: bool = False) -> Priced:
    return await price(shop, "ann", proposals, allow_full_price=optional)


def issues(priced: Priced) -> list[tuple[int, ItemIssue, str]]:
    return [(each.place, each.issue, each.field) for each in priced.rejected]


async def test_the_price_is_that_of_product_and_the_discount_that_of_discount(shop: Shop) -> None:
    priced = await quote(shop, proposal(TEA, 2, "tenth", " red "), proposal(CUP))
    tea, cup = priced.drafts
    assert (tea.sku, tea.name, tea.color, tea.quantity) == ("TEA", "Tea", "red", 2)
    assert (tea.list_minor, tea.discount_code, tea.discount_minor) == (250, "TENTH", 25)
    assert (cup.list_minor, cup.discount_code, cup.discount_minor) == (999, "", 0)
    assert (priced.rejected, priced.warnings) == ([], [])


async def test_a_batch_is_one_question_of_each_product_and_code_once(shop: Shop) -> None:
    """Seed fault 8: one discount call for each item."""
    await quote(
        shop, proposal(TEA, code="TENTH"), proposal(TEA, code="tenth"), proposal(CUP), proposal(0)
    )
    assert shop.quoted == [({TEA, CUP}, {"TENTH"})]
    assert shop.redeemed == []


async def test_a_batch_of_bad_items_asks_nobody(shop: Shop) -> None:
    priced = await quote(shop, proposal(0), proposal(TEA, 0))
    assert issues(priced) == [
        (0, ItemIssue.INVALID, "product_id"),
        (1, ItemIssue.INVALID, "quantity"),
    ]
    assert shop.quoted == []


async def test_what_cannot_be_sold_is_rejected_alone_in_order_of_place(shop: Shop) -> None:
    priced = await quote(
        shop,
        proposal(99, code="ONCE"),
        proposal(TEA, code="NOSUCH"),
        proposal(RARE, code="ONCE"),
        proposal(POT, -1),
        proposal(CUP),
    )
    assert issues(priced) == [
        (0, ItemIssue.PRODUCT_UNKNOWN, "product_id"),
        (1, ItemIssue.DISCOUNT_UNKNOWN, "discount_code"),
        (2, ItemIssue.OUT_OF_STOCK, "product_id"),
        (3, ItemIssue.INVALID, "quantity"),
    ]
    assert [each.place for each in priced.drafts] == [4]
    assert shop.redeemed == []


@pytest.mark.parametrize(
    ("code", "issue"),
    [
        ("NOSUCH", ItemIssue.DISCOUNT_UNKNOWN),
        ("no such", ItemIssue.DISCOUNT_UNKNOWN),
        ("\u017f", ItemIssue.DISCOUNT_UNKNOWN),
        (" TENTH", ItemIssue.DISCOUNT_UNKNOWN),
        ("X" * 41, ItemIssue.DISCOUNT_UNKNOWN),
        ("\x00", ItemIssue.DISCOUNT_UNKNOWN),
        ("OFF", ItemIssue.DISCOUNT_NOT_ACTIVE),
        ("SOON", ItemIssue.DISCOUNT_NOT_ACTIVE),
        ("PAST", ItemIssue.DISCOUNT_NOT_ACTIVE),
        ("EURO", ItemIssue.DISCOUNT_CURRENCY),
    ],
)
async def test_a_code_that_is_not_good_rejects_its_item_or_warns(
    shop: Shop, code: str, issue: ItemIssue
) -> None:
    sent = proposal(SAKE, 3, code)
    refused = await quote(shop, sent, proposal(SAKE))
    assert issues(refused) == [(0, issue, "discount_code")]
    assert refused.rejected[0].rule
    assert [each.place for each in refused.drafts] == [1]
    kept = await quote(shop, sent, optional=True)
    assert kept.rejected == []
    assert [each.issue for each in kept.warnings] == [issue]
    (draft,) = kept.drafts
    assert (draft.quantity, draft.discount_code, draft.discount_minor) == (3, "", 0)


async def test_a_code_that_cannot_be_one_is_asked_of_nobody(shop: Shop) -> None:
    await quote(shop, proposal(code="no such"), proposal(code="X" * 41))
    assert shop.quoted == [({TEA}, set())]


async def test_a_limited_code_is_redeemed_once_for_its_owner(shop: Shop) -> None:
    for _ in range(2):
        priced = await quote(shop, proposal(TEA, code="once"), proposal(CUP, code="ONCE"))
        assert [each.discount_minor for each in priced.drafts] == [125, 500]
    assert shop.redeemed == [("ann", {"ONCE"})] * 2
    other = await price(shop, "bob", [proposal(TEA, code="ONCE")], allow_full_price=False)
    assert issues(other) == [(0, ItemIssue.DISCOUNT_EXHAUSTED, "discount_code")]


async def test_no_code_is_redeemed_that_no_item_can_use(shop: Shop) -> None:
    shop.offer("EURO", FixedAmounts({"EUR": 100}), left=1)
    priced = await quote(shop, proposal(SAKE, code="EURO"), proposal(RARE, code="ONCE"))
    assert issues(priced) == [
        (0, ItemIssue.DISCOUNT_CURRENCY, "discount_code"),
        (1, ItemIssue.OUT_OF_STOCK, "product_id"),
    ]
    assert shop.redeemed == []


async def test_while_product_is_away_there_is_no_price(shop: Shop) -> None:
    shop.product_outage = Unavailable("away", reason=Reason.PRODUCT_UNAVAILABLE)
    with pytest.raises(Unavailable) as away:
        await quote(shop, proposal(), optional=True)
    assert away.value.reason == "PRODUCT_UNAVAILABLE"


async def test_while_discount_is_away_the_batch_waits_for_it(shop: Shop) -> None:
    shop.discount_outage = AWAY
    with pytest.raises(Unavailable) as away:
        await quote(shop, proposal(), proposal(CUP, code="TENTH"))
    assert away.value.reason == "DISCOUNT_UNAVAILABLE"
    # It is told to others too, each of whom adds what it is about.
    assert away.value is not AWAY


async def test_while_discount_is_away_items_that_need_no_discount_are_priced(shop: Shop) -> None:
    shop.discount_outage = AWAY
    priced = await quote(shop, proposal(), proposal(99, code="TENTH"), proposal(code="no such"))
    assert [each.place for each in priced.drafts] == [0]
    assert issues(priced) == [
        (1, ItemIssue.PRODUCT_UNKNOWN, "product_id"),
        (2, ItemIssue.DISCOUNT_UNKNOWN, "discount_code"),
    ]


async def test_while_discount_is_away_an_optional_discount_is_left_out(shop: Shop) -> None:
    shop.discount_outage = AWAY
    priced = await quote(shop, proposal(), proposal(CUP, code="TENTH"), optional=True)
    assert [each.discount_minor for each in priced.drafts] == [0, 0]
    assert [(each.place, each.issue) for each in priced.warnings] == [
        (1, ItemIssue.DISCOUNT_UNAVAILABLE)
    ]


async def test_a_code_that_cannot_be_redeemed_now_is_as_good_as_not_known(shop: Shop) -> None:
    shop.redeem_outage = AWAY
    with pytest.raises(Unavailable):
        await quote(shop, proposal(code="ONCE"))
    priced = await quote(shop, proposal(code="ONCE"), proposal(code="TENTH"), optional=True)
    assert [each.discount_minor for each in priced.drafts] == [0, 25]
    assert [each.issue for each in priced.warnings] == [ItemIssue.DISCOUNT_UNAVAILABLE]
