"""BM25 over passages and over whole articles, on tantivy."""

import re
from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import tantivy

LEXICAL = "passages-and-articles-1"
"""Name of what is indexed and how; part of an index's manifest. Change it when that changes."""

# Nearly every passage holds them: they tell none apart, and are most of the work of a search.
# "May" is missing, for it is a month.
_FUNCTION_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a about after an and are as at be been before being by can could did do does during for "
        "from had has have her his how in into is it its of on or s should than that the their "
        "then there these this those to was were what when where which who whom whose why will "
        "with would",
    )
)
_WORD = re.compile(r"\w+")
_CANDIDATES = 200
"""At least so many passages, and articles, are scored in a search."""

_Scored = list[tuple[int, int, float]]
"""(id, id of the article's first passage, BM25 score), best first."""


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("id", fast=True)
    builder.add_integer_field("article", fast=True)
    builder.add_text_field("text", tokenizer_name="news")
    return builder.build()


def _analyzer() -> tantivy.TextAnalyzer:
    """Words, lower case, without diacritics, stemmed."""
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(60))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
        .filter(tantivy.Filter.stemmer("english"))
        .build()
    )


class LexicalIndex:
    """Passages by their words, each with its article's title. In memory, or in a folder.

    Searching is thread-safe, adding is not.
    """

    def __init__(self, passages: tantivy.Index, articles: tantivy.Index) -> None:
        # Two indexes, for BM25 measures a text against the average length of its kind.
        self._passages = passages
        self._articles = articles
        for index in (passages, articles):
            index.register_tokenizer("news", _analyzer())

    @classmethod
    def in_memory(cls) -> "LexicalIndex":
        return cls(tantivy.Index(_schema()), tantivy.Index(_schema()))

    @classmethod
    def create(cls, folder: Path) -> "LexicalIndex":
        """In an existing, empty folder."""
        paths = [folder / "passages", folder / "articles"]
        for path in paths:
            path.mkdir()
        return cls(*(tantivy.Index(_schema(), path=str(path)) for path in paths))

    @classmethod
    def open(cls, folder: Path) -> "LexicalIndex":
        """What `create` and `add` left in a folder."""
        return cls(*(tantivy.Index.open(str(folder / name)) for name in ("passages", "articles")))

    def __len__(self) -> int:
        return int(self._passages.searcher().num_docs)

    def add(self, passages: Iterable[tuple[int, str, str, str]]) -> None:
        """Add (id, article id, title, text) of each and make them searchable.

        The passages of an article follow one another, and come in one call.
        """
        passage_writer, article_writer = (
            index.writer(heap_size=64_000_000, num_threads=1)
            for index in (self._passages, self._articles)
        )
        for _, some in groupby(passages, key=itemgetter(1)):
            rows = list(some)
            first, _, title, _ = rows[0]
            for passage_id, _, _, text in rows:
                passage_writer.add_document(_document(passage_id, first, title, text))
            whole = "\n".join(text for *_, text in rows)
            article_writer.add_document(_document(first, first, title, whole))
        for writer in (passage_writer, article_writer):
            writer.commit()
            writer.wait_merging_threads()
        self._passages.reload()
        self._articles.reload()

    def search(self, query: str, k: int) -> list[tuple[int, float]]:
        """(id, score) of the k best passages that share a word with the query, best first.

        The score is the passage's BM25 plus its whole article's: a news story names its subject
        once and then says "the company", so that the right passage may hold few of the words.
        """
        # Only the words: in tantivy's syntax "-Gaza" would exclude it and "NOT" would negate.
        words = _WORD.findall(query.lower())
        # "Who is who?" has no others.
        telling = [word for word in words if word not in _FUNCTION_WORDS] or words
        if not telling or k == 0:
            return []
        terms = " ".join(telling)
        depth = max(k, _CANDIDATES)
        articles = {first: score for _, first, score in _bm25(self._articles, terms, depth)}
        # One beyond the best articles scores no more than the last of them.
        last = min(articles.values(), default=0.0)
        ranked = [
            (passage_id, score + articles.get(first, last))
            for passage_id, first, score in _bm25(self._passages, terms, depth)
        ]
        return sorted(ranked, key=lambda hit: (-hit[1], hit[0]))[:k]


def _document(id: int, article: int, title: str, text: str) -> tantivy.Document:
    document = tantivy.Document()
    document.add_integer("id", id)
    document.add_integer("article", article)
    # One field for both: a word that stands in title and text is not counted as two words.
    document.add_text("text", f"{title}\n{text}")
    return document


def _bm25(index: tantivy.Index, terms: str, k: int) -> _Scored:
    parsed, _errors = index.parse_query_lenient(terms, ["text"])
    searcher = index.searcher()
    hits = searcher.search(parsed, limit=k, count=False).hits
    addresses = [address for _, address in hits]
    ids = searcher.fast_field_values("id", addresses)
    articles = searcher.fast_field_values("article", addresses)
    return [
        (int(i or 0), int(a or 0), float(score))
        for i, a, (score, _) in zip(ids, articles, hits, strict=True)
    ]
