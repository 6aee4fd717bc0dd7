"""The tables, as the newest migration leaves them. Times are microseconds since 1970 UTC."""

from sqlalchemy import BigInteger, Boolean, Column, Integer, MetaData, String, Table, Text

metadata = MetaData()

# By code point on both databases; SQLite's own order is that already.
_Code = String(40).with_variant(String(40, collation="C"), "postgresql")

discounts = Table(
    "discounts",
    metadata,
    Column("code", _Code, primary_key=True),
    Column("description", Text, nullable=False),
    # One of the two. The amounts are a JSON object of minor units by currency: they are only ever
    # read as a whole.
    Column("basis_points", Integer, nullable=True),
    Column("amounts", Text, nullable=True),
    Column("start_time", BigInteger, nullable=True),
    Column("end_time", BigInteger, nullable=True),
    Column("redemption_limit", BigInteger, nullable=False),
    Column("redemption_count", BigInteger, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    Column("update_time", BigInteger, nullable=False),
    # Drawn at random: a code that was deleted and made anew has another, too.
    Column("revision", BigInteger, nullable=False),
)

# Who has a code that is limited. Goes with its discount.
redemptions = Table(
    "redemptions",
    metadata,
    Column("code", _Code, primary_key=True),
    Column("redeemer", String(200), primary_key=True),
    Column("redeem_time", BigInteger, nullable=False),
)
