"""BM25 over passages and over whole articles, on tantivy."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import tantivy

from rag.folding import APOSTROPHES, HYPHENS
from rag.wordings import Form, analyzer, query, telling_words, terms_of, wordings

LEXICAL = "passages-and-articles-3"
"""Name of what is indexed and how; part of an index's manifest. Change it when that changes."""

_COMPOUND = re.compile(rf"[^\W\d_]+(?:[{HYPHENS}{APOSTROPHES}][^\W\d_]+)+")
_HYPHEN = re.compile(f"[{HYPHENS}{APOSTROPHES}]")
_CLITIC = re.compile(rf"[{APOSTROPHES}](?:s|t|d|m|ll|re|ve)$", re.IGNORECASE)
CANDIDATES = 200
"""At least so many passages, and articles, are scored in a search."""

Scored = list[tuple[int, int, float]]
"""(id, id of the article's first passage, BM25 score), best first."""


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("id", fast=True, indexed=True)
    builder.add_integer_field("article", fast=True)
    builder.add_text_field("text", tokenizer_name="news")
    return builder.build()


class LexicalIndex:
    """Passages by their words, each with its article's title. In memory, or in a folder.

    Searching is thread-safe, adding is not.
    """

    def __init__(self, passages: tantivy.Index, articles: tantivy.Index) -> None:
        # Two indexes, for BM25 measures a text against the average length of its kind.
        self._passages = passages
        self._articles = articles
        for index in (passages, articles):
            index.register_tokenizer("news", analyzer())

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

    def holds(self, word: str) -> bool:
        """Whether some passage has the word, in any of its endings."""
        searcher = self._articles.searcher()
        return all(searcher.doc_freq("text", term) for term in terms_of(word))

    def search(
        self,
        question: str,
        k: int,
        holds: Callable[[str], bool] | None = None,
        among: Sequence[int] | None = None,
    ) -> list[tuple[int, float]]:
        """(id, score) of the k best passages that share a word with the question, best first.

        The score is the passage's BM25 plus its whole article's: a news story names its subject
        once and then says "the company", so that the right passage may hold few of the words.
        A word of which `holds`, by default this index's, says no may be a typing error. With
        `among`, whole articles by their passages' ids, only these are searched.
        """
        holds = self.holds if holds is None else holds
        concepts = [
            forms
            for run in telling_words(question)
            for forms in wordings(run, self._articles, holds)
        ]
        if k == 0:
            return []
        depth = max(k, CANDIDATES)
        articles = _bm25(self._articles, concepts, depth, among)
        return with_articles(_bm25(self._passages, concepts, depth, among), articles)[:k]


def with_articles(passages: Scored, articles: Scored) -> list[tuple[int, float]]:
    """(id, score) of each passage with its article's score added, best first."""
    scores = {first: score for _, first, score in articles}
    # One beyond the best articles scores no more than the last of them.
    last = min(scores.values(), default=0.0)
    ranked = [
        (passage_id, score + scores.get(first, last)) for passage_id, first, score in passages
    ]
    return sorted(ranked, key=lambda hit: (-hit[1], hit[0]))


def indexed_text(title: str, text: str) -> str:
    """What is searched of a passage, or of an article: its words, and its compounds joined."""
    # One field for both: a word that stands in title and text is not counted as two words.
    text = f"{title}\n{text}"
    return " ".join([text, *_compounds(text)])


def _document(id: int, article: int, title: str, text: str) -> tantivy.Document:
    document = tantivy.Document()
    document.add_integer("id", id)
    document.add_integer("article", article)
    document.add_text("text", indexed_text(title, text))
    return document


def _compounds(text: str) -> Iterator[str]:
    """Each "Amir-Abdollahian" of the text as "AmirAbdollahian"."""
    for compound in _COMPOUND.findall(text):
        parts = _HYPHEN.split(_CLITIC.sub("", compound))
        if len(parts) > 1:
            yield "".join(parts)


def _bm25(
    index: tantivy.Index,
    concepts: Sequence[Sequence[Form]],
    k: int,
    among: Sequence[int] | None,
) -> Scored:
    searcher = index.searcher()
    wanted = query(concepts, index)
    if among is not None:
        held = tantivy.Query.term_set_query(index.schema, "id", among)
        unscored = tantivy.Query.const_score_query(held, 0.0)
        must = tantivy.Occur.Must
        wanted = tantivy.Query.boolean_query([(must, wanted), (must, unscored)])
    hits = searcher.search(wanted, limit=k, count=False).hits
    addresses = [address for _, address in hits]
    ids = searcher.fast_field_values("id", addresses)
    articles = searcher.fast_field_values("article", addresses)
    return [
        (int(i or 0), int(a or 0), float(score))
        for i, a, (score, _) in zip(ids, articles, hits, strict=True)
    ]
