"""Questions to begin with, taken from what the collection tells."""

import re
from collections.abc import Iterable, Iterator
from itertools import zip_longest

from rag.types import Article

_CHARACTERS = 6000  # of each article
_NAME = r"(?P<name>[A-Z][\w’'-]+(?: [A-Z][\w’'-]+){1,2})"
# A speaker is a person, and what follows says which: "said Nadia Brightwell, a schoolteacher".
_SPEAKER = re.compile(rf"\b(?:said|says|told|asked) {_NAME}, (?:an?|the) [a-z]")
_SAID = re.compile(rf"[”\"],? (?:said |(?=(?:\S+ ){{2,3}}said\b)){_NAME}")


def suggest(articles: Iterable[Article], limit: int = 4) -> list[str]:
    """At most `limit` questions that the articles seem to answer, of each kind in turn."""
    kinds: list[list[str]] = [[], []]
    for article in articles:
        for kind, found in zip(kinds, _questions(article.text[:_CHARACTERS]), strict=True):
            kind.extend(found)
    turns = (question for turn in zip_longest(*kinds) for question in turn if question)
    return list(dict.fromkeys(turns))[:limit]


def _questions(text: str) -> Iterator[list[str]]:
    """At most one question of each kind."""
    for pattern, question in ((_SPEAKER, "Who is {}?"), (_SAID, "What did {} say?")):
        found = pattern.search(text)
        yield [question.format(found["name"])] if found else []
