"""Carts, their items, and what makes repeated writes harmless."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the tables of a shop without carts."""
    _create_carts()
    _create_idempotency()


def _create_carts() -> None:
    op.create_table(
        "carts",
        sa.Column("id", _KEY, primary_key=True, autoincrement=True),
        sa.Column("owner", _TEXT, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("update_time", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("carts_by_owner", "carts", ["owner"], unique=True)
    op.create_table(
        "cart_items",
        sa.Column("cart_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("product_id", sa.BigInteger, nullable=False),
        sa.Column("sku", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("color", _TEXT, nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("currency", _TEXT, nullable=False),
        sa.Column("list_minor", sa.BigInteger, nullable=False),
        sa.Column("discount_code", _TEXT, nullable=False),
        sa.Column("discount_minor", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    agreed = ["product_id", "color", "currency", "list_minor", "discount_code", "discount_minor"]
    op.create_index("cart_items_by_what_is_agreed", "cart_items", ["cart_id", *agreed], unique=True)


def _create_idempotency() -> None:
    for name, length in (("cart_requests", 36), ("item_batches", 128)):
        op.create_table(
            name,
            sa.Column("owner", _TEXT, primary_key=True),
            sa.Column("id", sa.String(length), primary_key=True),
            sa.Column("digest", sa.LargeBinary, nullable=False),
            sa.Column("result", sa.Text, nullable=False),
            sa.Column("create_time", sa.BigInteger, nullable=False),
        )
        op.create_index(f"{name}_by_time", name, ["create_time"])
