"""Products, their deletions, and what makes repeated writes harmless."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the tables of an empty catalogue."""
    _create_products()
    _create_idempotency()


def _create_products() -> None:
    op.create_table(
        "products",
        sa.Column("id", _KEY, primary_key=True, autoincrement=False),
        sa.Column("sku", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("currency", _TEXT, nullable=False),
        sa.Column("price_minor", sa.BigInteger, nullable=False),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("update_time", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("encoded", sa.LargeBinary, nullable=True),
    )
    op.create_index("products_by_sku", "products", ["sku"], unique=True)
    op.create_index("products_by_revision", "products", ["revision"], unique=True)
    op.create_index("products_by_name", "products", ["name", "id"])
    op.create_index("products_by_price", "products", ["currency", "price_minor", "id"])
    op.create_table(
        "product_deletions",
        sa.Column("revision", _KEY, primary_key=True, autoincrement=False),
        sa.Column("product_id", sa.BigInteger, nullable=False),
        sa.Column("delete_time", sa.BigInteger, nullable=False),
    )
    catalogue = op.create_table(
        "catalogue",
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("products", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(catalogue, [{"revision": 0, "products": 0}])


def _create_idempotency() -> None:
    op.create_table(
        "create_requests",
        sa.Column("request_id", sa.String(36), primary_key=True),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("product_id", sa.BigInteger, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
    )
    op.create_index("create_requests_by_time", "create_requests", ["create_time"])
    op.create_table(
        "import_batches",
        sa.Column("batch_id", sa.String(128), primary_key=True),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("inserted", sa.Integer, nullable=False),
        sa.Column("updated", sa.Integer, nullable=False),
        sa.Column("unchanged", sa.Integer, nullable=False),
        sa.Column("rejections", sa.Text, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
    )
    op.create_index("import_batches_by_time", "import_batches", ["create_time"])
