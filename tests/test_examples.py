"""Gold files as training examples and dev questions; negatives that are kept and found again."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import article

from eval.examples import DEV_QUESTIONS, dev_questions, find_among, training_examples
from eval.gold import Gold, Question
from rag.engine import Dateline
from rag.errors import InputError
from rag.training.examples import Example
from rag.training.prepare import collect, mine

FERRY = article("The ferry sank on Tuesday. Divers found it on Tuesday.", "ferry")
VOTE = article("The vote was held on Friday.", "vote", origin="/news/vote-result.txt")
FIND = find_among([FERRY, VOTE])


def question(
    id: str, *answers: str, docs: Sequence[str], spans: tuple[tuple[int, int], ...] = ()
) -> Question:
    return Question(id, "When?", answers, tuple(docs), spans=spans)


def words(example: Example) -> list[str]:
    return [example.article.text[start:end] for start, end in example.spans]


def test_articles_are_found_by_id_and_by_file() -> None:
    assert FIND(["vote-result", "nowhere", "ferry"]) == [VOTE, FERRY]


def test_every_place_of_an_answer_is_learned() -> None:
    (example,) = training_examples(
        Gold((question("q", "Tuesday", docs=["ferry", "vote"]),)), "ours", FIND
    )
    assert words(example) == ["Tuesday", "Tuesday"]
    assert example.id == "ours:q:ferry"


def test_where_the_file_says_it_stands_only_that_place_is_learned() -> None:
    given = Gold((question("q", "Tuesday", docs=["ferry"], spans=((18, 25),)),), (FERRY,))
    (example,) = training_examples(given, "squad", FIND)
    assert example.spans == ((18, 25),)


def test_offsets_that_lead_elsewhere_are_not_trusted() -> None:
    given = Gold((question("q", "Tuesday", docs=["ferry"], spans=((19, 26),)),), (FERRY,))
    (example,) = training_examples(given, "squad", FIND)
    assert words(example) == ["Tuesday", "Tuesday"]


def test_a_question_without_an_answer_is_learned_as_one() -> None:
    (example,) = training_examples(Gold((question("q", docs=["vote"]),)), "ours", FIND)
    assert example.spans == ()


def test_gold_that_teaches_nothing_is_named() -> None:
    given = Gold((question("q", "Sunday", docs=["ferry"]),))
    with pytest.raises(InputError, match="ours: none of its 1 questions can be learned from"):
        training_examples(given, "ours", FIND)
    with pytest.raises(InputError, match="dev: no question to measure on"):
        dev_questions(Gold((question("q", "Sunday", docs=["nowhere"]),)), "dev", FIND)


def test_dev_questions_are_few_and_the_same_each_time() -> None:
    gold = Gold(tuple(question(f"q{n}", "Tuesday", docs=["ferry"]) for n in range(400)))
    chosen = dev_questions(gold, "dev", FIND)
    assert len(chosen) == DEV_QUESTIONS
    assert chosen == dev_questions(gold, "dev", FIND)


def test_mined_negatives_are_kept_for_the_same_questions_only(
    dateline: Dateline, tmp_path: Path
) -> None:
    storm = article("The storm came on Tuesday.", "storm")
    other = article("A storm was feared on Monday.", "other")
    examples = [Example("q", "When did the storm come?", given, ((18, 25),)) for given in (storm,)]
    told: list[int] = []
    collect(dateline, [*examples, Example("r", "?", other, ())], told.append)
    assert sum(told) == 2
    mined = mine(dateline, examples, 1.0, 0, tmp_path, told.append)
    assert [n.text for e in mined for n in e.negatives] == [other.text]
    (kept,) = tmp_path.glob("negatives-*.jsonl")
    again = mine(dateline, examples, 1.0, 0, tmp_path, told.append)
    assert [[n.text for n in e.negatives] for e in again] == [[other.text]]
    mine(dateline, examples, 0.0, 0, tmp_path, told.append)
    assert len(list(tmp_path.glob("negatives-*.jsonl"))) == 2
    assert kept.exists()
