"""Tokens from Identity, each asked for anew."""

import time
from random import Random

from e2e.shop.chaos.client import Client
from e2e.shop.chaos.ledger import Ledger, Token
from e2e.shop.running import RunningShop


class TokenCollector:
    """Gets one token after the other, and keeps them."""

    def __init__(self, shop: RunningShop, name: str, ledger: Ledger, dice: Random) -> None:
        self.name = name
        self._shop = shop
        self._ledger = ledger
        self._client = Client(dice)

    async def write(self) -> None:
        """Get a token."""
        entry = self._ledger.sent(Token())
        entry.value = await self._client.insist(self._fetch)
        entry.since = time.monotonic()
        entry.acknowledged = True

    async def _fetch(self, _: float) -> str:
        # A source of its own, since one keeps its token.
        async with self._shop.tokens("urn:bodega:discount", "discounts.read") as source:
            return await source.token()
