"""Hard negatives: what our own retriever finds for a question and what does not answer it."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from rag.equality import normalize_answer
from rag.training.examples import Example
from rag.types import Hit

_LOOKED_AT = 20
_CHOSEN_FROM = 6

Search = Callable[[str, int], list[Hit]]
"""The best passages for a question, as `Dateline.search` gives them."""


def with_negatives(
    examples: Sequence[Example], search: Search, share: float, seed: int
) -> Iterator[Example]:
    """The examples, about `share` of the answerable ones with one hard negative each.

    A negative is one of the six best passages that are not of the example's article and hold
    none of its answers: not even in other words' company, since a passage with the answer in it
    may well answer.
    """
    rng = random.Random(seed)
    for example in examples:
        if not example.spans or rng.random() >= share:
            yield example
            continue
        answers = {normalize_answer(example.article.text[s:e]) for s, e in example.spans} - {""}
        # An answer of which nothing is left ("A") cannot be looked for.
        hits = search(example.question, _LOOKED_AT) if answers else []
        eligible = [
            hit.passage
            for hit in hits
            if hit.passage.article.text != example.article.text
            and not any(a in normalize_answer(hit.passage.text) for a in answers)
        ]
        chosen = rng.choice(eligible[:_CHOSEN_FROM]) if eligible else None
        yield example if chosen is None else replace(example, negatives=(chosen,))
