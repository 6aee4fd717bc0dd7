"""The tables, as the newest migration leaves them. Times are microseconds since 1970 UTC."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
)

from product.model import Product

metadata = MetaData()

# On SQLite only an INTEGER PRIMARY KEY is the row's own key, and not an index beside it.
_Key = BigInteger().with_variant(Integer, "sqlite")
# By code point on both databases; SQLite's own order is that already.
_Text = Text().with_variant(Text(collation="C"), "postgresql")

products = Table(
    "products",
    metadata,
    # The revision at which the product was created: never used twice, and in order of commit.
    Column("id", _Key, primary_key=True, autoincrement=False),
    Column("sku", _Text, nullable=False),
    Column("name", _Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("currency", _Text, nullable=False),
    Column("price_minor", BigInteger, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    Column("update_time", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    # The product as the API sends it: what the columns before say once more, for readers to send
    # as it is. NULL means that they have to make it; a migration for a new field sets it so.
    Column("encoded", LargeBinary, nullable=True),
    Index("products_by_sku", "sku", unique=True),
    Index("products_by_revision", "revision", unique=True),
    Index("products_by_name", "name", "id"),
    Index("products_by_price", "currency", "price_minor", "id"),
)

# What a product is made of, in its order.
product_columns = tuple(products.c[name] for name in Product._fields)

# Kept for good, so that whoever watches may resume after any time away.
product_deletions = Table(
    "product_deletions",
    metadata,
    Column("revision", _Key, primary_key=True, autoincrement=False),
    Column("product_id", BigInteger, nullable=False),
    Column("delete_time", BigInteger, nullable=False),
)

# One row. Every write begins by raising the revision: the lock on that row puts the writers in
# line, and so revisions are committed in their order.
catalogue = Table(
    "catalogue",
    metadata,
    Column("revision", BigInteger, nullable=False),
    Column("products", BigInteger, nullable=False),
)

create_requests = Table(
    "create_requests",
    metadata,
    Column("request_id", String(36), primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("product_id", BigInteger, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    Index("create_requests_by_time", "create_time"),
)

import_batches = Table(
    "import_batches",
    metadata,
    Column("batch_id", String(128), primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("inserted", Integer, nullable=False),
    Column("updated", Integer, nullable=False),
    Column("unchanged", Integer, nullable=False),
    # A JSON list of [index, field, rule].
    Column("rejections", Text, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    Index("import_batches_by_time", "create_time"),
)
