"""What fails again and again is told once, and again if the reason changes; and once that it works
again."""

import logging

from rag.errors import DatelineError

logger = logging.getLogger("dateline")


class Outage:
    """Of something that is tried every few seconds: a database may be away for hours."""

    def __init__(self, lost: str, back: str) -> None:
        """What to log when it fails for the first time, and when it no longer does."""
        self._lost = lost
        self._back = back
        self._told: str | None = None

    def goes_on(self, error: Exception) -> None:
        """It failed. An error that explains itself is a line; another's traceback comes too."""
        reason = f"{type(error).__name__}: {error}"
        if reason != self._told:
            if isinstance(error, DatelineError):
                logger.warning("%s: %s", self._lost, error)
            else:
                logger.warning(self._lost, exc_info=error)
        self._told = reason

    def is_over(self) -> None:
        """It worked."""
        if self._told is not None:
            logger.info(self._back)
        self._told = None
