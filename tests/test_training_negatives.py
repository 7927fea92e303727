"""Hard negatives from a search that can be seen through."""

from collections.abc import Sequence

from conftest import article
from tiny import example

from rag.training.examples import Example
from rag.training.negatives import with_negatives
from rag.types import Hit, Passage

TEXT = "Anna saw the Great Storm."


class FakeSearch:
    """Finds these texts in this order, whatever the question; each an article of its own."""

    def __init__(self, *texts: str) -> None:
        self.texts = texts
        self.questions: list[str] = []

    def __call__(self, question: str, limit: int) -> list[Hit]:
        self.questions.append(question)
        articles = [article(text, id=f"other-{n}") for n, text in enumerate(self.texts[:limit])]
        return [
            Hit(Passage(a, 0, len(a.text)), score=1.0 / (1 + rank))
            for rank, a in enumerate(articles)
        ]


def chosen(search: FakeSearch, given: Example, seeds: int = 40) -> set[str]:
    """Texts of the negatives that any seed gives."""
    return {
        negative.text
        for seed in range(seeds)
        for e in with_negatives([given], search, 1.0, seed)
        for negative in e.negatives
    }


def test_a_negative_is_not_of_the_same_text() -> None:
    question = example("Who?", TEXT, ["Anna"])
    # A reprint under another id, and a stranger.
    assert chosen(FakeSearch(TEXT, "Rain fell."), question) == {"Rain fell."}


def test_a_negative_holds_no_answer_however_it_is_written() -> None:
    question = example("What?", TEXT, ["the Great Storm", "Storm"])
    texts = ["A great storm!", "STORM", "Snowstorms came.", "The “storm” passed.", "Rain fell."]
    assert chosen(FakeSearch(*texts), question) == {"Rain fell."}


def test_a_negative_is_one_of_the_six_best_that_are_fit() -> None:
    unfit = ["Anna came."] * 3
    fit = [f"Rain {n}." for n in range(9)]
    question = example("Who?", TEXT, ["Anna"])
    assert chosen(FakeSearch(*unfit, *fit), question) == set(fit[:6])


def test_only_the_twenty_best_are_looked_at() -> None:
    question = example("Who?", TEXT, ["Anna"])
    assert chosen(FakeSearch(*["Anna came."] * 20, "Rain fell."), question, seeds=1) == set()


def test_a_question_for_which_nothing_fit_is_found_stays_as_it_is() -> None:
    question = example("Who?", TEXT, ["Anna"])
    assert list(with_negatives([question], FakeSearch("Anna came."), 1.0, 0)) == [question]
    assert list(with_negatives([question], FakeSearch(), 1.0, 0)) == [question]


def test_nothing_is_looked_for_where_there_is_no_answer() -> None:
    search = FakeSearch("Rain fell.")
    question = example("Who?", TEXT)
    assert list(with_negatives([question], search, 1.0, 0)) == [question]
    assert search.questions == []


MANY = [example(f"Who is {n}?", TEXT, ["Anna"], id=f"q{n}") for n in range(400)]


def negatives(share: float, seed: int) -> Sequence[Example]:
    search = FakeSearch(*(f"Rain {n}." for n in range(9)))
    return list(with_negatives(MANY, search, share, seed))


def test_share_of_questions_with_a_negative() -> None:
    for share, least, most in [(0.0, 0, 0), (0.25, 80, 120), (1.0, 400, 400)]:
        found = negatives(share, seed=0)
        assert [e.id for e in found] == [e.id for e in MANY]
        assert least <= sum(len(e.negatives) for e in found) <= most


def test_the_same_seed_gives_the_same_negatives() -> None:
    assert negatives(0.5, seed=1) == negatives(0.5, seed=1)
    assert negatives(0.5, seed=1) != negatives(0.5, seed=2)
