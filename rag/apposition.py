"""What stands beside a name and says who that is. Pure."""

import re
from collections.abc import Sequence
from dataclasses import replace

from rag.folding import TITLES
from rag.names import same_name
from rag.types import Span

_GAIN = 10.0
"""Logits. On 48 "who is" questions about news the words beside the name were right wherever a
reader marked them; other spans led by up to 6, and their passages add to that."""

_ASKED = re.compile(
    r"(?:so |and )?who(?:['’]s| is| was)\s+(?!(?:the|a|an|in|on|at)\b)", re.IGNORECASE
)
_NAME = r"(?:[^\W\d_a-z][\w.'’-]*|al|bin|da|de|del|der|di|el|la|van|von)"
_NAMES = rf"{_NAME}(?: {_NAME}){{0,4}}"
_REACH = 80
"""Characters: no name is longer."""
_AFTER = re.compile(rf",? ({_NAMES})")  # "Iranian foreign minister X", "the judge, X"
_BEFORE = re.compile(
    rf"({_NAMES})(?:,|\)?,? (?:who )?(?:is|was|became)| \(|,? [–—]) ?"
    r"(?:(?:an?|the|its|their|his|her) )?$"
)


def prefer_descriptions(question: str, spans: Sequence[Span]) -> list[Span]:
    """The spans, best first; of "Who is X?" those that stand beside X have gained."""
    name = name_asked(question)
    if name is None:
        return list(spans)
    weighed = [
        replace(span, score=span.score + _GAIN)
        if describes(span.passage.article.text, span.start, span.end, name)
        else span
        for span in spans
    ]
    return sorted(weighed, key=lambda span: -span.score)


def name_asked(question: str) -> str | None:
    """X of "Who is X?", where it may be a name; in capitals, as names are written."""
    begun = _ASKED.match(question)
    if begun is None:
        return None
    name = question[begun.end() :].rstrip("?!. ")
    return name if name != name.lower() else name.title()


def describes(text: str, start: int, end: int, name: str) -> bool:
    """Whether text[start:end] stands right before the name or, set off from it, right after.

    "Iranian foreign minister Hossein Amirabdollahian", "Klara Wendt, a judge": so papers say who
    somebody is. The name may be spelt in another way, or be a part of the one asked for.
    """
    if _is_given_name(text, start, end):
        return False
    after = _AFTER.match(text, end, end + _REACH)
    before = _BEFORE.search(text, max(0, start - _REACH), start)
    named = [found[1] for found in (after, before) if found is not None]
    return any(same_name(mention, name) for mention in named)


def _is_given_name(text: str, start: int, end: int) -> bool:
    """Whether text[start:end] is one word in capitals, inside a sentence, and no office."""
    word = text[start:end]
    begins = start == 0 or text[:start].rstrip(" \"'“‘")[-1:] in "\n.!?:"
    return word.isalpha() and word[0].isupper() and not begins and word.lower() not in TITLES
