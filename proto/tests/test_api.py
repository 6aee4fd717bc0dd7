"""What holds for every RPC, field and reason of the API."""

import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from google.api import annotations_pb2, field_behavior_pb2, http_pb2
from google.protobuf.descriptor import (
    Descriptor,
    FieldDescriptor,
    MethodDescriptor,
    ServiceDescriptor,
)
from google.protobuf.descriptor_pb2 import MethodOptions

import runtime
from bodega.cart.v1 import cart_pb2
from bodega.discount.v1 import discount_pb2
from bodega.errors.v1 import reason_pb2
from bodega.product.v1 import product_pb2
from runtime.reason import Reason

# Extensions, which the stubs of their package call plain descriptors of fields.
HTTP: Any = annotations_pb2.http
FIELD_BEHAVIOR: Any = field_behavior_pb2.field_behavior

SERVICES: list[ServiceDescriptor] = [
    service
    for file in (cart_pb2, discount_pb2, product_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
]
METHODS: list[MethodDescriptor] = [method for service in SERVICES for method in service.methods]

# How often a field of a message may be given, as google/api/field_behavior.proto has it.
BEHAVIORS = {
    (field_behavior_pb2.REQUIRED,),
    (field_behavior_pb2.OPTIONAL,),
    (field_behavior_pb2.OUTPUT_ONLY,),
}
VARIABLE = re.compile(r"\{([a-z_.]+)\}")
PATH = re.compile(r"/v1(/([a-z]+|\{[a-z_.]+\}))+(:[a-zA-Z]+)?")


class Binding(NamedTuple):
    """An HTTP request that calls an RPC."""

    rpc: MethodDescriptor
    verb: str
    path: str
    body: str


def rules(rpc: MethodDescriptor) -> list[http_pb2.HttpRule]:
    options = rpc.GetOptions()
    if not options.HasExtension(HTTP):
        return []
    rule: http_pb2.HttpRule = options.Extensions[HTTP]
    return [rule, *rule.additional_bindings]


def binding(rpc: MethodDescriptor, rule: http_pb2.HttpRule) -> Binding:
    verb = rule.WhichOneof("pattern")
    assert verb is not None
    return Binding(rpc, verb, getattr(rule, verb), rule.body)


BINDINGS = [binding(rpc, rule) for rpc in METHODS for rule in rules(rpc)]


def collide(one: Binding, other: Binding) -> bool:
    """Say whether there is a request that both bindings match."""
    (path, _, custom), (other_path, _, other_custom) = (
        each.path.partition(":") for each in (one, other)
    )
    parts, other_parts = path.split("/"), other_path.split("/")
    return (one.verb, custom, len(parts)) == (other.verb, other_custom, len(other_parts)) and all(
        mine == theirs or "{" in mine + theirs
        for mine, theirs in zip(parts, other_parts, strict=True)
    )


def field(message: Descriptor, path: str) -> FieldDescriptor:
    """Return the field at a path: `product.id`."""
    name, _, rest = path.partition(".")
    found = message.fields_by_name[name]
    if not rest:
        return found
    assert found.message_type is not None
    return field(found.message_type, rest)


def messages_of_requests() -> dict[str, Descriptor]:
    """Return our messages that a client can send, by name."""
    found: dict[str, Descriptor] = {}
    waiting = [rpc.input_type for rpc in METHODS]
    while waiting:
        message = waiting.pop()
        if message.full_name in found or not message.full_name.startswith("bodega."):
            continue
        found[message.full_name] = message
        waiting += [each.message_type for each in message.fields if each.message_type]
    return found


SENT_FIELDS: list[FieldDescriptor] = [
    each for message in messages_of_requests().values() for each in message.fields
]


@pytest.mark.parametrize("rpc", METHODS, ids=lambda rpc: rpc.name)
def test_an_rpc_has_an_http_binding_unless_its_client_streams(rpc: MethodDescriptor) -> None:
    assert bool(rules(rpc)) is not rpc.client_streaming


@pytest.mark.parametrize("bound", BINDINGS, ids=lambda each: f"{each.verb} {each.path}")
def test_a_binding_names_fields_of_its_request(bound: Binding) -> None:
    assert PATH.fullmatch(bound.path)
    for path in VARIABLE.findall(bound.path):
        assert not field(bound.rpc.input_type, path).message_type
    if bound.body not in {"", "*"}:
        assert field(bound.rpc.input_type, bound.body).message_type
    assert (bound.verb in {"get", "delete"}) == (bound.body == "")
    level = bound.rpc.GetOptions().idempotency_level
    assert (bound.verb == "get") is (level == MethodOptions.NO_SIDE_EFFECTS)


def test_no_two_bindings_match_the_same_request() -> None:
    assert [pair for pair in combinations(BINDINGS, 2) if collide(*pair)] == []


@pytest.mark.parametrize(
    ("path", "other", "expected"),
    [
        ("/v1/carts/me", "/v1/carts/{owner}", True),
        ("/v1/carts/{a}/items", "/v1/carts/{b}/items", True),
        ("/v1/carts/me", "/v1/carts/me:clear", False),
        ("/v1/carts/me", "/v1/carts/me/items", False),
        ("/v1/carts", "/v1/products", False),
    ],
)
def test_two_paths_collide_where_one_request_matches_both(
    path: str, other: str, *, expected: bool
) -> None:
    one, two = (Binding(METHODS[0], "get", each, "") for each in (path, other))
    assert collide(one, two) is expected


@pytest.mark.parametrize("sent", SENT_FIELDS, ids=lambda each: each.full_name)
def test_a_field_of_a_request_says_whether_it_must_be_set(sent: FieldDescriptor) -> None:
    behaviors = tuple(sent.GetOptions().Extensions[FIELD_BEHAVIOR])
    assert behaviors in BEHAVIORS


def test_the_reasons_of_the_code_are_those_of_the_api() -> None:
    documented = list(reason_pb2.Reason.DESCRIPTOR.values_by_name)
    assert documented == ["REASON_UNSPECIFIED", *Reason]


def test_each_reason_of_the_api_is_sent_by_a_service_and_no_other_is() -> None:
    text = "\n".join(file.read_text() for file in service_sources())
    assert set(re.findall(r"\bReason\.([A-Z_]+)", text)) == set(Reason)
    assert re.findall(r"reason=[\"']\w+", text) == []


def service_sources() -> Iterator[Path]:
    root = Path(runtime.__file__).parents[1]
    for package in ("cart", "discount", "product", "runtime"):
        for file in (root / package).rglob("*.py"):
            if not {"tests", "testing"} & set(file.relative_to(root).parts):
                yield file
