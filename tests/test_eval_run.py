import io
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from rich.console import Console

from eval.gold import Gold, Question
from eval.outcome import holds, is_relevant
from eval.run import evaluate, require_articles
from eval.table import format_table
from rag.errors import InputError, ModelError
from rag.types import Answer, Article, Citation, Hit, Interval, Passage, Reply, Timings

CUP = Article("a", "Ann Bell won the cup on Tuesday.", origin="/news/cup.txt")
RAIN = Article("b", "Bob says that the U.S.-led talks failed.", origin="/news/rain.html")
COPY = Article("c", "Ann Bell won the cup on Tuesday. (Agency)")
EMPTY: dict[str, Any] = {"exact_match": None, "f1": None}
RANKS = ("recall@1", "recall@5", "recall@10", "mrr")


def hit(article: Article) -> Hit:
    return Hit(Passage(article, 0, len(article.text)), 1.0)


def answer(
    text: str,
    confidence: float,
    when: Interval | None = None,
    sources: int = 1,
    disputed: bool = False,
) -> Answer:
    """Cites the cup, with its copy as a reprint."""
    citation = Citation(CUP, 0, 3, 0, 3, reprints=(COPY,))
    return Answer(text, confidence, (citation,), sources, when, disputed)


def reply(
    *answers: Answer, answered: bool = True, read: Sequence[Article] = (CUP,), total: float = 10
) -> Reply:
    hits = tuple(hit(article) for article in read)
    return Reply("?", answered, answers, hits, Timings(0, 0, total), "encoder", "reader")


class FakeEngine:
    """Says what it was told to say to each question; an exception is raised."""

    def __init__(self, says: dict[str, Any], articles: Sequence[Article] = ()) -> None:
        self.says = says
        self.articles = articles
        self.read_articles: list[Sequence[Article]] = []

    def ask(self, question: str, top_k: int | None = None) -> Reply:
        if isinstance(self.says[question], BaseException):
            raise self.says[question]
        return self.says[question]

    def search(self, query: str, limit: int = 10) -> list[Hit]:
        if isinstance(self.says[query], BaseException):
            raise self.says[query]
        return [hit(article) for article in self.says[query]][:limit]

    def read(self, question: str, articles: Sequence[Article]) -> Reply:
        self.read_articles.append(articles)
        return self.ask(question)

    def find_articles(self, docs: Sequence[str]) -> list[Article]:
        return [article for article in self.articles if is_relevant(article, docs)]


def question(id: str, *answers: str, docs: tuple[str, ...] = ("cup",), **more: Any) -> Question:
    return Question(id, id, answers, docs, **more)


def run(says: dict[str, Any], *questions: Question, mode: str = "end-to-end") -> dict[str, Any]:
    result = evaluate(FakeEngine(says, [CUP, RAIN]), Gold(questions), mode)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    return result


# Exact match, F1: right 1, 1; half 0, 2/3; held back 0, 0 (forced 1, 1); unread 0, 0; silent 1, 1;
# chatty 0, 0; broken and broken too 0, 0.
QUESTIONS = (
    question("right", "Ann", docs=("a", "b")),
    question("half", "Ann Bell"),
    question("held back", "Tuesday"),
    question("unread", "Bob", docs=("rain",)),
    question("silent", docs=()),
    question("chatty", docs=(), kind="trap"),
    question("broken", "Ann", docs=("a",)),
    question("broken too", docs=()),
)
SAYS = {
    "right": reply(answer("Ann", 0.9), answer("Bob", 0.1), read=[CUP, RAIN, CUP], total=10),
    "half": reply(answer("Ann", 0.7), read=[RAIN, CUP], total=20),
    "held back": reply(answer("Tuesday", 0.4), answered=False, total=30),
    "unread": reply(answer("Ann", 0.6), total=40),
    "silent": reply(answered=False, total=50),
    "chatty": reply(answer("Ann", 0.5), total=60),
    "broken": ModelError("no model"),
    "broken too": ModelError("no model"),
}


def test_an_article_folded_into_its_story_was_found() -> None:
    read = reply(answer("Bob", 0.9), read=[COPY])
    read = replace(read, hits=(replace(read.hits[0], folded=(CUP,)),))
    (prediction,) = run({"q": read}, question("q", "Ann"))["predictions"]
    assert prediction["retrieved"] == ["c", "a"]
    assert prediction["gold_rank"] == 2
    assert prediction["blame"] == "reading"


