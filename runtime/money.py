"""Amounts of money as whole minor units; no float touches one."""

import re
from dataclasses import dataclass

from runtime.currencies import EXPONENTS

MAX_MINOR = 10**12
"""The most minor units that an amount may have, so that sums of many stay far below 2^63."""

_DECIMAL = re.compile(r"(-?)([0-9]{1,15})(?:\.([0-9]{1,9}))?")


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units of a currency: Money("EUR", 1250) is 12.50 EUR."""

    currency: str
    minor: int

    @classmethod
    def parse(cls, amount: str, currency: str) -> Money:
        """Read a plain decimal ("12.50"); raise ValueError with the rule that it breaks."""
        exponent = EXPONENTS.get(currency)
        if exponent is None:
            raise ValueError(f"{currency!r} is not an active ISO 4217 currency code")
        match = _DECIMAL.fullmatch(amount)
        if match is None:
            raise ValueError("must be a decimal number such as 12.50")
        sign, whole, decimals = match.groups(default="")
        if decimals[exponent:].strip("0"):
            raise ValueError(f"must have at most {exponent} decimals in {currency}")
        minor = int(whole + decimals[:exponent].ljust(exponent, "0"))
        if minor > MAX_MINOR:
            raise ValueError(f"must be at most {cls(currency, MAX_MINOR)}")
        return cls(currency, -minor if sign else minor)

    def __str__(self) -> str:
        exponent = EXPONENTS[self.currency]
        digits = str(abs(self.minor)).rjust(exponent + 1, "0")
        split = len(digits) - exponent
        amount = f"{digits[:split]}.{digits[split:]}".rstrip(".")
        return f"{'-' if self.minor < 0 else ''}{amount} {self.currency}"
