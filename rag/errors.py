"""Every error Dateline raises on purpose.

    DatelineError
    ├── InputError            what was given cannot be used (CLI exit 1, HTTP 422)
    │   └── UnreadableError   a file, line or body that is no article
    │       └── MissingExtraError   its format needs a library that is not installed
    ├── NotFoundError         no such article or job (HTTP 404)
    ├── ConflictError         what is asked for can no longer be done (HTTP 409)
    ├── RefusedError          not now; says when to try again
    │   ├── BusyError             too much waits already (HTTP 429)
    │   └── UnavailableError      nothing can be done at the moment (HTTP 503)
    ├── CollectionError       the data folder cannot serve (HTTP 503)
    │   ├── ModelMismatchError    built with another encoder than the one at hand
    │   ├── CorruptError          the database is damaged or foreign
    │   └── StorageFullError      no room to write; reading goes on (HTTP 507)
    └── ModelError            a model cannot be found or loaded (HTTP 503)

A message names the value, the expectation and the mend, on one line.
"""


class DatelineError(Exception):
    """Root of the tree; its message is fit to be shown to a person."""


class InputError(DatelineError):
    """What was given cannot be used as it is."""


class UnreadableError(InputError):
    """A file, a line of a file or a request body that holds no article."""


class MissingExtraError(UnreadableError):
    """A file whose format needs a library that is not installed."""

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(f"needs {library}: pip install 'dateline[{extra}]'")


class NotFoundError(DatelineError):
    """No article or job with that id."""


class ConflictError(DatelineError):
    """What is asked for does not fit the state that things are in."""


class RefusedError(DatelineError):
    """What cannot be done now; `retry_after` says in how many seconds to try again."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BusyError(RefusedError):
    """Too much waits already."""


class UnavailableError(RefusedError):
    """It came too late, the service is going down, or the database's server is away."""


class CollectionError(DatelineError):
    """The data folder cannot be used."""


class ModelMismatchError(CollectionError):
    """The collection was built with another encoder."""


class CorruptError(CollectionError):
    """The database is damaged, or not Dateline's."""


class StorageFullError(CollectionError):
    """The disk is full. What was being written is not stored, what was stored before is."""


class ModelError(DatelineError):
    """A model cannot be found or loaded."""
