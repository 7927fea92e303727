"""Gold questions: what to ask, what a right answer is, and where it stands."""

import gzip
import json
import zlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from rag.errors import InputError
from rag.types import Article, Interval

GZIP_MAGIC = b"\x1f\x8b"
TYPE_NAMES = {dict: "an object", list: "a list", bool: "true or false", int: "a whole number"}

# A question and, for messages, where it stands: "gold.jsonl, line 7".
Located = tuple[str, "Question"]


@dataclass(frozen=True)
class Question:
    """One question with its answers.

    `answers` are all equally right; none means that no answer is the right one. `docs` are the
    articles that hold it, by id or by the stem of the file they came from. `when` is an ISO day
    or "first day/last day", `kind` any label to group by. `spans` are the (start, end) of the
    answers in the one article of `docs`, where the gold file says where they stand.
    `independent_sources` is how many stories state the answer, reprints folded, `disputed`
    whether they give different ones; None where that is not to be judged.
    """

    id: str
    question: str
    answers: tuple[str, ...]
    docs: tuple[str, ...]
    when: str | None = None
    kind: str | None = None
    spans: tuple[tuple[int, int], ...] = ()
    independent_sources: int | None = None
    disputed: bool | None = None


@dataclass(frozen=True)
class Gold:
    """The questions, and the collection they are asked over where the gold file brings its own."""

    questions: tuple[Question, ...]
    articles: tuple[Article, ...] = ()


def load_gold(path: str | Path, *, unique: bool = True) -> Gold:
    """The gold in a file, plain or gzipped; see `parse_gold`. Raises InputError."""
    return parse_gold(read_text(path), str(path), unique=unique)


def parse_gold(text: str, path: str, *, unique: bool = True) -> Gold:
    """Read JSON lines or SQuAD 1.1/2.0 JSON; told apart by their content.

    The paragraphs of SQuAD become articles, word for word, with ids "document-paragraph" counted
    from 0. JSON lines bring no articles. Raises InputError for anything that is not gold, and
    unless told otherwise for a question id that stands twice; `path` is what it calls the file.
    """
    if not text.strip():
        raise InputError(f"{path}: empty; expected gold questions as JSON lines or SQuAD JSON")
    # Only one JSON value in the whole file can be SQuAD; JSON lines fail here at their second line.
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        whole = None
    articles: tuple[Article, ...] = ()
    if isinstance(whole, dict) and "data" in whole:
        articles, located = _from_squad(whole, path)
    else:
        located = _from_lines(text, path)
    if not located:
        raise InputError(f"{path}: no question in it; expected at least one")
    if unique:
        _refuse_duplicates(located)
    return Gold(tuple(question for _, question in located), articles)


def parse_when(text: str) -> Interval:
    """ "2023-12-05" or "2023-12-01/2023-12-31" as the days it covers; ValueError otherwise."""
    first, slash, last = text.partition("/")
    interval = Interval(date.fromisoformat(first), date.fromisoformat(last if slash else first))
    if interval.end < interval.start:
        raise ValueError(f"{text} ends before it starts")
    return interval


def read_text(path: str | Path, expected: str = "a file of gold questions") -> str:
    """The text of a UTF-8 file, plain or gzipped. Raises InputError."""
    try:
        data = Path(path).read_bytes()
        if data.startswith(GZIP_MAGIC):
            data = gzip.decompress(data)
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: byte {error.start} is not UTF-8; expected UTF-8 text: convert the file"
        ) from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path}: broken gzip ({error}); fetch or compress it again") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{path}: {reason}; expected {expected}") from error


def _from_lines(text: str, path: str) -> list[Located]:
    located: list[Located] = []
    # Not splitlines(): a JSON string may hold U+2028, which it would split at.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{where}: not JSON ({_shorten(line.strip())}: {error}); expected one question a"
                ' line, such as {"id": "1", "question": "...", "answers": [], "docs": []},'
                " or a whole SQuAD file"
            ) from error
        located.append((where, _from_row(row, where)))
    return located


def _from_row(row: object, where: str) -> Question:
    record = _expect(row, dict, where)
    when = _optional_text(record, "when", where)
    if when is not None:
        try:
            parse_when(when)
        except ValueError as error:
            raise InputError(
                f"{where}: 'when' is {_shorten(when)}; expected a day such as 2023-12-05"
                " or two with a slash between, 2023-12-01/2023-12-31"
            ) from error
    return Question(
        id=_text(record, "id", where),
        question=_text(record, "question", where),
        answers=_texts(record, "answers", where),
        docs=_texts(record, "docs", where),
        when=when,
        kind=_optional_text(record, "kind", where),
        independent_sources=_optional_count(record, "independent_sources", where),
        disputed=_optional(record, "disputed", bool, where),
    )


