"""Discounts, and who has redeemed them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_CODE = sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "discounts",
        sa.Column("code", _CODE, primary_key=True),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("basis_points", sa.Integer, nullable=True),
        sa.Column("amounts", sa.Text, nullable=True),
        sa.Column("start_time", sa.BigInteger, nullable=True),
        sa.Column("end_time", sa.BigInteger, nullable=True),
        sa.Column("redemption_limit", sa.BigInteger, nullable=False),
        sa.Column("redemption_count", sa.BigInteger, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("update_time", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "redemptions",
        sa.Column("code", _CODE, primary_key=True),
        sa.Column("redeemer", sa.String(200), primary_key=True),
        sa.Column("redeem_time", sa.BigInteger, nullable=False),
    )
