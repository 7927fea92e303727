"""What a reader is trained on: questions, the article of each, and where its answer stands."""

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rag.types import Article, Passage

_SHORT_WORDS = 60
_JOINED_WORDS = 110
_MOST_PARAGRAPHS = 60

Offsets = tuple[int, int]


@dataclass(frozen=True)
class Example:
    """A question, an article, and the answer's places in its text: none if it does not answer.

    `negatives` are passages, of any article, that look like an answer and hold none.
    """

    id: str
    question: str
    article: Article
    spans: tuple[Offsets, ...]
    negatives: tuple[Passage, ...] = ()


def find_spans(text: str, answers: Iterable[str]) -> tuple[Offsets, ...]:
    """Every place where one of the answers stands in the text as whole words, in its case."""
    found = set()
    for answer in filter(None, map(str.strip, answers)):
        pattern = rf"(?<!\w){re.escape(answer)}(?!\w)"
        found |= {match.span() for match in re.finditer(pattern, text)}
    return tuple(sorted(found))


def join_short(
    examples: Sequence[Example], documents: Sequence[Sequence[Article]]
) -> list[Example]:
    """The examples, those on a single sentence read among its neighbours.

    `documents` are the articles that follow one another, such as the sentences of one report. An
    article of less than 60 words is joined with what stands before and after it until it has 110:
    a reader never sees a sentence alone. Documents of more than 60 parts are not documents.
    """
    joined: dict[str, tuple[Article, int]] = {}
    for document in documents:
        if 1 < len(document) <= _MOST_PARAGRAPHS:
            for position in range(len(document)):
                joined[document[position].id] = _with_neighbours(document, position)
    result = []
    for example in examples:
        article, shift = joined.get(example.article.id, (example.article, 0))
        spans = tuple((start + shift, end + shift) for start, end in example.spans)
        result.append(replace(example, article=article, spans=spans))
    return result


def _with_neighbours(document: Sequence[Article], position: int) -> tuple[Article, int]:
    """(the article with its neighbours around it, where its own text begins in that)."""
    own = document[position]
    first = last = position
    words = len(own.text.split())
    if words >= _SHORT_WORDS:
        return own, 0
    while words < _JOINED_WORDS and (first > 0 or last + 1 < len(document)):
        # What went before explains more than what follows, so it comes first.
        if first > 0 and (position - first <= last - position or last + 1 == len(document)):
            first -= 1
            words += len(document[first].text.split())
        else:
            last += 1
            words += len(document[last].text.split())
    text = " ".join(article.text for article in document[first : last + 1])
    shift = sum(len(article.text) + 1 for article in document[first:position])
    return replace(own, id=f"{own.id}+", text=text), shift


# --- questions that their passage no longer answers

_NAME = re.compile(r"(?<!^)(?<![.?!] )\b(?:[A-Z][\w’'-]+)(?: (?:of |the )?[A-Z][\w’'-]+)*")
_NUMBER = re.compile(r"\b\d[\d,]*\b")
_OPPOSITES = [
    ("first", "last"), ("before", "after"), ("largest", "smallest"), ("highest", "lowest"),
    ("most", "least"), ("north", "south"), ("northern", "southern"), ("east", "west"),
    ("eastern", "western"), ("increase", "decrease"), ("increased", "decreased"),
    ("more", "fewer"), ("oldest", "newest"), ("early", "late"), ("won", "lost"), ("win", "lose"),
    ("began", "ended"), ("begin", "end"), ("start", "stop"), ("started", "stopped"),
    ("best", "worst"), ("above", "below"), ("male", "female"), ("support", "oppose"),
    ("supported", "opposed"), ("allowed", "forbidden"), ("internal", "external"),
    ("major", "minor"), ("minimum", "maximum"), ("longest", "shortest"), ("bought", "sold"),
    ("arrive", "leave"), ("arrived", "left"), ("rise", "fall"), ("rose", "fell"),
    ("accepted", "rejected"), ("accept", "reject"), ("previous", "next"), ("older", "younger"),
]  # fmt: skip
_OPPOSITE = {a: b for pair in _OPPOSITES for a, b in (pair, pair[::-1])}
_NEGATABLE = re.compile(
    r"\b(?:did|does|do|can|could|would|should|will) (?:[A-Z][\w’'-]+|he|she|it|they)\b"
)


def unanswerable_twins(examples: Sequence[Example], share: float, seed: int) -> list[Example]:
    """For about `share` of the answerable examples, a question that the text does not answer.

    A name, a number or the sense of the question is changed: near the text, as the questions
    people wrote to deceive readers are (Rajpurkar et al., 2018, section 4.2).
    """
    rng = random.Random(seed)
    names = _names_of_documents(examples)
    twins = []
    for example in examples:
        if not example.spans or rng.random() >= share:
            continue
        changed = _changed_question(example, names[_document(example)], rng)
        if changed is not None:
            twins.append(Example(f"{example.id}~", changed, example.article, ()))
    return twins


def _document(example: Example) -> str:
    """Paragraphs "document-number" of one document share their names."""
    return example.article.id.rpartition("-")[0]


def _names_of_documents(examples: Sequence[Example]) -> dict[str, list[str]]:
    names: dict[str, set[str]] = defaultdict(set)
    for example in examples:
        names[_document(example)].update(_NAME.findall(example.question))
    return {document: sorted(found) for document, found in names.items()}


def _changed_question(example: Example, names: Sequence[str], rng: random.Random) -> str | None:
    ways = [_change_name, _change_number, _change_sense]
    rng.shuffle(ways)
    for way in ways:
        changed = way(example, names, rng)
        if changed is not None:
            return changed
    return None


def _change_name(example: Example, names: Sequence[str], rng: random.Random) -> str | None:
    text = example.article.text
    own = [m for m in _NAME.finditer(example.question) if m.group() in text]
    others = [name for name in names if name not in text]
    if not own or not others:
        return None
    return _replaced(example.question, rng.choice(own).span(), rng.choice(others))


def _change_number(example: Example, names: Sequence[str], rng: random.Random) -> str | None:
    text = example.article.text.replace(",", "")
    found = [m for m in _NUMBER.finditer(example.question) if m.group().replace(",", "") in text]
    if not found:
        return None
    match = rng.choice(found)
    value = int(match.group().replace(",", ""))
    reach = 30 if 1000 <= value <= 2100 else max(3, value)
    other = abs(value + rng.choice([-1, 1]) * rng.randint(1, reach))
    if other == value or str(other) in text:
        return None
    return _replaced(example.question, match.span(), str(other))


def _change_sense(example: Example, names: Sequence[str], rng: random.Random) -> str | None:
    opposable = [m for m in re.finditer(r"\w+", example.question) if m.group() in _OPPOSITE]
    if opposable:
        match = rng.choice(opposable)
        return _replaced(example.question, match.span(), _OPPOSITE[match.group()])
    negatable = _NEGATABLE.search(example.question)
    if negatable is None:
        return None
    negation = rng.choice([" not", " never"])
    return _replaced(example.question, (negatable.end(), negatable.end()), negation)


def _replaced(text: str, span: Offsets, other: str) -> str:
    return text[: span[0]] + other + text[span[1] :]
