"""A name that nothing found mentions, however it is spelt, is noticed."""

import pytest

from rag.types import Article, Hit, Passage
from rag.unmentioned import unmentioned


def hit(text: str, **fields: str) -> Hit:
    """A passage that is the first word of an article."""
    article = Article("a", text, **fields)  # type: ignore[arg-type]
    return Hit(Passage(article, 0, len(text.split()[0])), 1.0)


TOLD = hit(
    "Brandeck's successor, Jörn Müllrath, met the Norwegian envoy Hossein Amir-Dovlat in Velden. "
    "Brigid O’Tarren spoke, on the brink of tears, of her sister.",
    title="A quiet day in Skerrin",
    source="Harbour Wire",
)


@pytest.mark.parametrize(
    ("question", "missing"),
    [
        ("Who is the king of Sweden?", ["Sweden"]),
        ("Who is Harald Brinkmann?", ["Harald", "Brinkmann"]),
        ("Who is Emil Brandeck?", ["Emil"]),
        ("Who succeeded Brandeck?", []),
        ("Which Sister spoke?", []),
        ("Whom did Joern Muellrath meet?", []),
        ("When did Norway send an envoy?", []),
        ("Where was Amirdovlat met?", []),
        ("Where was Amir-Dovlat met?", []),
        ("What did Brigid OTarren say?", []),
        ("What happened in Skerrin?", []),
        ("What does the Harbour Wire say?", []),
        ("Who was met in Veldn?", []),
        # No names: what begins the question, abbreviations, days, places of several names.
        ("Sweden's king is who?", []),
        ("Did the USCG come on Monday or in March?", []),
        ("What did Kyiv say?", []),
        ("Who Is The King Of Sweden?", []),
        ("What did the WHO say of Sweden?", ["Sweden"]),
        ("WHO IS THE KING OF SWEDEN?", []),
        ("who is the king of sweden?", []),
        ("", []),
    ],
)
def test_unmentioned(question: str, missing: list[str]) -> None:
    assert list(unmentioned(question, [hit("Nothing here."), TOLD])) == missing


def test_where_nothing_is_found_nothing_is_mentioned() -> None:
    assert unmentioned("Who is Emil Brandeck?", []) == ("Emil", "Brandeck")
