"""Settings from the environment. Read by entry points only, and only when they start."""

from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from embeddings.encoder import DEFAULT_ENCODER
from rag.checkpoint import DEFAULT_READER


def _default_data_dir() -> Path:
    return platformdirs.user_data_path("dateline")


class Settings(BaseSettings):
    """Every setting is an environment variable: DATELINE_DATA_DIR, DATELINE_ENCODER, ..."""

    model_config = SettingsConfigDict(env_prefix="DATELINE_", env_ignore_empty=True)

    data_dir: Path = Field(default_factory=_default_data_dir)
    encoder: str = DEFAULT_ENCODER
    reader: str = DEFAULT_READER
    quantize: bool | None = None
    top_k: int = Field(default=10, ge=1, le=100)
    threshold: float | None = Field(default=None, ge=0.0, le=1.0)
    log_format: Literal["auto", "json", "text"] = "auto"
    log_questions: bool = False
