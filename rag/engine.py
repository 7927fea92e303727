"""Dateline: the one core object behind every front door."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property, partial
from typing import Self

import numpy as np
from numpy.typing import NDArray

from embeddings.encoder import DEFAULT_ENCODER, Encoder, Vectors, load_encoder
from embeddings.memo import Memo
from rag.abilities import ALL_ABILITIES, Abilities
from rag.answers import make_answers, surest
from rag.checkpoint import load_reader
from rag.collection import INDEX
from rag.corroboration import Elsewhere
from rag.errors import InputError, ModelError, NotFoundError
from rag.feedback import Judgement
from rag.index import IndexState, PassageIndex, open_index
from rag.intake import Intake
from rag.jobs import Jobs
from rag.keys import Key
from rag.overview import Overview
from rag.passage_store import EVERYTHING, Filter
from rag.period import Asked, period_of
from rag.question import as_question
from rag.reader import Reader
from rag.reading import Reading
from rag.retriever import Retriever
from rag.settings import Settings
from rag.store import Embedded, Store
from rag.stories import describe, group_stories
from rag.types import Article, Hit, Ingested, Passage, Reply, Skipped, Span, Stories, Story, Timings
from rag.unmentioned import unmentioned

MAX_QUESTION_CHARACTERS = 2000
MAX_SOURCES = 500
"""Each is a variable of one SQL statement, and SQLite takes only so many."""
_REMEMBERED = 1000
"""Vectors of sentences, about two kilobytes each with their text."""
_WITNESSES = 10
"""Passages among which other stories are looked for that tell an answer too."""


@dataclass(frozen=True)
class Verdict:
    """Whether a citation still holds, and if not, why."""

    valid: bool
    reason: str


class Dateline:
    """One collection of articles that can be added to, searched and asked."""

    def __init__(
        self,
        store: Store,
        index: PassageIndex,
        encoder: Encoder,
        load_reader: Callable[[], Reader],
        top_k: int = 10,
        threshold: float | None = None,
        abilities: Abilities = ALL_ABILITIES,
    ) -> None:
        """`load_reader` is called at the first question; `threshold` None takes the reader's."""
        self._store = store
        self._index = index
        self._encoder = encoder
        self._load_reader = load_reader
        self._intake = Intake(store, index, encoder)
        self._retriever = Retriever(store, index, encoder, fold_stories=abilities.stories)
        self._top_k = top_k
        self._threshold = threshold
        self._abilities = abilities
        self._sentences: Memo[str, Vectors] = Memo(_REMEMBERED)

    @classmethod
    def open(
        cls,
        settings: Settings,
        create: bool = False,
        abilities: Abilities = ALL_ABILITIES,
        to_ask: bool = False,
    ) -> Self:
        """The collection in the settings' data folder; with `create`, made if missing.

        With `to_ask` the reader is loaded meanwhile, by another thread, and an error of its
        loading raised by the first question. Raises CollectionError, ModelMismatchError or
        ModelError.
        """
        folder, url = settings.folder, settings.url
        if not create:
            Store.open(folder, url).close()  # a missing collection is told before a model is loaded
        read_by: Callable[[], Reader] = partial(load_reader, settings.reader, settings.quantize)
        if to_ask:
            loader = ThreadPoolExecutor(max_workers=1)
            read_by = loader.submit(read_by).result
            loader.shutdown(wait=False)
        try:
            encoder = load_encoder(settings.encoder)
        except (OSError, ValueError) as error:
            raise ModelError(
                f"no encoder '{settings.encoder}' ({type(error).__name__}): set DATELINE_ENCODER "
                f"to a sentence-transformers folder, or to '{DEFAULT_ENCODER}'"
            ) from error
        store = Store.create(folder, encoder.name, url) if create else Store.open(folder, url)
        store.check_encoder(encoder.name, encoder.dimension)
        index = open_index(folder / INDEX, store, encoder.dimension, settings.milvus_uri)
        return cls(
            store,
            index,
            encoder,
            read_by,
            settings.top_k,
            settings.threshold,
            abilities,
        )

    def close(self) -> None:
        """Release the database."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def reader(self) -> Reader:
        """The reader, loaded on first use."""
        return self._load_reader()

    @property
    def encoder_name(self) -> str:
        """Name of the encoder, as the collection remembers it."""
        return self._encoder.name

    @property
    def encoder(self) -> Encoder:
        """The encoder of questions and articles."""
        return self._encoder

    @property
    def index(self) -> PassageIndex:
        """Where passages are searched."""
        return self._index

    # --- articles in

    def embed_through(self, embedder: Encoder) -> None:
        """Have articles embedded by another encoder, which gives the same vectors.

        A server gives one that lets questions go first.
        """
        self._intake.embedder = embedder

    def read_through(self, reader: Reader) -> None:
        """Have questions read by another reader, which finds the same spans."""
        self.reader = reader

    def ingest(
        self, articles: Iterable[Article | Embedded | Skipped]
    ) -> Iterator[Ingested | Skipped]:
        """Add articles; yields the fate of each once it is committed and searchable.

        An article whose id is known replaces it; one that is stored already in the same form
        changes nothing. Articles are committed in batches: whatever stops an ingest, what was
        yielded before is kept. One that comes embedded, by the encoder of the collection, is not
        embedded again.
        """
        return self._intake.add(articles)

    def ingest_batch(
        self, batch: Sequence[Article | Embedded | Skipped]
    ) -> list[Ingested | Skipped]:
        """Add articles, all in one commit; the next question finds them. The fate of each."""
        return self._intake.add_batch(batch)

    def delete(self, article_id: str) -> None:
        """Remove an article; NotFoundError if there is none."""
        self._intake.delete(article_id)

    def tidied_behind(self) -> AbstractContextManager[Callable[[], None]]:
        """What tidies the index up if that is due: no ingest and no delete does it meanwhile.

        A server calls it now and then, so that no request waits for it.
        """
        return self._intake.tidied_behind()

    def content_hashes(self) -> NDArray[np.uint64]:
        """Of each stored article what `rag.contents.content_hash` gives, ascending."""
        return self._store.content_hashes()

    @property
    def jobs(self) -> Jobs:
        """The ingests that go on behind the service."""
        return self._store.jobs

    # --- articles out

    def article(self, article_id: str) -> Article:
        """The article; NotFoundError if there is none."""
        return self._store.get(article_id)

    def articles(self, limit: int = 50, offset: int = 0) -> list[Article]:
        """Articles, newest first."""
        return self._store.page(limit, offset)

    def find_articles(self, names: Sequence[str]) -> list[Article]:
        """The articles whose id, or whose file's stem, is among `names`."""
        return self._store.find(names)

    @property
    def top_k(self) -> int:
        """How many passages are found for a question unless it says otherwise."""
        return self._top_k

    def counts(self) -> tuple[int, int]:
        """(articles, passages) in the collection."""
        return self._store.counts()

    def sources(self) -> dict[str, int]:
        """Outlet -> how many articles it has, those with most first."""
        return self._store.sources()

    def overview(self) -> Overview:
        """The collection in numbers."""
        return self._store.overview()

    def index_state(self) -> IndexState:
        """How far this process's index has come."""
        return self._index.state

    def stories(self, limit: int = 50, offset: int = 0) -> list[Story]:
        """The stories that more than one article tells, the one last published in first."""
        return [describe(articles) for articles in self._store.stories_page(limit, offset)]

    def story(self, article_id: str) -> Story:
        """The story that the article tells; NotFoundError if there is no such article."""
        told = self._store.stories([article_id])
        return describe(told[article_id] if told else [self.article(article_id)])

    def count_stories(self) -> int:
        """How many stories more than one article tells."""
        return self._store.count_stories()

    # --- questions

    def search(self, query: str, limit: int = 10, where: Filter = EVERYTHING) -> list[Hit]:
        """The passages that fit the query best, best first."""
        return self._find(check_question(query), limit, where)

    def _find(self, query: str, limit: int, where: Filter) -> list[Hit]:
        self._index.refresh()
        return self._retriever.retrieve(query, limit, where)

    def ask(
        self,
        question: str,
        top_k: int | None = None,
        as_of: date | None = None,
        since: date | None = None,
        until: date | None = None,
        sources: Sequence[str] = (),
    ) -> Reply:
        """Answers from the best `top_k` passages of the collection; who else tells the best answer
        is looked for in all of it.

        `as_of` leaves out what was published later, as `until` does; both are inclusive. So does
        "as of 1 December 2023" in the question, which is then read and searched without it; of
        several days the earliest counts.
        """
        reader = self.reader  # loading it is no part of the time a question takes
        began = time.perf_counter()
        asked = self._asked(check_question(question))
        if asked.as_of is not None:
            as_of = asked.as_of if as_of is None else min(as_of, asked.as_of)
        ends = [day for day in (as_of, until) if day is not None]
        if len(sources) > MAX_SOURCES:
            raise InputError(f"{len(sources)} sources, at most {MAX_SOURCES}: name fewer")
        where = Filter(since, min(ends, default=None), tuple(sources))
        hits, stories = self._evidence(
            asked.question, self._top_k if top_k is None else top_k, where
        )
        missing = unmentioned(asked.question, hits) if self._abilities.names else ()
        read = partial(self.reading.of_hits, asked.question, hits, stories)
        elsewhere = partial(self._evidence, limit=_WITNESSES, where=where)
        reply = self._reply(reader, asked.question, hits, stories, began, read, missing, elsewhere)
        return replace(
            reply, question=question.strip(), as_of=None if asked.as_of is None else as_of
        )

    def _evidence(self, query: str, limit: int, where: Filter) -> tuple[list[Hit], Stories]:
        """What is found for a query, and the stories of its articles."""
        hits = self._find(query, limit, where)
        found = {hit.passage.article.id: (hit.passage.article,) for hit in hits}
        # What was deleted meanwhile is in no story but its own.
        return hits, found | self._store.stories(found, where)

    def read(self, question: str, articles: Sequence[Article]) -> Reply:
        """Answers from the whole text of the given articles, without retrieval."""
        reader = self.reader
        began = time.perf_counter()
        asked = self._asked(check_question(question)).question
        hits = [Hit(Passage(article, 0, len(article.text)), 0.0) for article in articles]
        stories = group_stories(articles)
        read = partial(self.reading.of_articles, asked, articles)
        return self._reply(reader, asked, hits, stories, began, read)

    def _reply(
        self,
        reader: Reader,
        question: str,
        hits: list[Hit],
        stories: Stories,
        began: float,
        read_spans: Callable[[], list[Span]],
        missing: tuple[str, ...] = (),
        elsewhere: Elsewhere | None = None,
    ) -> Reply:
        retrieved = time.perf_counter()
        spans = read_spans()
        read = time.perf_counter()
        calibration = reader.calibration
        answers = make_answers(
            question,
            spans,
            hits,
            stories,
            calibration,
            self._similarity,
            abilities=self._abilities,
            is_unmentioned=bool(missing),
            elsewhere=elsewhere,
        )
        threshold = calibration.threshold if self._threshold is None else self._threshold
        return Reply(
            question=question,
            answered=bool(answers) and surest(answers) >= threshold,
            answers=answers,
            hits=tuple(hits),
            timings=Timings(
                retrieve=1000 * (retrieved - began),
                read=1000 * (read - retrieved),
                total=1000 * (time.perf_counter() - began),
            ),
            encoder=self.encoder_name,
            reader=reader.name,
            unmentioned=missing,
        )

    @property
    def reading(self) -> Reading:
        """How questions are read here."""
        return Reading(self.reader, self._is_word, self._abilities)

    def _asked(self, question: str) -> Asked:
        """The question as it is searched and read, and the day that its words restrict it to."""
        asked = Asked(question, None)
        if self._abilities.dates:
            asked = period_of(question, date.today())
        if self._abilities.questions:
            asked = replace(asked, question=as_question(asked.question))
        return asked

    def _similarity(self, one: str, other: str) -> float:
        """Cosine of two sentences."""
        texts = [one, other]
        first, second = self._sentences.get(
            texts, lambda places: list(self._encoder.encode_passages([texts[i] for i in places]))
        )
        return float(first @ second)

    def _is_word(self, word: str) -> bool:
        """Whether the encoder knows the word as a whole, or the collection has it."""
        return self._encoder.count_tokens([word]) == [1] or self._index.holds(word)

    def judge(self, question: str, answer: str | None, right: bool, docs: Sequence[str]) -> None:
        """Keep a reader's judgement of an answer that cites `docs`; of None, that there is none.

        Of two judgements of one answer the later counts. InputError if the answer stands in none
        of the articles.
        """
        question = check_question(question)
        cited = self._store.get_many(docs) if answer is not None else []
        if answer is not None and not any(answer in article.text for article in cited):
            raise InputError("the answer stands in none of the articles: ask again, then judge")
        ids = sorted(article.id for article in cited)
        self._store.judge(Judgement(question, answer, right, tuple(ids)))

    def judgements(self) -> list[Judgement]:
        """What readers said of answers, by question and answer."""
        return self._store.judgements()

    def keys(self) -> list[Key]:
        """The API keys that open the collection over HTTP; without one it is for this machine."""
        return self._store.keys()

    def written(self) -> int | None:
        """When the collection was last written, by any process: nanoseconds, a file's clock. None
        where telling would take as long as looking."""
        return self._store.written()

    def verify(self, article_id: str, quote: str, start: int, end: int, sha256: str) -> Verdict:
        """Whether the stored article still has the cited hash, and the quote at its offsets."""
        try:
            article = self._store.get(article_id)
        except NotFoundError:
            return Verdict(False, f"no article '{article_id}' in this collection")
        if article.sha256 != sha256:
            return Verdict(False, "the article's text is not the one that was cited")
        if not 0 <= start < end <= len(article.text) or article.text[start:end] != quote:
            return Verdict(False, f"text[{start}:{end}] is not the quote")
        return Verdict(True, "text and hash agree")


def check_question(question: str) -> str:
    """The question without space around it; InputError if it cannot be asked. Needs no model."""
    question = question.strip()
    if not question:
        raise InputError('the question is empty: ask something, as in "Who visited Tehran?"')
    if any("\ud800" <= character <= "\udfff" for character in question):
        raise InputError("the question holds half of a UTF-16 pair: send it as UTF-8")
    if len(question) > MAX_QUESTION_CHARACTERS:
        raise InputError(
            f"the question has {len(question)} characters, at most {MAX_QUESTION_CHARACTERS} "
            "are read: shorten it"
        )
    return question