def test_end_to_end_by_hand() -> None:
    result = run(SAYS, *QUESTIONS)
    assert result["mode"] == "end-to-end"
    assert result["questions"] == 8
    assert result["exact_match"] == pytest.approx(2 / 8)
    assert result["f1"] == pytest.approx((1 + 2 / 3 + 1) / 8)
    assert result["answerable"] == {
        "questions": 5,
        "exact_match": pytest.approx(1 / 5),
        "f1": pytest.approx((1 + 2 / 3) / 5),
        "answered": pytest.approx(3 / 5),
    }
    assert result["unanswerable"] == {"questions": 3, "abstained": pytest.approx(1 / 3)}
    assert result["forced"]["exact_match"] == pytest.approx(2 / 5)
    assert result["forced"]["f1"] == pytest.approx((1 + 2 / 3 + 1) / 5)
    # The ranks of the first relevant article: 1, 2, 1, none, none.
    assert result["retrieval"] == {
        "recall@1": pytest.approx(2 / 5),
        "recall@5": pytest.approx(3 / 5),
        "recall@10": pytest.approx(3 / 5),
        "mrr": pytest.approx((1 + 1 / 2 + 1) / 5),
    }
    # Judged are "right" (cup and copy cited, cup and rain named) and "half" (cup named).
    assert result["citations"] == {
        "precision": pytest.approx((1 / 2 + 1 / 2) / 2),
        "recall": pytest.approx((1 / 2 + 1) / 2),
    }
    assert result["when"] == {"questions": 0, "accuracy": None, "accuracy_of_right": None}
    assert result["independent_sources"] == {"questions": 0, "accuracy": None}
    assert result["disputed"] == {"questions": 0, "precision": None, "recall": None}
    # Confidences .9 .7 .4 .6 0 against forced exact matches 1 0 1 0 0, each in its own bin of 15.
    assert result["calibration"]["ece"] == pytest.approx((0.1 + 0.7 + 0.6 + 0.6 + 0) / 5)
    # Most confident first: wrong ones 0/1, 1/2, 2/3, 2/4, 3/5.
    assert result["calibration"]["aurc"] == pytest.approx((0 + 1 / 2 + 2 / 3 + 1 / 2 + 3 / 5) / 5)
    # Above 0, .5 and 0: .9 .7 .6 all three, .4 two, and 0 level with two.
    assert result["calibration"]["auroc"] == pytest.approx((9 + 2 + 1) / 15)
    # Over all questions, where the three that have no answer are wrong at .0 .5 .0.
    assert result["calibration"]["ece_all"] == pytest.approx((0.1 + 0.7 + 0.6 + 0.6 + 0.5) / 8)
    # Their two zeros are level with that of "broken".
    risks = (0, 1 / 2, 2 / 3, 3 / 4, 3 / 5, 4 / 6, 5 / 7, 6 / 8)
    assert result["calibration"]["aurc_all"] == pytest.approx(sum(risks) / 8)
    assert result["blame"] == {
        "retrieval": 1,
        "reading": 1,
        "abstention": 2,
        "gold": 0,
        "error": 2,
    }
    assert result["models"] == {"encoder": "encoder", "reader": "reader"}
    assert result["latency_ms"]["p50"] == pytest.approx(35)  # of 10, 20, 30, 40, 50, 60
    for name, center in (("exact_match", 2 / 8), ("f1", 1 / 3), ("forced_f1", 2.667 / 5)):
        low, high = result["intervals_95"][name]
        assert 0 <= low <= center <= high <= 1


def test_predictions_show_what_was_said() -> None:
    predictions = {p["id"]: p for p in run(SAYS, *QUESTIONS)["predictions"]}
    assert predictions["right"] == {
        "id": "right",
        "question": "right",
        "kind": None,
        "answers": ["Ann"],
        "prediction": "Ann",
        "candidate": "Ann",
        "confidence": 0.9,
        "exact_match": 1.0,
        "f1": 1.0,
        "forced_f1": 1.0,
        "docs": ["a", "b"],
        "retrieved": ["a", "b"],
        "gold_rank": 1,
        "cited": ["a", "c"],
        "independent_sources": 1,
        "disputed": False,
        "when": None,
        "blame": None,
        "latency_ms": 10,
        "error": None,
    }
    assert predictions["half"]["gold_rank"] == 2
    assert predictions["unread"]["gold_rank"] is None
    held_back = predictions["held back"]
    assert held_back["prediction"] is None
    assert held_back["candidate"] == "Tuesday"
    assert (held_back["f1"], held_back["forced_f1"]) == (0, 1)
    assert predictions["chatty"]["kind"] == "trap"
    assert predictions["chatty"]["forced_f1"] is None
    assert predictions["broken"]["error"] == "no model"
    blames = {id: p["blame"] for id, p in predictions.items() if p["blame"] is not None}
    assert blames == {
        "half": "reading",
        "held back": "abstention",
        "unread": "retrieval",
        "chatty": "abstention",
        "broken": "error",
        "broken too": "error",
    }


