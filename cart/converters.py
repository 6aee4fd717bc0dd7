"""The messages of a session, and of items, to the domain's terms and back."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable

from bodega.cart.v1 import cart_pb2
from cart.etags import etag_of
from cart.metrics import count_operation
from cart.model import Notice, Proposal
from cart.sessions import Add, Change, Clear, Operation, Outcome, Remove, SetQuantity
from runtime.error_mapping import CODE_OF_NUMBER, status_of
from runtime.validation import refuse

# As long as an id may be; the rest of a longer one is not sent back.
_LONGEST_ID = 128


async def opened(requests: AsyncIterator[cart_pb2.SyncCartRequest]) -> str:
    """Return the owner that a session's first message names."""
    async for request in requests:
        if request.WhichOneof("message") == "open":
            return request.open.owner
        break
    raise refuse("open", "must be the first message of a session")


async def operations(
    requests: AsyncIterator[cart_pb2.SyncCartRequest],
) -> AsyncGenerator[Operation]:
    """Yield the operations of a session that is open."""
    async for request in requests:
        match request.WhichOneof("message"):
            case "operation":
                yield Operation(request.operation.operation_id, _change(request.operation))
            case "open":
                raise refuse("open", "must not follow the first message: the session is open")
            case _:
                raise refuse("operation", "must be set in every message but the first")


def _change(operation: cart_pb2.CartOperation) -> Change | None:
    match operation.WhichOneof("change"):
        case "add":
            return Add(proposals(operation.add.items), operation.add.allow_full_price)
        case "update":
            update = operation.update
            return SetQuantity(update.item_id, update.quantity, update.etag)
        case "remove":
            return Remove(operation.remove.item_id, operation.remove.etag)
        case "clear":
            return Clear(operation.clear.etag)
    return None


def outcome_to_proto(outcome: Outcome) -> cart_pb2.OperationResult:
    """Return the result of an operation; its error is what an RPC would have ended with."""
    operation, result = outcome.operation, outcome.result
    message = cart_pb2.OperationResult(operation_id=operation.id[:_LONGEST_ID])
    if outcome.error is not None:
        message.error.CopyFrom(status_of(outcome.error))
    if outcome.stamp is not None:
        message.etag = etag_of(outcome.stamp)
    if result is not None:
        message.rejected_items.extend(notice(operation.id, each) for each in result.rejected)
        message.warnings.extend(notice(operation.id, each) for each in result.warnings)
    count_operation(_kind(operation.change), CODE_OF_NUMBER[message.error.code].name)
    return message


def _kind(change: Change | None) -> str:
    return "none" if change is None else type(change).__name__.lower()


def proposals(items: Iterable[cart_pb2.NewItem]) -> list[Proposal]:
    """Return the items as they were sent."""
    return [
        Proposal(each.product_id, each.color, each.quantity, each.discount_code) for each in items
    ]


def notice(batch_id: str, said: Notice) -> cart_pb2.ItemNotice:
    """Return what there is to say of an item of the batch."""
    return cart_pb2.ItemNotice(
        batch_id=batch_id,
        index=said.place,
        issue=said.issue,  # type: ignore[arg-type]  # numbered as in the API
        field=said.field,
        description=said.rule,
    )
