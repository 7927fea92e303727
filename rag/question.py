"""The ways people ask, in the one way a reader was trained on. Pure."""

import re

_ASKING = re.compile(
    r"\b(?:who|whom|whose|what|when|where|which|why|how)\b"
    r"|^(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|might)\b"
    r"|^(?:name|list|tell|give|show|find|explain|describe)\b",
    re.IGNORECASE,
)
_DETERMINED = re.compile(r"(?:the|a|an|this|that|these|those)\b", re.IGNORECASE)
_WORD = re.compile(r"\w+")
_SMALL_WORDS = frozenset(re.findall(r"\w+", "a an and at by for from in of on the to with"))


def as_question(asked: str) -> str:
    """What was asked, as a whole question: one space between words, one question mark.

    A bare noun phrase becomes "What is the ...?". Readers learn from whole questions and are less
    often right, and less sure, without these.
    """
    words = " ".join(asked.split()).rstrip("?!. ")
    if not words:
        return asked
    if _ASKING.search(words):
        return f"{words}?"
    article = "" if _DETERMINED.match(words) else "the "
    return f"What is {article}{words}?"


def echoes(question: str, answer: str) -> bool:
    """Whether every word of the answer stands in the question: it says nothing.

    "Who is Klara Wendt?" is not answered by "Klara Wendt", unless the question offers a choice.
    """
    asked = {word.lower() for word in _WORD.findall(question)}
    said = {word.lower() for word in _WORD.findall(answer)} - _SMALL_WORDS
    return "or" not in asked and said <= asked
