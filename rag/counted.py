"""A number with its noun, as messages and pages say it."""


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """1 article, 2,000 articles; 2 stories where `plural` says so."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