def _from_squad(whole: dict[str, Any], path: str) -> tuple[tuple[Article, ...], list[Located]]:
    """https://rajpurkar.github.io/SQuAD-explorer/: data[].paragraphs[].qas[].answers[].text."""
    articles: list[Article] = []
    located: list[Located] = []
    for d, document in enumerate(_field(whole, "data", list, path)):
        at = f"{path}, data[{d}]"
        title = _optional_text(_expect(document, dict, at), "title", at)
        title = None if title is None else title.replace("_", " ")
        for p, paragraph in enumerate(_field(document, "paragraphs", list, at)):
            where = f"{at}.paragraphs[{p}]"
            # Not cleaned and not normalised: the answers are words of this very text.
            article = Article(f"{d}-{p}", _text(paragraph, "context", where), title)
            articles.append(article)
            for q, qa in enumerate(_field(paragraph, "qas", list, where)):
                at_qa = f"{where}.qas[{q}]"
                located.append((at_qa, _from_qa(qa, article.id, at_qa)))
    return tuple(articles), located


def _from_qa(qa: object, article_id: str, where: str) -> Question:
    record = _expect(qa, dict, where)
    impossible = "is_impossible" in record and _field(record, "is_impossible", bool, where)
    answers: list[str] = []
    spans: list[tuple[int, int]] = []
    if not impossible:
        for a, answer in enumerate(_field(record, "answers", list, where)):
            text = _text(answer, "text", f"{where}.answers[{a}]")
            answers.append(text)
            start = answer.get("answer_start")
            if isinstance(start, int):
                spans.append((start, start + len(text)))
    return Question(
        id=_text(record, "id", where),
        question=_text(record, "question", where),
        answers=tuple(dict.fromkeys(answers)),  # annotators who agree are one answer
        docs=(article_id,),
        spans=tuple(dict.fromkeys(spans)),
    )


def _refuse_duplicates(located: list[Located]) -> None:
    """Predictions are found by question id, so that an id may stand only once."""
    seen: dict[str, str] = {}
    for where, question in located:
        if question.id in seen:
            raise InputError(
                f"{where}: id {_shorten(question.id)} is taken by {seen[question.id]};"
                " expected unique ids: rename one"
            )
        seen[question.id] = where


def _expect(value: object, kind: type, where: str, name: str = "the value") -> Any:
    if not isinstance(value, kind):
        raise InputError(f"{where}: {name} is {_shorten(value)}; expected {TYPE_NAMES[kind]}")
    return value


def _present(record: object, name: str, where: str) -> Any:
    fields = _expect(record, dict, where)
    if name not in fields:
        found = ", ".join(fields) or "no field"
        mend = "write [] if there are none" if name in ("answers", "docs") else "add it"
        raise InputError(f"{where}: '{name}' is missing (found {_shorten(found)}): {mend}")
    return fields[name]


def _field(record: object, name: str, kind: type, where: str) -> Any:
    return _expect(_present(record, name, where), kind, where, f"'{name}'")


def _text(record: object, name: str, where: str) -> str:
    return _words(_present(record, name, where), f"'{name}'", where)


def _optional_text(record: dict[str, Any], name: str, where: str) -> str | None:
    return None if record.get(name) is None else _text(record, name, where)


def _optional(record: dict[str, Any], name: str, kind: type, where: str) -> Any:
    return None if record.get(name) is None else _field(record, name, kind, where)


def _optional_count(record: dict[str, Any], name: str, where: str) -> int | None:
    count: int | None = _optional(record, name, int, where)
    if count is not None and (isinstance(count, bool) or count < 1):  # true is 1 to Python
        raise InputError(f"{where}: '{name}' is {_shorten(count)}; expected 1 or more")
    return count


def _texts(record: dict[str, Any], name: str, where: str) -> tuple[str, ...]:
    values = _field(record, name, list, where)
    words = (_words(value, f"'{name}'[{v}]", where) for v, value in enumerate(values))
    return tuple(dict.fromkeys(words))


def _words(value: object, name: str, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{where}: {name} is {_shorten(value)}; expected a string with some text")
    # JSON can write half a character ("\\ud800"), which no file, hash or terminal takes.
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise InputError(f"{where}: {name} is {value!a}, half a character: mend the file")
    return value


def _shorten(value: object, limit: int = 60) -> str:
    """`value` as it might be quoted in one line of an error message."""
    shown = json.dumps(value, ensure_ascii=False)
    shown = shown if len(shown) <= limit else shown[: limit - 1] + "…"
    return shown.encode(errors="replace").decode()
