"""Responses made of messages that were encoded before, as bytes and not as message objects."""

from collections.abc import Sequence
from functools import cache
from itertools import chain

from google.protobuf.message import Message

_LENGTH_DELIMITED = 2
_LONGEST_KEPT = 16_383


def encoded[M: Message](_kind: type[M], data: bytes) -> M:
    """Return what a handler answers with in place of a message of that kind.

    The bytes are the caller's to get right: the codec passes them on, and nothing looks at them
    before the client does. The type is what the client receives, and what generated code says
    that the handler returns; in truth it is the bytes.
    """
    return data  # type: ignore[return-value]  # as the docstring says


def encoded_field[M: Message](_kind: type[M], number: int, message: bytes) -> M:
    """Return `encoded` of one `message_field`, which is all that many responses are."""
    return _heads(number)[len(message)] + message  # type: ignore[return-value]  # as in `encoded`


def message_field(number: int, message: bytes) -> bytes:
    """Return a field that holds an encoded message, as it stands in the one around it."""
    return _heads(number)[len(message)] + message


def message_fields(number: int, messages: Sequence[bytes]) -> bytes:
    """Return a repeated field of encoded messages."""
    heads = map(_heads(number).__getitem__, map(len, messages))
    return b"".join(chain.from_iterable(zip(heads, messages, strict=True)))


class _Heads(dict[int, bytes]):
    """What stands before the message in a field, by the message's length."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._key = _varint(number << 3 | _LENGTH_DELIMITED)

    def __missing__(self, length: int) -> bytes:
        head = self._key + _varint(length)
        if length <= _LONGEST_KEPT:
            self[length] = head
        return head


_heads = cache(_Heads)


def _varint(value: int) -> bytes:
    """Encode as base 128 in little endian order; all bytes but the last have their top bit set."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
