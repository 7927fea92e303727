"""Request bodies for the OpenAPI page; they work as they stand, in any order from the top."""

from typing import Any

from rag.types import text_hash

_TEXT = (
    "Envoys from Velmora and Ostrand signed a water treaty in Lake Serrin on Tuesday.\n\n"
    "The treaty gives each country half of the lake's outflow, mediator Ines Okafor said."
)
_QUOTE = "Ines Okafor"
_START = _TEXT.index(_QUOTE)
_ARTICLE = {
    "id": "example-treaty",
    "title": "Velmora and Ostrand sign water treaty",
    "published": "2024-03-06",
    "source": "Example Wire",
    "text": _TEXT,
}

ARTICLES: dict[str, Any] = {
    "one": {"summary": "One article", "value": _ARTICLE},
    "many": {
        "summary": "Several articles",
        "value": [
            _ARTICLE,
            {"text": "The ferry inquiry opens on Monday, its chair Tom Reyes said."},
        ],
    },
}
JOB: dict[str, Any] = {
    "list": {"summary": "A list of articles", "value": ARTICLES["many"]["value"]}
}
ASK: dict[str, Any] = {
    "plain": {
        "summary": "A question",
        "value": {"question": "Who mediated between Velmora and Ostrand?"},
    },
    "restricted": {
        "summary": "Only what was known on a day, from one outlet",
        "value": {
            "question": "When did Velmora and Ostrand sign the treaty?",
            "as_of": "2024-03-31",
            "sources": ["Example Wire"],
            "top_k": 5,
        },
    },
}
SEARCH: dict[str, Any] = {
    "plain": {"summary": "Passages", "value": {"query": "water treaty", "limit": 5}}
}
VERIFY: dict[str, Any] = {
    "one": {
        "summary": "A citation",
        "value": {
            "article_id": _ARTICLE["id"],
            "quote": _QUOTE,
            "start": _START,
            "end": _START + len(_QUOTE),
            "sha256": text_hash(_TEXT),
        },
    }
}
