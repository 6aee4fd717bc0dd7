import pytest

from tools.bodega.failure import Exit
from tools.bodega.tests.identity_server import Identity
from tools.bodega.tests.terminal import Terminal

pytest_plugins = ["tools.bodega.tests.shop_fixtures"]


async def test_a_cart_is_a_table_with_sums(customer: Terminal, identity: Identity) -> None:
    await customer.fine("cart", "create", "1:2", "--code", "summer")
    await customer.fine("cart", "add", "2:10", "--color", "red")
    lines = (await customer.fine("cart", "show")).lines
    assert lines[0] == f"Owner    {identity.user.user_id}"
    assert lines[4:] == [
        "ITEM  PRODUCT  NAME   COLOR  CODE    QTY      PRICE         TOTAL",
        "   1        1  Chair         SUMMER    2  11.25 EUR     22.50 EUR",
        "   2        2  Table  red             10  99.00 EUR    990.00 EUR",
        "                                           Subtotal  1,015.00 EUR",
        "                                           Discount     -2.50 EUR",
        "                                              Total  1,012.50 EUR",
    ]


async def test_a_cart_as_programs_read_it(customer: Terminal) -> None:
    made = (await customer.fine("cart", "create", "1", "--json")).json
    assert made["rejected_items"] == made["warnings"] == []
    cart = (await customer.fine("cart", "show", "--json")).json
    assert cart == made["cart"]
    assert cart["totals"]["total"] == {"currency": "EUR", "amount": "12.50"}
    assert cart["items"][0]["unit_price"] == {"currency": "EUR", "amount": "12.50"}


async def test_an_empty_cart_says_so(customer: Terminal) -> None:
    assert "The cart is empty." in (await customer.fine("cart", "create")).out
    assert "discount" not in (await customer.fine("cart", "show")).out


async def test_without_a_cart_it_says_how_to_make_one(customer: Terminal) -> None:
    for argv in (("show",), ("add", "1"), ("clear",), ("update", "1", "2"), ("delete",)):
        said = await customer("cart", *argv)
        assert said.code == Exit.NOT_FOUND
        assert "bodega cart create" in said.err


async def test_what_cannot_be_added_is_named_and_the_rest_is_added(customer: Terminal) -> None:
    await customer.fine("cart", "create")
    said = await customer("cart", "add", "1:2", "99", "2:10000")
    assert said.code == Exit.REFUSED
    assert said.lines[0] == "1 added. In the cart: 1 item, 2 units, 25.00 EUR."
    assert said.lines[1].startswith("Not added: 99:1: product unknown: product_id: ")
    assert said.lines[2].startswith("Not added: 2:10000: invalid: quantity: ")
    said = await customer("cart", "add", "99", "--json")
    assert said.json["rejected_items"][0]["issue"] == "product_unknown"


async def test_a_discount_may_be_optional(customer: Terminal) -> None:
    await customer.fine("cart", "create")
    said = await customer("cart", "add", "1", "--code", "NONE")
    assert said.code == Exit.REFUSED
    assert "Not added: 1:1: discount unknown" in said.out
    said = await customer.fine("cart", "add", "1", "--code", "NONE", "--allow-full-price")
    assert "Without discount: 1:1: discount unknown" in said.out


async def test_items_are_changed_and_taken_out(customer: Terminal) -> None:
    await customer.fine("cart", "create", "1", "2")
    etag = (await customer.fine("cart", "show", "--json")).json["etag"]
    cart = (await customer.fine("cart", "update", "1", "7", "--etag", etag, "--json")).json
    assert [item["quantity"] for item in cart["items"]] == [7, 1]
    stale = await customer("cart", "remove", "1", "--etag", etag)
    assert stale.code == Exit.REFUSED
    assert "Somebody changed it meanwhile" in stale.err
    cart = (await customer.fine("cart", "remove", "1", "--json")).json
    assert [item["id"] for item in cart["items"]] == [2]
    assert (await customer.fine("cart", "clear", "--json")).json["items"] == []
    assert (await customer.fine("cart", "delete")).out == "The cart is deleted.\n"
    assert (await customer("cart", "show")).code == Exit.NOT_FOUND


async def test_a_repetition_is_harmless(customer: Terminal) -> None:
    uuid = "3f0e1c1e-6b5a-4d43-9d4e-3a1f7e0f4c55"
    for _ in range(2):
        await customer.fine("cart", "create", "1", "--request-id", uuid)
        await customer.fine("cart", "add", "2", "--batch-id", "b")
    cart = (await customer.fine("cart", "show", "--json")).json
    assert [item["quantity"] for item in cart["items"]] == [1, 1]


async def test_whoever_runs_the_shop_reaches_every_cart(
    customer: Terminal, manager: Terminal, identity: Identity
) -> None:
    await customer.fine("cart", "create", "1")
    owner = ("--owner", identity.user.user_id)
    await manager.fine("cart", "add", "2", *owner)
    cart = (await manager.fine("cart", "show", *owner, "--json")).json
    assert len(cart["items"]) == 2
    assert (await manager("cart", "show")).code == Exit.NOT_FOUND
    lines = (await manager.fine("cart", "list")).lines
    assert lines[0].split() == ["OWNER", "ITEMS", "UNITS", "TOTAL", "CHANGED"]
    assert lines[1].split()[:5] == [identity.user.user_id, "2", "2", "111.50", "EUR"]
    listed = (await manager.fine("cart", "list", "--json")).json["carts"]
    assert [each["owner"] for each in listed] == [identity.user.user_id]


async def test_a_customer_reaches_no_other_cart(customer: Terminal) -> None:
    for argv in (("show", "--owner", "bob"), ("list",)):
        said = await customer("cart", *argv)
        assert said.code == Exit.REFUSED
        assert "--client-id operator" in said.err


@pytest.mark.parametrize("item", ["x", "1:", "1:x", "-1", "1:2:3", "1.5", ""])
async def test_what_is_no_item_is_a_mistake(customer: Terminal, item: str) -> None:
    said = await customer("cart", "add", item)
    assert said.code == Exit.USAGE


async def test_carts_need_a_log_in(terminal: Terminal, cart: str) -> None:
    said = await terminal.at("--cart", cart)("cart", "show")
    assert said.code == Exit.NOT_LOGGED_IN
