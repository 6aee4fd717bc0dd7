"""The tables, as the newest migration leaves them. Times are microseconds since 1970 UTC."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from cart.model import Head, Line

metadata = MetaData()

# On SQLite only an INTEGER PRIMARY KEY is the row's own key, and not an index beside it.
_Key = BigInteger().with_variant(Integer, "sqlite")
# By code point on both databases; SQLite's own order is that already.
_Text = Text().with_variant(Text(collation="C"), "postgresql")

carts = Table(
    "carts",
    metadata,
    # Never used twice: the etag of a cart that is gone guards no other.
    Column("id", _Key, primary_key=True, autoincrement=True),
    Column("owner", _Text, nullable=False),
    # Raised by every change of the cart or its items.
    Column("revision", BigInteger, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    Column("update_time", BigInteger, nullable=False),
    Index("carts_by_owner", "owner", unique=True),
    sqlite_autoincrement=True,
)

# What a cart is made of, in its order.
head_columns = tuple(carts.c[name] for name in Head._fields)

cart_items = Table(
    "cart_items",
    metadata,
    Column("cart_id", BigInteger, primary_key=True, autoincrement=False),
    # A revision of the cart at the item's creation: never used twice in the cart.
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("product_id", BigInteger, nullable=False),
    Column("sku", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("color", _Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("currency", _Text, nullable=False),
    Column("list_minor", BigInteger, nullable=False),
    # Empty for none.
    Column("discount_code", _Text, nullable=False),
    Column("discount_minor", BigInteger, nullable=False),
    Index(
        "cart_items_by_what_is_agreed",
        *("cart_id", "product_id", "color"),
        *("currency", "list_minor", "discount_code", "discount_minor"),
        unique=True,
    ),
    # A cart's items lie together.
    sqlite_with_rowid=False,
)

# What a line is made of, in its order.
line_columns = tuple(cart_items.c[name] for name in Line._fields)

# Product may share the database: `create_requests` is a table of its own.
cart_requests = Table(
    "cart_requests",
    metadata,
    Column("owner", _Text, primary_key=True),
    Column("id", String(36), primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    # A JSON object: see noted.py.
    Column("result", Text, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    Index("cart_requests_by_time", "create_time"),
)

item_batches = Table(
    "item_batches",
    metadata,
    Column("owner", _Text, primary_key=True),
    Column("id", String(128), primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("result", Text, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    Index("item_batches_by_time", "create_time"),
)
