"""Which language a text is in, told on this machine. Nothing is guessed: in doubt it is None."""

import re
from functools import cache
from typing import Protocol

_MIN_CHARACTERS = 200
"""Of 4,000 English news articles cut to this length none was taken for another language, cut to
100 characters one in 200 was."""
_MAX_CHARACTERS = 1000  # half a millisecond; more changes nothing
_MIN_PROBABILITY = 0.6  # near relations such as Croatian and Bosnian share it


def language_code(tag: str) -> str | None:
    """The language of a tag as metadata writes it: "en" of "en-GB", "en_US" and "eng"; None for
    what is no tag ("English") and for "und", "mul" and the like."""
    found = re.match(r"([a-z]{2,3})(?![a-z])", tag.strip().lower())
    code = found[1] if found else "und"
    return {"eng": "en", "und": None, "mul": None, "mis": None, "zxx": None}.get(code, code)


def detect_language(text: str) -> str | None:
    """ISO 639 code of the language of a text; None if it is short or the answer not sure."""
    text = text[:_MAX_CHARACTERS]
    if len(text) < _MIN_CHARACTERS:
        return None
    code, probability = _identifier().classify(text)
    return language_code(code) if probability >= _MIN_PROBABILITY else None


class _Identifier(Protocol):
    def classify(self, text: str) -> tuple[str, float]: ...


@cache
def _identifier() -> _Identifier:
    # Imported late: its model takes half a second and 80 MB to load.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier: _Identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    return identifier
