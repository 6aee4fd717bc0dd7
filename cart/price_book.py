"""Prices and discounts, asked of Product and Discount at once."""

import asyncio
from collections.abc import Collection, Mapping
from typing import NoReturn

from cart.discount_codes import DiscountCodes
from cart.product_prices import ProductPrices
from cart.quotes import CodeState, Quotes


class PriceBook:
    """What goes into carts, as Product and Discount have it: the real `Quoter`."""

    def __init__(self, products: ProductPrices, codes: DiscountCodes) -> None:
        self._products = products
        self._codes = codes

    async def quote(self, product_ids: Collection[int], codes: Collection[str]) -> Quotes:
        """Return prices and discounts. Unavailable where Product is away."""
        products, found = await asyncio.gather(
            self._products.get(product_ids), self._codes.get(codes)
        )
        return Quotes(products, found.values, found.failure)

    async def redeem(self, owner: str, codes: Collection[str]) -> Mapping[str, CodeState]:
        """Redeem limited codes for an owner. Unavailable where Discount is away."""
        return await self._codes.redeem(owner, codes)

    async def follow(self) -> NoReturn:
        """Listen for changes of products for ever."""
        await self._products.follow()

    async def close(self) -> None:
        """Give up what is under way."""
        await self._products.close()
        await self._codes.close()