@pytest.mark.parametrize(
    ("gold", "docs", "read", "blame"),
    [
        ("Ann Bell", ("cup",), [CUP], "reading"),
        ("Ann Bell", ("cup",), [RAIN, COPY], "retrieval"),  # held, but by no gold article
        ("ann-bell", (), [COPY], "reading"),  # no article named: the words decide
        ("U.S.", ("rain",), [RAIN], "reading"),
        ("Ann", ("cup",), [], "retrieval"),
        ("Be", ("cup",), [CUP], "gold"),  # words, not letters
        ("Wednesday", ("cup",), [CUP], "gold"),
        ("Bob", ("cup",), [RAIN], "gold"),  # stands somewhere, but not where the gold says
        ("Bob", ("cup", "rain"), [CUP], "retrieval"),  # one of them is enough
        ("Ann", ("elsewhere",), [CUP], "gold"),  # the collection holds no such article
        ("Wednesday", (), [CUP], "retrieval"),  # no article named: the gold cannot be checked
    ],
)
def test_blame(gold: str, docs: tuple[str, ...], read: list[Article], blame: str) -> None:
    says = {"q": reply(answer("nobody", 0.9), read=read)}
    assert run(says, question("q", gold, docs=docs))["predictions"][0]["blame"] == blame


def test_gold_is_not_blamed_for_what_was_right_or_has_no_answer() -> None:
    says = {"held back": reply(answer("Wednesday", 0.4), answered=False), "trap": SAYS["chatty"]}
    result = run(says, question("held back", "Wednesday"), question("trap"))
    assert [p["blame"] for p in result["predictions"]] == ["abstention", "abstention"]


def test_gold_is_blamed_in_every_mode() -> None:
    lost = question("q", "Wednesday")
    assert run({"q": [RAIN]}, lost, mode="retrieval")["blame"]["gold"] == 1
    assert run({"q": reply(answer("Ann", 0.9))}, lost, mode="reader")["blame"]["gold"] == 1


def test_gold_of_squad_is_looked_up_in_its_own_paragraphs() -> None:
    engine = FakeEngine({"q": reply(answer("nobody", 0.9), read=[COPY])})
    squad = Gold((question("q", "Ann", docs=("c",)),), articles=(RAIN, COPY))
    assert evaluate(engine, squad, "end-to-end")["blame"]["reading"] == 1
    squad = Gold((question("q", "Ann", docs=("b",)),), articles=(RAIN, COPY))
    assert evaluate(engine, squad, "end-to-end")["blame"]["gold"] == 1


def test_words_are_held_however_they_are_cut() -> None:
    assert holds("the U.S.-led talks", "U.S.")
    assert holds("Stuart's car", "Stuarts")  # as exact match has it
    assert holds("Stuart's car", "Stuart")
    assert not holds("the talks", "talk")
    assert not holds("the talks", "…")


def test_citations_are_judged_only_where_the_answer_is_right_and_articles_are_named() -> None:
    says = {"wrong": reply(answer("Bob", 0.9)), "nameless": reply(answer("Ann", 0.9))}
    result = run(says, question("wrong", "Ann"), question("nameless", "Ann", docs=()))
    assert result["citations"] == {"precision": None, "recall": None}
    assert result["retrieval"]["mrr"] == 1  # of "wrong" alone


