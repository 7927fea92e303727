"""Settings from the environment. Read by entry points only, and only when they start."""

from pathlib import Path
from typing import Annotated, Literal, Self

import platformdirs
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from embeddings.encoder import DEFAULT_ENCODER
from rag.checkpoint import DEFAULT_READER


def _default_data_dir() -> Path:
    return platformdirs.user_data_path("dateline")


class Settings(BaseSettings):
    """Every setting is an environment variable: DATELINE_DATA_DIR, DATELINE_ENCODER, ..."""

    model_config = SettingsConfigDict(env_prefix="DATELINE_", env_ignore_empty=True)

    data_dir: Path = Field(
        default_factory=_default_data_dir,
        description="Folder of the collection; by default in the platform's user data folder.",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="A PostgreSQL database that holds the collection instead of a file in that "
        "folder, which keeps the index: postgresql+psycopg://USER:PASSWORD@HOST/DATABASE.",
    )
    encoder: str = Field(
        default=DEFAULT_ENCODER,
        description="A sentence-transformers model: a hub name or a folder.",
    )
    milvus_uri: str | None = Field(
        default=None,
        description="Where passages are searched: a Milvus server, http://host:19530, or a file "
        "of milvus-lite, *.db; unset, in this process.",
    )
    reader: str = Field(
        default=DEFAULT_READER,
        description="A question answering checkpoint: a hub name or a folder.",
    )
    quantize: bool | None = Field(
        default=None,
        description="int8 instead of fp32; unset, the packaged reader is int8 and others are not.",
    )
    top_k: int = Field(default=10, ge=1, le=100, description="Passages found for a question.")
    threshold: float | None = Field(
        default=None,
        ge=0.0,
        le=1.0,
        description="The least confidence of an answer; unset, what the reader was calibrated to.",
    )
    ray_address: str | None = Field(
        default=None,
        description="The Ray cluster that --ray joins, as HOST:PORT; unset, one of this machine.",
    )
    ray_replicas: int = Field(
        default=1, ge=1, description="Readers that serve --ray keeps there, each with a CPU."
    )
    max_waiting: int = Field(
        default=64, ge=1, description="Questions that may wait in one process of the server."
    )
    deadline: float = Field(
        default=15.0, gt=0, description="Seconds that a question may wait there."
    )
    jobs_kept_days: float = Field(
        default=7.0, ge=0.0, description="Days for which finished jobs are kept."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        default="auto", description="The server's log: JSON unless it goes to a terminal."
    )
    log_questions: bool = Field(default=False, description="Whether it holds what was asked.")
    rate_limit: int = Field(
        default=600, ge=0, description="Requests a minute for each key; 0: any."
    )
    address_rate_limit: int = Field(
        default=120, ge=0, description="Requests a minute without a key from one address; 0: any."
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Names by which the server is called, with commas between them."
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Other sites whose pages may call it, with commas between them."
    )

    @property
    def folder(self) -> Path:
        """`data_dir`, with "~" written out."""
        return self.data_dir.expanduser()

    @property
    def url(self) -> str | None:
        """`database_url`, in clear."""
        return None if self.database_url is None else self.database_url.get_secret_value()

    def apart(self, folder: Path) -> Self:
        """The same for a collection of passing use: in `folder`, and on no server."""
        update = {"data_dir": folder, "database_url": None, "milvus_uri": None}
        return self.model_copy(update=update)

    @field_validator("allowed_hosts", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """A list is written with commas."""
        return (
            [p.strip() for p in value.split(",") if p.strip()] if isinstance(value, str) else value
        )
