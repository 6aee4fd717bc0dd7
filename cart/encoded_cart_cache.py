"""Keeps the messages of carts that were read lately: to make one costs more than all the rest."""

from collections import OrderedDict

from cart.metrics import MESSAGES
from cart.model import EncodedCart, Message, Stamp

# What stands around a message in the dictionary, in bytes.
_OVERHEAD = 300


class CartMessages:
    """The newest message of each cart, the most recently used ones up to a number of bytes.

    Who asks for one has read the cart's state from the database, so none is ever stale.
    """

    def __init__(self, limit: int = 32 * 1024 * 1024) -> None:
        self._limit = limit
        self._size = 0
        self._kept: OrderedDict[int, EncodedCart] = OrderedDict()

    def get(self, stamp: Stamp) -> EncodedCart | None:
        """Return the cart in this state."""
        kept = self._kept.get(stamp.cart_id)
        if kept is None or kept.stamp != stamp:
            MESSAGES.misses += 1
            return None
        MESSAGES.hits += 1
        self._kept.move_to_end(stamp.cart_id)
        return kept

    def keep(self, stamp: Stamp, message: Message) -> EncodedCart:
        """Keep the message of a cart in this state, unless a newer one is kept; return it."""
        made = EncodedCart(stamp, message)
        kept = self._kept.get(stamp.cart_id)
        if kept is not None:
            if kept.stamp.revision > stamp.revision:
                return made
            self._size -= len(kept.message) + _OVERHEAD
        self._kept[stamp.cart_id] = made
        self._kept.move_to_end(stamp.cart_id)
        self._size += len(message) + _OVERHEAD
        while self._size > self._limit:
            _, oldest = self._kept.popitem(last=False)
            self._size -= len(oldest.message) + _OVERHEAD
        return made