def test_when_must_be_given_and_exact() -> None:
    tuesday = Interval(date(2023, 12, 5), date(2023, 12, 5))
    says = {
        "right": reply(answer("Tuesday", 0.9, tuesday)),
        "undated": reply(answer("Tuesday", 0.9)),
        "held back": reply(answer("Tuesday", 0.2, tuesday), answered=False),
        "too long": reply(answer("Tuesday", 0.9, Interval(tuesday.start, date(2023, 12, 6)))),
    }
    questions = [question(id, "Tuesday", when="2023-12-05") for id in says]
    says["wrong"] = says["right"]
    result = run(says, *questions, question("wrong", "Friday", when="2023-12-05"))
    # "right" and "wrong" are given and have the days; of the four right candidates, two have them.
    assert result["when"] == {"questions": 5, "accuracy": 2 / 5, "accuracy_of_right": 2 / 4}
    days = [p["when"] for p in result["predictions"]]
    assert days == ["2023-12-05", None, "2023-12-05", "2023-12-05/2023-12-06", "2023-12-05"]


def test_sources_are_counted_where_the_best_candidate_is_right() -> None:
    says = {
        "two": reply(answer("Ann", 0.9, sources=2)),
        "held back": reply(answer("Ann", 0.2, sources=2), answered=False),
        "one": reply(answer("Ann", 0.9)),
        "wrong": reply(answer("Bob", 0.9, sources=2)),
        "silent": reply(answered=False),
        "not judged": reply(answer("Ann", 0.9)),
    }
    counts = {"not judged": None}
    result = run(says, *(question(id, "Ann", independent_sources=counts.get(id, 2)) for id in says))
    assert result["independent_sources"] == {"questions": 3, "accuracy": pytest.approx(2 / 3)}


def test_disputes_are_judged_where_the_gold_says_whether_there_is_one() -> None:
    says = {
        "seen": reply(answer("Ann", 0.9, disputed=True)),
        "missed": reply(answer("Ann", 0.9)),
        "silent": reply(answered=False),
        "false alarm": reply(answer("Ann", 0.9, disputed=True)),
        "calm": reply(answer("Ann", 0.9)),
        "not judged": reply(answer("Ann", 0.9, disputed=True)),
    }
    gold = {"false alarm": False, "calm": False, "not judged": None}
    result = run(says, *(question(id, "Ann", disputed=gold.get(id, True)) for id in says))
    assert result["disputed"] == {
        "questions": 3,
        "precision": 1 / 2,
        "recall": pytest.approx(1 / 3),
    }


def test_retrieval_counts_articles_not_passages() -> None:
    many = [Article(f"x{n}", "x") for n in range(10)]
    says = {
        "second": [COPY, COPY, COPY, RAIN],
        "sixth": [*many[:5], RAIN],
        "eleventh": [*many, RAIN],
        "broken": ModelError("no model"),
        "unanswerable": [RAIN],
    }
    questions = [question(id, "Bob", docs=("rain",)) for id in says if id != "unanswerable"]
    result = run(says, *questions, question("unanswerable"), mode="retrieval")
    assert result["retrieval"] == {
        "recall@1": 0,
        "recall@5": 1 / 4,
        "recall@10": 2 / 4,
        "mrr": pytest.approx((1 / 2 + 1 / 6) / 4),
    }
    blames = {"retrieval": 1, "reading": 0, "abstention": 0, "gold": 0, "error": 1}
    assert result["blame"] == blames
    assert result["questions"] == 5
    assert result["exact_match"] is None
    assert result["answerable"] == EMPTY | {"questions": 4, "answered": None}
    assert result["unanswerable"] == {"questions": 1, "abstained": None}
    assert result["forced"] == EMPTY
    assert result["citations"] == {"precision": None, "recall": None}
    assert set(result["calibration"].values()) == {None}
    intervals = result["intervals_95"]
    assert {name for name in intervals if intervals[name] is not None} == set(RANKS)
    assert intervals["recall@1"] == [0, 0]
    assert intervals["recall@10"][0] <= 2 / 4 <= intervals["recall@10"][1]
    assert result["latency_ms"]["p50"] >= 0
    assert result["predictions"][0]["retrieved"] == ["c", "b"]
    assert result["predictions"][0]["exact_match"] is None


def test_reader_reads_the_gold_articles_whole() -> None:
    engine = FakeEngine({"q": reply(answer("Ann", 0.9))}, [CUP, RAIN])
    result = evaluate(engine, Gold((question("q", "Ann", docs=("b", "cup")),)), "reader")
    assert engine.read_articles == [[CUP, RAIN]]
    assert result["exact_match"] == 1
    assert set(result["retrieval"].values()) == {None}
    assert result["citations"] == {"precision": None, "recall": None}

    squad = Gold((question("q", "Ann", docs=("c",)),), articles=(RAIN, COPY))
    evaluate(engine, squad, "reader")
    assert engine.read_articles[-1] == [COPY]


