"""When two answers are one."""

import re
import string
from functools import lru_cache

from rag.names import same_name
from rag.quantities import parse_quantity, same_quantity

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


@lru_cache(maxsize=10_000)
def normalize_answer(text: str) -> str:
    """Lower case, without ASCII punctuation, articles and extra space.

    The normalisation of SQuAD's official evaluation (Rajpurkar et al., 2016).
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def same_answer(a: str, b: str) -> bool:
    """Whether two texts say the same: one figure, one name, or the same words.

    Symmetric, but not transitive: "Biden" is "Joe Biden" and "Hunter Biden", who are two.
    """
    one, two = parse_quantity(a), parse_quantity(b)
    if one is not None and two is not None:  # without punctuation 1.5 would be 15
        return same_quantity(one, two)
    return normalize_answer(a) == normalize_answer(b) or same_name(a, b)
