"""Every RPC wants its scope: a code is worth money to who can list them."""

from discount.server import SERVICE
from runtime.method import Method
from runtime.policy import policy_of

POLICIES = {
    "GetDiscount": "discounts.read",
    "BatchGetDiscounts": "discounts.read",
    "ListDiscounts": "discounts.read",
    "CreateDiscount": "discounts.write",
    "UpdateDiscount": "discounts.write",
    "DeleteDiscount": "discounts.write",
    "RedeemDiscounts": "discounts.redeem",
}


def test_every_rpc_wants_its_scope() -> None:
    for method in SERVICE.methods:
        policy = policy_of(Method(SERVICE.full_name, method.name, False, False, method))
        assert not policy.public
        assert policy.scopes == {POLICIES[method.name]}
    assert {method.name for method in SERVICE.methods} == set(POLICIES)