def test_reader_without_anything_to_read() -> None:
    nothing = question("nothing", docs=())
    lost = question("lost", docs=("elsewhere",))
    result = run({}, nothing, lost, question("asked", "Ann", docs=()), mode="reader")
    abstained, failed, wrong = result["predictions"]
    assert (abstained["exact_match"], abstained["confidence"], abstained["error"]) == (1, 0, None)
    assert failed["exact_match"] == 0
    assert "elsewhere" in failed["error"]
    assert wrong["blame"] == "error"
    assert result["unanswerable"] == {"questions": 2, "abstained": 1 / 2}
    assert result["latency_ms"] == {"p50": None, "p95": None, "p99": None}


def test_only_datelines_own_errors_are_counted() -> None:
    with pytest.raises(KeyboardInterrupt):
        run({"q": KeyboardInterrupt()}, question("q", "Ann"))
    with pytest.raises(ZeroDivisionError):
        run({"q": ZeroDivisionError()}, question("q", "Ann"))


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(InputError, match="'oracle'; expected one of: end-to-end, reader"):
        run(SAYS, *QUESTIONS, mode="oracle")


def test_progress_is_told_after_every_question() -> None:
    told: list[int] = []
    evaluate(FakeEngine(SAYS), Gold(QUESTIONS), "end-to-end", on_progress=told.append)
    assert told == [1, 2, 3, 4, 5, 6, 7, 8]


def test_gold_of_which_the_collection_holds_nothing_is_refused() -> None:
    lost = question("lost", "Ann", docs=("moon", "sun"))
    with pytest.raises(InputError, match=r"none of the 2 articles .*'moon'.* --data-dir"):
        require_articles(FakeEngine({}, [CUP]), Gold((lost,)))
    require_articles(FakeEngine({}, [CUP]), Gold((lost, question("found", "Ann"))))
    require_articles(FakeEngine({}, [CUP]), Gold((question("trap", docs=()),)))


def test_articles_are_named_by_id_or_stem() -> None:
    assert is_relevant(CUP, ["x", "a"])
    assert is_relevant(CUP, ["cup"])
    assert not is_relevant(CUP, ["cup.txt", "/news/cup.txt"])
    assert not is_relevant(COPY, ["a", "None"])


def shown(result: dict[str, Any], **how: int) -> str:
    console = Console(file=io.StringIO(), width=140)
    console.print(format_table(result, **how))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_table_shows_the_figures_and_the_worst_misses_first() -> None:
    markup = question("[bold]Who?[/]", "Bob")
    says = SAYS | {markup.question: reply(answer("Ann", 0.95))}
    result = run(says, *QUESTIONS, markup)
    text = shown(result)
    assert "end-to-end: 9 questions" in text
    assert "0.222" in text  # exact match, 2 of 9
    assert "missed by abstention" in text
    assert "the worst 7 of 7 misses" in text
    assert "(not given: Tuesday)" in text
    assert "(error: no model)" in text
    # Wrong and sure of it comes first, half right last.
    assert text.index("[bold]Who?[/]") < text.index("│ unread") < text.index("│ half")
    assert "the worst 1 of 7 misses" in shown(result, worst=1)
    assert "misses" not in shown(run(SAYS, QUESTIONS[0]))


def test_table_shows_each_kind_and_what_was_switched_off() -> None:
    questions = [question("right", "Ann", kind="who"), question("held back", "Tuesday", kind="[b]")]
    result = run(SAYS, *questions)
    assert "without" not in shown(result)
    text = shown(result | {"without": ["stories", "names"]})
    assert "end-to-end: 2 questions, without stories and names" in text
    assert re.search(r"│ who +│ +1 │ 1\.000 │ +1\.000–1\.000 │ +1\.000 │", text)
    assert re.search(r"│ \[b\] +│ +1 │ 0\.000 │ +0\.000–0\.000 │ +1\.000 │", text)
    assert "own kinds" not in shown(run(SAYS, QUESTIONS[0]))


def test_table_of_retrieval_has_dashes_for_what_it_cannot_say() -> None:
    says = {"q": [CUP], "missed": [CUP]}
    questions = (question("q", "Ann"), question("missed", "Bob", docs=("rain",)))
    text = shown(run(says, *questions, mode="retrieval"))
    assert "–" in text
    assert "0.500" in text
    assert "missed" in text
