"""An HTTP request as Authlib's core reads it, and its answer."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, override
from urllib.parse import parse_qsl

from authlib.oauth2.rfc6749 import OAuth2Payload, OAuth2Request

from identity.protocol.errors import InvalidRequestError

type Parameters = Sequence[tuple[str, str]]

# A client asks for a token that is good at several resources by naming each (RFC 8707 §2).
_REPEATABLE = frozenset({"resource"})

# PostgreSQL keeps no NUL, and UTF-8 has no lone surrogates.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")

# No request of ours has even half as many.
_MOST_PARAMETERS = 64


def parse_parameters(encoded: bytes) -> list[tuple[str, str]]:
    """Decode application/x-www-form-urlencoded; leave out what is empty (RFC 6749 §3.1).

    InvalidRequestError where it is not UTF-8, or holds what no database can keep.
    """
    try:
        pairs = parse_qsl(encoded.decode("ascii"), errors="strict", max_num_fields=_MOST_PARAMETERS)
    except ValueError as error:
        raise InvalidRequestError("The parameters cannot be decoded.") from error
    if not storable(pairs):
        raise InvalidRequestError("The parameters cannot be decoded.")
    return pairs


def storable(parameters: Parameters) -> bool:
    """Whether both databases can keep, and look for, every name and value."""
    return not any(_UNSTORABLE.search(name + value) for name, value in parameters)


def repeated(parameters: Parameters) -> bool:
    """Whether a parameter is there more than once that may not be (RFC 6749 §3.1, §3.2)."""
    counts = Counter(name for name, _ in parameters if name not in _REPEATABLE)
    return any(count > 1 for count in counts.values())


class Payload(OAuth2Payload):
    """The parameters of a request."""

    def __init__(self, parameters: Parameters) -> None:
        self._data = dict(parameters)
        self._parameters = parameters

    @property
    @override
    def data(self) -> dict[str, str]:
        return self._data

    @property
    @override
    def datalist(self) -> dict[str, list[str]]:
        """Each parameter with all its values."""
        lists: dict[str, list[str]] = {}
        for name, value in self._parameters:
            lists.setdefault(name, []).append(value)
        return lists


class Request(OAuth2Request):
    """A request to one of our endpoints, and what is learned of it on the way.

    `uri` is made of the issuer and the path. The Host header is never believed.
    """

    def __init__(
        self,
        method: str,
        uri: str,
        parameters: Parameters,
        *,
        headers: Mapping[str, str],
        address: str | None = None,
        proofs: Sequence[str] = (),
    ) -> None:
        super().__init__(method, uri, headers=headers)
        self.parameters = parameters
        self.payload = Payload(parameters)
        self.resources = tuple(value for name, value in parameters if name == "resource")
        self.address = address
        # The DPoP headers, and the thumbprint of the key that the one good proof shows.
        self.proofs = proofs
        self.jkt: str | None = None

    @property
    @override
    def form(self) -> dict[str, str]:
        data: dict[str, str] = self.payload.data
        return data


@dataclass
class Answer:
    """What goes back: a JSON object, or a redirection."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def location(self) -> str | None:
        """Where a redirection leads. Authlib's RFC 9207 extension reads and writes it."""
        return self.headers.get("Location")

    @location.setter
    def location(self, value: str) -> None:
        self.headers["Location"] = value
