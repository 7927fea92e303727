import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from eval.gold import Question, load_gold, parse_when
from rag.errors import InputError
from rag.types import Interval

ROW = {"id": "1", "question": "Who won?", "answers": ["Ann"], "docs": ["a"]}


def squad(*qas: dict[str, Any], context: str = "Ann won  on Tuesday.\n") -> dict[str, Any]:
    paragraphs = [{"context": "Rain."} | {"qas": []}, {"context": context, "qas": list(qas)}]
    return {"version": "v2.0", "data": [{"title": "The_Cup", "paragraphs": paragraphs}]}


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "gold.txt"  # the suffix says nothing: the content decides
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def lines(*rows: Any) -> str:
    return "\n".join(json.dumps(row) for row in rows)


def test_json_lines(tmp_path: Path) -> None:
    full = {**ROW, "id": "2", "answers": [], "docs": [], "when": "2023-12-05", "kind": "who"}
    gold = load_gold(write(tmp_path, lines(ROW) + "\r\n\n" + lines(full) + "\n"))
    assert gold.articles == ()
    assert gold.questions == (
        Question("1", "Who won?", ("Ann",), ("a",)),
        Question("2", "Who won?", (), (), "2023-12-05", "who"),
    )


def test_what_the_answer_should_say_of_itself_is_read(tmp_path: Path) -> None:
    rows = [
        ROW | {"id": "2", "independent_sources": 3, "disputed": True},
        ROW | {"id": "3", "independent_sources": None, "disputed": False},
    ]
    questions = load_gold(write(tmp_path, lines(ROW, *rows))).questions
    assert [(q.independent_sources, q.disputed) for q in questions] == [
        (None, None),
        (3, True),
        (None, False),
    ]


def test_one_line_of_json_lines_is_not_taken_for_squad(tmp_path: Path) -> None:
    assert len(load_gold(write(tmp_path, lines(ROW))).questions) == 1


def test_line_separators_inside_a_string_do_not_end_the_line(tmp_path: Path) -> None:
    row = json.dumps({**ROW, "question": "Who\u2028won?\x85"}, ensure_ascii=False)
    assert load_gold(write(tmp_path, row)).questions[0].question == "Who\u2028won?\x85"


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lambda data: b"\xef\xbb\xbf" + data])
@pytest.mark.parametrize("indent", [None, 2])
def test_squad(tmp_path: Path, pack: Any, indent: int | None) -> None:
    document = squad(
        {"id": "q1", "question": "Who won?", "answers": [{"text": "Ann"}, {"text": "Ann"}]},
        {"id": "q2", "question": "Who lost?", "answers": [], "is_impossible": True},
        {"id": "q3", "question": "Why?", "answers": [{"text": "Ann"}], "is_impossible": True},
    )
    gold = load_gold(write(tmp_path, pack(json.dumps(document, indent=indent).encode())))
    assert [(a.id, a.title, a.text) for a in gold.articles] == [
        ("0-0", "The Cup", "Rain."),
        ("0-1", "The Cup", "Ann won  on Tuesday.\n"),
    ]
    assert gold.questions == (
        Question("q1", "Who won?", ("Ann",), ("0-1",)),
        Question("q2", "Who lost?", (), ("0-1",)),
        Question("q3", "Why?", (), ("0-1",)),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        (b"\xff\xfe", "byte 0 is not UTF-8"),
        (gzip.compress(b"{}" * 99)[:-9], "broken gzip"),
        (lines(*({**ROW, "id": str(n)} for n in range(6))) + "\n{oops", "line 7: not JSON"),
        ("[1]", "line 1: the value is [1]; expected an object"),
        ("[" * 100_000, "line 1: not JSON"),
        (lines({"id": "1", "answers": [], "docs": []}), "line 1: 'question' is missing"),
        (lines(ROW | {"id": 1}), "line 1: 'id' is 1; expected a string"),
        (lines(ROW | {"question": " "}), "line 1: 'question' is"),
        (lines(ROW | {"question": "\ud800?"}), "half a character"),
        (lines(ROW | {"answers": "Ann"}), "line 1: 'answers' is \"Ann\"; expected a list"),
        (lines(ROW | {"answers": ["Ann", None]}), "'answers'[1] is null"),
        (lines(ROW | {"when": "Tuesday"}), "'when' is \"Tuesday\"; expected a day such as"),
        (lines(ROW | {"kind": 3}), "'kind' is 3; expected a string"),
        (lines(ROW | {"disputed": 1}), "'disputed' is 1; expected true or false"),
        (lines(ROW | {"independent_sources": 0}), "'independent_sources' is 0; expected 1 or more"),
        (lines(ROW | {"independent_sources": True}), "is true; expected 1 or more"),
        (lines(ROW | {"independent_sources": "2"}), 'is "2"; expected a whole number'),
        (lines(ROW) + "\n\n" + lines(ROW), 'line 3: id "1" is taken by'),
        (json.dumps({"data": []}), "no question"),
        (json.dumps({"data": 3}), "'data' is 3; expected a list"),
        (json.dumps({"data": [{}]}), "data[0]: 'paragraphs' is missing (found \"no field\")"),
        (json.dumps(squad({"id": "q"})), "data[0].paragraphs[1].qas[0]: 'answers' is missing"),
        (
            json.dumps(squad({"id": "q", "answers": [{"text": 3}], "question": "?"})),
            "data[0].paragraphs[1].qas[0].answers[0]: 'text' is 3; expected a string",
        ),
        (
            json.dumps(squad({"id": "q", "question": "?", "is_impossible": "no"})),
            "'is_impossible' is \"no\"; expected true or false",
        ),
        (
            json.dumps(squad(*[{"id": "q", "question": "?", "answers": []}] * 2)),
            'qas[1]: id "q" is taken by',
        ),
    ],
)
def test_what_is_not_gold_is_refused_on_one_line(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError) as caught:
        load_gold(path)
    said = str(caught.value)
    assert said.startswith(str(path))
    assert message in said
    assert "\n" not in said
    assert len(said.encode()) < 400 + len(str(path)) * 2


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: No such file"):
        load_gold(tmp_path / "nowhere")
    with pytest.raises(InputError, match="directory"):
        load_gold(tmp_path)


def test_parse_when() -> None:
    fifth = date(2023, 12, 5)
    assert parse_when("2023-12-05") == Interval(fifth, fifth)
    assert parse_when("2023-12-01/2023-12-05") == Interval(date(2023, 12, 1), fifth)
    for wrong in ("2023-12", "", "2023-12-05/", "2023-12-05/2023-12-01"):
        with pytest.raises(ValueError, match=r".+"):
            parse_when(wrong)
