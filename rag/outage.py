"""What fails again and again is told once, and once that it works again."""

import logging

from rag.errors import DatelineError

logger = logging.getLogger("dateline")


class Outage:
    """Of something that is tried every few seconds: a database may be away for hours."""

    def __init__(self, lost: str, back: str) -> None:
        """What to log when it fails for the first time, and when it no longer does."""
        self._lost = lost
        self._back = back
        self._lasts = False

    def goes_on(self, error: Exception) -> None:
        """It failed. An error that explains itself is a line; another's traceback comes too."""
        if not self._lasts:
            if isinstance(error, DatelineError):
                logger.warning("%s: %s", self._lost, error)
            else:
                logger.warning(self._lost, exc_info=error)
        self._lasts = True

    def is_over(self) -> None:
        """It worked."""
        if self._lasts:
            logger.info(self._back)
        self._lasts = False
