"""BM25 over passages, on tantivy."""

import re
from collections.abc import Iterable
from pathlib import Path

import tantivy

_WORD = re.compile(r"\w+")
_FIELDS = ["title", "text"]


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("id", fast=True)
    for field in _FIELDS:
        builder.add_text_field(field, tokenizer_name="news")
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
    """Passages by their words and their article's title. In memory, or in a folder.

    Searching is thread-safe, adding is not.
    """

    def __init__(self, index: tantivy.Index) -> None:
        index.register_tokenizer("news", _analyzer())
        self._index = index

    @classmethod
    def in_memory(cls) -> "LexicalIndex":
        return cls(tantivy.Index(_schema()))

    @classmethod
    def create(cls, folder: Path) -> "LexicalIndex":
        """In an existing, empty folder."""
        return cls(tantivy.Index(_schema(), path=str(folder)))

    @classmethod
    def open(cls, folder: Path) -> "LexicalIndex":
        """What `create` and `add` left in a folder."""
        return cls(tantivy.Index.open(str(folder)))

    def __len__(self) -> int:
        return int(self._index.searcher().num_docs)

    def add(self, passages: Iterable[tuple[int, str, str]]) -> None:
        """Add (id, title, text) of each and make them searchable."""
        writer = self._index.writer(heap_size=64_000_000, num_threads=1)
        for passage_id, title, text in passages:
            document = tantivy.Document()
            document.add_integer("id", passage_id)
            document.add_text("title", title)
            document.add_text("text", text)
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()

    def search(self, query: str, k: int) -> list[tuple[int, float]]:
        """(id, BM25 score) of the k best passages that share a word with the query."""
        # Only the words: in tantivy's syntax "-Gaza" would exclude it and "NOT" would negate.
        words = " ".join(_WORD.findall(query.lower()))
        if not words or k == 0:
            return []
        parsed, _errors = self._index.parse_query_lenient(words, _FIELDS)
        searcher = self._index.searcher()
        hits = searcher.search(parsed, limit=k, count=False).hits
        ids = searcher.fast_field_values("id", [address for _, address in hits])
        return [(int(i or 0), float(score)) for i, (score, _) in zip(ids, hits, strict=True)]
