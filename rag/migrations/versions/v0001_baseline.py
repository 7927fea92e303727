"""The tables of the first release."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """A collection is made with the tables of rag/database.py; this says what they were."""
    op.create_table(
        "meta",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "articles",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("title", sa.Text),
        sa.Column("published", sa.Date, index=True),
        sa.Column("published_from", sa.Text),
        sa.Column("byline", sa.Text),
        sa.Column("source", sa.Text),
        sa.Column("source_key", sa.Text, index=True),
        sa.Column("url", sa.Text),
        sa.Column("language", sa.Text),
        sa.Column("origin", sa.Text, index=True),
        sa.Column("stem", sa.Text, index=True),
        sa.Column("removed", sa.JSON, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
    )
    op.create_table(
        "passages",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("article_id", sa.Text, sa.ForeignKey("articles.id"), nullable=False, index=True),
        sa.Column("start", sa.Integer, nullable=False),
        sa.Column("end", sa.Integer, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False, index=True),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "vectors",
        sa.Column("passage_id", sa.Integer, sa.ForeignKey("passages.id"), primary_key=True),
        sa.Column("vector", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "tellings",
        sa.Column("article_id", sa.Text, sa.ForeignKey("articles.id"), primary_key=True),
        sa.Column("story", sa.Text, nullable=False, index=True),
        sa.Column("fingerprints", sa.Integer, nullable=False),
    )
    op.create_table(
        "fingerprints",
        sa.Column("hash", sa.BigInteger, primary_key=True),
        sa.Column("article_id", sa.Text, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "pairs",
        sa.Column("first", sa.Text, sa.ForeignKey("articles.id"), primary_key=True),
        sa.Column("second", sa.Text, sa.ForeignKey("articles.id"), primary_key=True, index=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "jobs",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("state", sa.Text, nullable=False, index=True),
        sa.Column("idempotency_key", sa.Text, unique=True),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("expected", sa.Integer, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("started", sa.Float),
        sa.Column("finished", sa.Float, index=True),
        sa.Column("error", sa.Text),
        sa.Column("cancelling", sa.Boolean, nullable=False),
        sa.Column("runner", sa.Text),
        sa.Column("lease_until", sa.Float),
        sa.Column("attempts", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "job_inputs",
        sa.Column("job", sa.Integer, sa.ForeignKey("jobs.number"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "job_articles",
        sa.Column("job", sa.Integer, sa.ForeignKey("jobs.number"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("article_id", sa.Text),
        sa.Column("language", sa.Text),
        sa.Column("where", sa.Text),
        sa.Column("reason", sa.Text),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "feedback",
        sa.Column("question", sa.Text, primary_key=True),
        sa.Column("answer", sa.Text, primary_key=True),
        sa.Column("article_id", sa.Text, primary_key=True, index=True),
        sa.Column("right", sa.Boolean, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "keys",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("created", sa.Date, nullable=False),
        sa.Column("sha256", sa.LargeBinary, nullable=False, unique=True),
    )
