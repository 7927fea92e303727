"""Articles come in: new, changed, known, one of two of a name, and whatever interrupts it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Thread

import pytest
from conftest import FakeEncoder, FakeReader, article
from news import NEWS, STORM, VOTE, answered, ids, ingest, open_again

from embeddings.encoder import Vectors
from rag.embedding import embedded_text
from rag.engine import Dateline
from rag.errors import NotFoundError
from rag.index import EmbeddedIndex
from rag.store import Store
from rag.types import Article, Ingested, Passage, Skipped

# --- articles in


def test_articles_are_added_and_can_be_asked_at_once(dateline: Dateline) -> None:
    assert ingest(dateline, *NEWS) == [("storm", "added"), ("vote", "added")]
    assert dateline.article("storm") == STORM
    assert dateline.counts() == (2, 2)
    assert answered(dateline) == ["Tuesday", "Friday"]


def test_ingesting_again_changes_nothing(dateline: Dateline, store: Store) -> None:
    ingest(dateline, *NEWS)
    seq, hits = store.seq, dateline.search("storm")
    assert ingest(dateline, *NEWS) == [("storm", "unchanged"), ("vote", "unchanged")]
    assert store.seq == seq
    assert dateline.search("storm") == hits


def test_the_same_article_twice_in_one_batch_is_one(dateline: Dateline) -> None:
    assert ingest(dateline, STORM, STORM) == [("storm", "added"), ("storm", "unchanged")]
    newer = replace(STORM, text="Newer.")
    assert ingest(dateline, VOTE, newer, STORM, newer) == [
        ("vote", "added"),
        ("storm", "updated"),
        ("storm", "updated"),
        ("storm", "updated"),
    ]
    assert dateline.article("storm").text == "Newer."


def test_a_changed_article_replaces_the_old_one(dateline: Dateline) -> None:
    ingest(dateline, STORM)
    changed = replace(STORM, text=STORM.text.replace("Tuesday", "Monday"))
    assert ingest(dateline, changed) == [("storm", "updated")]
    assert dateline.articles() == [changed]
    assert answered(dateline) == ["Monday"]


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Gale"},
        {"title": None},
        {"published": date(2024, 1, 1)},
        {"source": "Post"},
        {"byline": "Bo Li"},
        {"url": "https://news.example/1"},
        {"language": "en"},
        {"removed": ("Share",)},
    ],
    ids=str,
)
def test_new_metadata_alone_is_an_update(dateline: Dateline, change: dict[str, object]) -> None:
    ingest(dateline, STORM)
    changed = replace(STORM, **change)
    assert ingest(dateline, changed) == [("storm", "updated")]
    assert dateline.article("storm") == changed
    assert ingest(dateline, changed) == [("storm", "unchanged")]


def test_what_was_skipped_is_passed_on_in_its_place(dateline: Dateline) -> None:
    first, last = Skipped("bad.txt", "empty"), Skipped("worse.txt", "no text")
    added = [Ingested("storm", "added"), Ingested("vote", "added")]
    fates = list(dateline.ingest([first, STORM, last, VOTE]))
    assert fates == [first, added[0], last, added[1]]
    assert list(dateline.ingest([first] * 100)) == [first] * 100
    assert list(dateline.ingest([])) == []


# --- files of one name


def file(folder: str, text: str, name: str = "index") -> Article:
    return article(text, name, origin=f"/{folder}/{name}.html")


@pytest.mark.parametrize("batches", [1, 2])
def test_two_files_of_one_name_are_two_articles(dateline: Dateline, batches: int) -> None:
    files = [file("monday", "The storm came."), file("friday", "The vote was lost.")]
    fates = [
        fate
        for batch in ([files] if batches == 1 else [[f] for f in files])
        for fate in ingest(dateline, *batch)
    ]
    (first, _), (second, _) = fates
    assert first == "index"
    assert second.startswith("index-")
    assert [status for _, status in fates] == ["added", "added"]
    assert dateline.article(first) == files[0]
    assert dateline.article(second) == replace(files[1], id=second)
    assert len(dateline.find_articles(["index"])) == 2


def test_a_file_given_again_updates_its_own_article(dateline: Dateline) -> None:
    monday, friday = file("monday", "The storm came."), file("friday", "The vote was lost.")
    fates = dict(ingest(dateline, monday, friday))
    again = ingest(dateline, friday, monday)
    assert again == [(id, "unchanged") for id in reversed(fates)]
    changed = file("friday", "The vote was won.")
    (_, other) = fates
    assert ingest(dateline, changed, monday) == [(other, "updated"), ("index", "unchanged")]
    assert dateline.article(other).text == "The vote was won."
    assert dateline.counts()[0] == 2


def test_one_file_given_twice_at_once_is_one_article(dateline: Dateline) -> None:
    monday, friday = file("monday", "The storm came."), file("friday", "The vote was lost.")
    fates = ingest(dateline, monday, monday, friday, friday)
    assert [status for _, status in fates] == ["added", "unchanged", "added", "unchanged"]
    assert dateline.counts()[0] == 2


def test_a_moved_file_is_the_same_article(dateline: Dateline) -> None:
    ingest(dateline, file("old", "The storm came."))
    assert ingest(dateline, file("new", "The storm came.")) == [("index", "unchanged")]
    assert dateline.counts()[0] == 1


# --- interruption


def test_what_was_yielded_before_an_interruption_is_kept(
    dateline: Dateline, tmp_path: Path
) -> None:
    def articles() -> Iterator[Article]:
        for n in range(75):
            yield article(f"The storm number {n} came.", f"n{n}")
        raise KeyboardInterrupt

    kept: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        kept.extend(f.article_id for f in dateline.ingest(articles()) if isinstance(f, Ingested))
    assert 0 < len(kept) <= 75
    assert ids(dateline) == sorted(kept)
    again = open_again(tmp_path / "data")
    assert ids(again) == sorted(kept)
    assert len(again.search("storm number 3", limit=100)) == len(kept)
    again.close()


def test_who_stops_listening_keeps_what_was_told(dateline: Dateline) -> None:
    fates = dateline.ingest(article("The storm came.", f"n{n}") for n in range(1000))
    told = next(fates)
    assert isinstance(told, Ingested)
    fates.close()
    assert told.article_id in ids(dateline)
    assert len(ids(dateline)) < 1000
    assert dateline.search("storm")


class WatchedEncoder(FakeEncoder):
    """Remembers how many texts it was given at a time."""

    def __init__(self) -> None:
        self.embedded: list[int] = []
        self.counted: list[int] = []

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        self.embedded.append(len(texts))
        return super().encode_passages(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        self.counted.append(len(texts))
        return super().count_tokens(texts)


def test_an_article_however_large_is_tokenised_in_portions(
    store: Store, index: EmbeddedIndex
) -> None:
    watched = WatchedEncoder()
    dateline = Dateline(store, index, watched, FakeReader)
    huge = " ".join(["The storm went on and on and on for days."] * 20_000)
    list(dateline.ingest([article(huge)]))
    assert dateline.counts() == (1, sum(watched.embedded))
    assert sum(watched.counted) == 20_000
    assert max(watched.embedded + watched.counted) == 512


def test_an_interrupted_ingest_goes_on_and_embeds_nothing_twice(
    store: Store, index: EmbeddedIndex
) -> None:
    watched = WatchedEncoder()
    dateline = Dateline(store, index, watched, FakeReader)
    articles = [article("A storm.", id=f"a{n}") for n in range(100)]

    def broken_off() -> Iterator[Article]:
        yield from articles[:70]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(dateline.ingest(broken_off()))
    kept = dateline.counts()[0]
    assert 0 < kept < 100
    assert sum(watched.embedded) == kept
    list(dateline.ingest(articles))
    assert dateline.counts() == (100, 100)
    assert sum(watched.embedded) == 100


def test_racing_ingests_of_one_article_leave_one(dateline: Dateline) -> None:
    threads = [Thread(target=ingest, args=(dateline, *NEWS)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ids(dateline) == ["storm", "vote"]
    assert dateline.counts() == (2, 2)
    assert len(dateline.search("storm")) == 2


# --- deletion


def test_a_deleted_article_answers_no_more(dateline: Dateline, tmp_path: Path) -> None:
    ingest(dateline, *NEWS)
    other = open_again(tmp_path / "data")
    assert answered(other) == ["Tuesday", "Friday"]
    dateline.delete("storm")
    for each in (dateline, other):
        assert answered(each) == ["Friday"]
        with pytest.raises(NotFoundError, match="no article 'storm'"):
            each.article("storm")
    other.close()
    with pytest.raises(NotFoundError, match="no article 'storm'"):
        dateline.delete("storm")
    assert ingest(dateline, STORM) == [("storm", "added")]
    assert answered(dateline) == ["Tuesday", "Friday"]


def test_the_last_article_may_go(dateline: Dateline) -> None:
    ingest(dateline, STORM)
    dateline.delete("storm")
    assert dateline.counts() == (0, 0)
    assert dateline.ask("When did the storm come?").answers == ()


# --- what is embedded


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "Rain fell."),
        ({"title": "Rain"}, "Rain\nRain fell."),
        ({"published": date(2024, 2, 9)}, "9 February 2024\nRain fell."),
        ({"title": "Rain", "published": date(2024, 12, 31)}, "Rain\n31 December 2024\nRain fell."),
        ({"title": "", "source": "Post"}, "Rain fell."),
    ],
    ids=str,
)
def test_title_and_date_stand_before_an_embedded_passage(
    fields: dict[str, object], expected: str
) -> None:
    given = article("Dry before. Rain fell.", **fields)
    assert embedded_text(Passage(given, 12, 22)) == expected


def test_a_passage_is_found_by_its_articles_title(dateline: Dateline) -> None:
    ingest(dateline, article("He said so.", "a", title="Match"), article("She said so.", "b"))
    for query in ("match", "the match"):
        assert dateline.search(query)[0].passage.article.id == "a"
