"""The tables of the first release."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """A collection is made with the tables of rag/database.py; this says what they were."""
    op.create_table(
        "meta",
        sa.Column("key", _TEXT, primary_key=True),
        sa.Column("value", _TEXT, nullable=False),
    )
    op.create_table(
        "articles",
        sa.Column("id", _TEXT, primary_key=True),
        sa.Column("text", _TEXT, nullable=False),
        sa.Column("title", _TEXT),
        sa.Column("published", sa.Date, index=True),
        sa.Column("published_from", _TEXT),
        sa.Column("byline", _TEXT),
        sa.Column("source", _TEXT),
        sa.Column("source_key", _TEXT),
        sa.Column("url", _TEXT),
        sa.Column("language", _TEXT),
        sa.Column("origin", _TEXT),
        sa.Column("stem", _TEXT),
        sa.Column("removed", sa.JSON, nullable=False),
        sa.Column("sha256", _TEXT, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
    )
    for name in ("source_key", "origin", "stem"):
        op.create_index(f"ix_articles_{name}", "articles", [name], postgresql_using="hash")
    op.create_table(
        "passages",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("article_id", _TEXT, sa.ForeignKey("articles.id"), nullable=False, index=True),
        sa.Column("start", sa.Integer, nullable=False),
        sa.Column("end", sa.Integer, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False, index=True),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "vectors",
        sa.Column("passage_id", _ID, sa.ForeignKey("passages.id"), primary_key=True),
        sa.Column("vector", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "tellings",
        sa.Column("article_id", _TEXT, sa.ForeignKey("articles.id"), primary_key=True),
        sa.Column("story", _TEXT, nullable=False, index=True),
        sa.Column("fingerprints", sa.Integer, nullable=False),
    )
    op.create_table(
        "fingerprints",
        sa.Column("hash", sa.BigInteger, primary_key=True),
        sa.Column("article_id", _TEXT, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "pairs",
        sa.Column("first", _TEXT, sa.ForeignKey("articles.id"), primary_key=True),
        sa.Column("second", _TEXT, sa.ForeignKey("articles.id"), primary_key=True, index=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "jobs",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("id", _TEXT, nullable=False, unique=True),
        sa.Column("state", _TEXT, nullable=False, index=True),
        sa.Column("asked_by", _TEXT, nullable=False),
        sa.Column("idempotency_key", _TEXT),
        sa.Column("sha256", _TEXT, nullable=False),
        sa.Column("expected", sa.Integer, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("started", sa.Float),
        sa.Column("finished", sa.Float, index=True),
        sa.Column("error", _TEXT),
        sa.Column("cancelling", sa.Boolean, nullable=False),
        sa.Column("runner", _TEXT),
        sa.Column("lease_until", sa.Float),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.UniqueConstraint("asked_by", "idempotency_key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "job_inputs",
        sa.Column("job", sa.Integer, sa.ForeignKey("jobs.number"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("name", _TEXT),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "job_articles",
        sa.Column("job", sa.Integer, sa.ForeignKey("jobs.number"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("status", _TEXT, nullable=False),
        sa.Column("article_id", _TEXT),
        sa.Column("language", _TEXT),
        sa.Column("where", _TEXT),
        sa.Column("reason", _TEXT),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "feedback",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("question", _TEXT, nullable=False),
        sa.Column("answer", _TEXT, nullable=False),
        sa.Column("article_id", _TEXT, nullable=False, index=True),
        sa.Column("right", sa.Boolean, nullable=False),
    )
    op.create_index("ix_feedback_question", "feedback", ["question"], postgresql_using="hash")
    op.create_table(
        "keys",
        sa.Column("name", _TEXT, primary_key=True),
        sa.Column("scope", _TEXT, nullable=False),
        sa.Column("created", sa.Date, nullable=False),
        sa.Column("sha256", sa.LargeBinary, nullable=False, unique=True),
    )
