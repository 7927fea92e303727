"""The ways people ask, in the one way a reader was trained on. Pure."""

import re

from rag.wordings import count_words, shared_words

_ASKING = re.compile(
    r"\b(?:who|whom|whose|what|when|where|which|why|how)\b"
    r"|^(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|might)\b"
    r"|^(?:name|list|tell|give|show|find|explain|describe)\b",
    re.IGNORECASE,
)
_DETERMINED = re.compile(r"(?:the|a|an|this|that|these|those)\b", re.IGNORECASE)
_WORD = re.compile(r"\w+")
_DEFINITION = re.compile(r"(?:who|what)(?:['’]s| is| are| was| were)\b", re.IGNORECASE)
_ENDS_ASKING = re.compile(r"\?[)\]\"'”’]*\s*$")
_SAME = 0.7
"""Share of a question's telling words from which a sentence that asks asks for the same."""
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
    """Whether the question asks what something is, and the answer has no word but the question's.

    "Who is Klara Wendt?" is not answered by "Klara Wendt", unless the question offers a choice.
    Other questions may be: "How many of the four ...?", "Which theory ...?".
    """
    if not _DEFINITION.match(question):
        return False
    asked = {word.lower() for word in _WORD.findall(question)}
    said = {word.lower() for word in _WORD.findall(answer)} - _SMALL_WORDS
    return "or" not in asked and said <= asked


def asks_the_same(question: str, sentence: str) -> bool:
    """Whether a sentence of an article is a question too, and for the same.

    News has quizzes, and headlines that only ask: what answers them stands elsewhere.
    """
    asking, telling = _ASKING.search(question), count_words(question)
    if not (asking and telling and _ENDS_ASKING.search(sentence)):
        return False
    same_word = re.search(rf"\b{asking.group()}\b", sentence, re.IGNORECASE)
    return same_word is not None and shared_words(question, sentence) >= _SAME * telling
