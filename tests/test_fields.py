"""A mapping becomes an article: its fields by their many names, and what cannot be one."""

import hashlib
from collections.abc import Mapping
from datetime import date

import pytest

from rag.errors import UnreadableError
from rag.fields import article_from_mapping
from rag.types import Article

BODY = "The harbour bridge of Port Ellan was closed on Tuesday."


def test_a_mapping_becomes_an_article() -> None:
    mapping = {
        "id": " a-1 ",
        "text": f"Bridge  shut\n\n{BODY}",
        "title": "Bridge shut\n",
        "published": "2024-03-04T10:00:00Z",
        "source": "Harbour Wire",
        "byline": "Zora Quill",
        "url": "https://harbour.example/bridge",
        "language": "en",
        "likes": 7,
    }
    assert article_from_mapping(mapping) == Article(
        id="a-1",
        text=BODY,
        title="Bridge shut",
        published=date(2024, 3, 4),
        published_from="metadata",
        byline="Zora Quill",
        source="Harbour Wire",
        url="https://harbour.example/bridge",
        language="en",
    )
    assert mapping["id"] == " a-1 "


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        *((name, "text", BODY) for name in ("text", "body", "content", "article")),
        *((name, "title", "Bridge") for name in ("title", "headline")),
        *(
            (name, "published", "4 March 2024")
            for name in ("published", "date", "published_at", "publish_date", "datetime")
        ),
        *((name, "source", "Wire") for name in ("source", "publisher", "outlet", "site")),
        *((name, "byline", "Zora Quill") for name in ("byline", "author", "authors")),
        *((name, "url", "https://harbour.example") for name in ("url", "link")),
        *((name, "language", "en") for name in ("language", "lang")),
    ],
)
def test_a_field_goes_by_several_names(name: str, field: str, value: str) -> None:
    mapping = {name: value} if field == "text" else {"text": BODY, name: value}
    expected = date(2024, 3, 4) if field == "published" else value
    assert getattr(article_from_mapping(mapping), field) == expected


@pytest.mark.parametrize("blank", [None, "", "  ", "\n"])
def test_a_blank_value_gives_way_to_the_next_name_and_to_the_text(blank: str | None) -> None:
    head = "Bridge shut after crack found\n\nMarch 4, 2024\n\nBy Zora Quill\n\nSource: Wire\n\n"
    absent: Mapping[str, object] = dict.fromkeys(
        ["id", "title", "date", "published", "author", "source", "url", "lang"], blank
    )
    article = article_from_mapping({**absent, "id": None, "text": blank, "body": head + BODY})
    assert article.title == "Bridge shut after crack found"
    assert article.published == date(2024, 3, 4)
    assert (article.byline, article.source) == ("Zora Quill", "Wire")
    assert (article.url, article.language, article.text) == (None, None, BODY)


def test_metadata_beats_what_cleaning_finds() -> None:
    text = f"date 2024-03-04 Bridge shut\n\nBy Zora Quill\n\nSource: Wire\n\n{BODY}"
    mapping = {"title": "The bridge", "date": "2024-03-05", "author": "John Roe", "site": "Ledger"}
    article = article_from_mapping({**mapping, "text": text})
    assert (article.title, article.published) == ("The bridge", date(2024, 3, 5))
    assert (article.byline, article.source) == ("John Roe", "Ledger")
    assert article.text == f"Bridge shut\n\n{BODY}"
    assert article.removed == ("date 2024-03-04", "By Zora Quill", "Source: Wire")


def test_authors_may_be_a_list() -> None:
    article = article_from_mapping({"text": BODY, "authors": ["Zora Quill", "John Roe"]})
    assert article.byline == "Zora Quill, John Roe"


@pytest.mark.parametrize(
    ("extra", "fallback", "expected"),
    [
        ({"id": " a-1 "}, "stem", "a-1"),
        ({"id": 42, "url": "https://harbour.example"}, None, "42"),
        ({"id": "x" * 200}, None, "x" * 200),
        ({"id": None, "url": "https://harbour.example"}, "stem", "stem"),
        (
            {"url": "https://harbour.example"},
            None,
            hashlib.sha256(b"https://harbour.example").hexdigest()[:16],
        ),
        ({}, None, hashlib.sha256(BODY.encode()).hexdigest()[:16]),
    ],
)
def test_the_id_is_given_or_the_file_or_a_hash(
    extra: Mapping[str, object], fallback: str | None, expected: str
) -> None:
    mapping = {"text": f"{BODY}\n\nAdvertisement", **extra}
    assert article_from_mapping(mapping, fallback_id=fallback).id == expected


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        ({}, "no article text: expected it under 'text', 'body', 'content' or 'article'"),
        ({"title": "Bridge"}, "no article text: expected it under"),
        ({"text": None}, "no article text: nothing but"),
        ({"text": " \n"}, "no article text: nothing but"),
        ({"text": "Advertisement\n\nShare"}, "no article text: nothing but"),
        ({"text": "Bridge shut", "title": "Bridge shut"}, "no article text: nothing but"),
        ({"text": 5}, "'text' must be a string, got int: 5"),
        ({"body": ["One.", "Two."]}, "'body' must be a string, got list: ['One.', 'Two.']"),
        ({"text": BODY, "title": {"en": "Bridge"}}, "'title' must be a string, got dict"),
        ({"text": BODY, "author": ["Zora", 5]}, "'author' must be a string, got list"),
        ({"text": BODY, "source": True}, "'source' must be a string, got bool"),
        ({"text": BODY, "url": 5}, "'url' must be a string, got int"),
        ({"text": BODY, "lang": 5}, "'lang' must be a string, got int"),
        ({"text": BODY, "date": 1709546400}, "'date' must be a string, got int: 1709546400"),
        ({"text": BODY, "date": "March 2024"}, "'March 2024' is no date: expected a full one"),
        ({"text": BODY, "date": "03/04/2024"}, "'03/04/2024' is no date"),
        ({"text": BODY, "id": ""}, "'id' is '': expected 1 to 200 characters"),
        ({"text": BODY, "id": "x" * 201}, "'id' is 'xxx"),
        ({"text": BODY, "id": "a\nb"}, "'id' is 'a\\nb'"),
        ({"text": BODY, "id": "a\ud83d"}, "'id' is 'a\\ud83d'"),
        ({"text": BODY, "id": 1.5}, "'id' must be a string or an integer, got 1.5"),
        ({"text": BODY, "id": True}, "'id' must be a string or an integer, got True"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(mapping: Mapping[str, object], expected: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        article_from_mapping(mapping)
    assert str(caught.value).startswith(expected)


def test_lone_surrogates_never_get_into_an_article() -> None:
    mapping = dict.fromkeys(["text", "title", "author", "source", "url"], "Half \ud83d pair.")
    article = article_from_mapping({**mapping, "title": "\udc00"})
    assert article.text == "Half \ufffd pair."
    for value in (article.title, article.source, article.url, article.byline):
        assert value is not None
        assert value.encode()
