"""How replies look in a terminal: colours where there are any, plain text in a pipe."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.style import Style
from rich.text import Text

from rag.answers import runners_up, shown, timeline
from rag.counted import counted, one_of
from rag.types import Answer, Article, Citation, Hit, Interval, Reply, Story

_SHORT = 160
_CITED = 3
"""Citations of an answer that are shown: a terminal holds two or three at a glance."""
_OUTLET = 12
"""Columns of an outlet's name that stay when a list is too wide: its title is cut before."""
_UNCUT = 10_000
"""Columns of a line that nothing wraps or cuts."""


def output(stderr: bool = False) -> Console:
    """Where commands print. Off a terminal nothing is wrapped or cut: a line is a line for grep."""
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _UNCUT
    return console


def print_question(question: str, console: Console) -> None:
    """Above its answer, where several are asked."""
    console.print(Text(f"> {question}", style="bold"))


def print_reply(reply: Reply, console: Console, filters: str = "") -> None:
    """The answers with their citations, or the candidates of an abstention, and an empty line.

    `filters` are those that left articles out, in words.
    """
    if reply.as_of is not None:
        console.print(Text(f"as of {_day(reply.as_of)}: later articles left out", style="dim"))
    if not reply.answers:
        nothing = (
            f"no article {filters} says anything" if filters else "the collection holds nothing"
        )
        console.print(f"No answer: {nothing} about this.\n", markup=False)
        return
    told_whole = shown(reply)
    if not reply.answered:
        console.print(Text("No answer that is sure enough.", style="bold"))
        if reply.unmentioned:
            console.print(f"No article found mentions {one_of(reply.unmentioned)}.")
        console.print("Nearest candidates:\n" if told_whole else "")
    if reply.answered and reply.answers[0].disputed:
        console.print(Text("Sources disagree; the newest first.", style="bold"))
        if told := timeline(reply.answers):
            steps = " → ".join(f"{answer.text} ({_day(day)})" for day, answer in told)
            _print_indented(console, Text(f"Over time: {steps}", style="dim"), 0)
        console.print()
    for answer in told_whole:
        line = Text.assemble((answer.text, "bold green" if reply.answered else "bold yellow"))
        if days := _meant(answer):
            line.append(f" = {days}")
        line.append(f"   {answer.confidence:.0%} sure", style="dim")
        count = answer.independent_sources
        sources = "1 source" if count == 1 else counted(count, "independent source")
        line.append(f", {sources}", style="dim")
        _print_indented(console, line, 0)
        for citation in answer.citations[:_CITED]:
            _print_citation(console, citation)
        if (unseen := len(answer.citations) - _CITED) > 0:
            more = counted(unseen, "source")
            _print_indented(console, Text(f"and {more} more: see --json", "dim"), 2)
            console.print()
    if others := runners_up(reply):
        said = "; ".join(f"{answer.text} ({answer.confidence:.0%})" for answer in others)
        _print_indented(console, Text(f"Other candidates: {said}", style="dim"), 0)
        console.print()


def _print_citation(console: Console, citation: Citation) -> None:
    article = citation.article
    before = article.text[citation.context_start : citation.start]
    after = article.text[citation.end : citation.context_end]
    sentence = Text.assemble("“", before, (citation.quote, "bold underline"), after, "”")
    _print_indented(console, sentence, 2)
    place = Text(f"  [{article.id} {citation.start}:{citation.end}]", style="dim")
    _print_indented(console, Text.assemble("— ", _linked_heading(article), place), 2)
    for reprint in citation.reprints:
        heading = Text.assemble(("reprinted: ", "dim"), _linked_heading(reprint))
        _print_indented(console, heading, 4)
    console.print()


def _print_indented(console: Console, text: Text, columns: int, mark: str = "") -> None:
    """Every line of the text, wrapped ones too, that far in; no spaces at their ends. `mark`
    stands before the first."""
    for line in text.wrap(console, max(1, console.width - columns)):
        line.rstrip()
        console.print(Text.assemble(f"{mark:{columns}}", line), soft_wrap=True)
        mark = ""


def _linked_heading(article: Article) -> Text:
    """The heading; where a terminal can follow links, it leads to the article on the web."""
    on_the_web = article.url is not None and article.url.startswith(("http://", "https://"))
    return Text(_heading(article), style=Style(dim=True, link=article.url if on_the_web else None))


def _heading(article: Article) -> str:
    day = article.published
    parts = [article.title or "(untitled)", article.source, day and _day(day)]
    return ", ".join(part for part in parts if part)


def _day(day: date) -> str:
    return f"{day.day} {day:%B} {day.year}"


def _meant(answer: Answer) -> str | None:
    """The days that an answer means, or None where it names no time or says just that."""
    if answer.when is None:
        return None
    days = days_in_words(answer.when)
    return None if days.casefold() in answer.text.casefold() else days


def days_in_words(days: Interval) -> str:
    """As few words as name them: 5 December 2023, 18–24 March 2024, June 2024, 1990–1999."""
    start, end = days.start, days.end
    if start == end:
        return _day(start)
    following = end + timedelta(days=1)
    if start.day == following.day == 1:  # whole months
        if start.month == following.month == 1:
            return str(start.year) if start.year == end.year else f"{start.year}–{end.year}"
        whole_year = f" {start.year}" if start.year != end.year else ""
        return _span(f"{start:%B}{whole_year}", f"{end:%B}", f" {end.year}")
    if start.year != end.year:
        return _span(_day(start), _day(end))
    if start.month != end.month:
        return _span(f"{start.day} {start:%B}", f"{end.day} {end:%B}", f" {end.year}")
    return f"{start.day}–{end.day} {end:%B} {end.year}"


def _span(first: str, last: str, shared: str = "") -> str:
    return last + shared if first == last else f"{first} – {last}{shared}"


def print_explanation(reply: Reply, console: Console) -> None:
    """What was found, and what took how long."""
    timings = reply.timings
    console.print(
        f"found {counted(len(reply.hits), 'passage')}; retrieve {timings.retrieve:.0f} ms, "
        f"read {timings.read:.0f} ms, total {timings.total:.0f} ms; "
        f"{reply.encoder}, {reply.reader}"
    )
    print_hits(reply.hits, console)


def print_hits(hits: Sequence[Hit], console: Console) -> None:
    """Passages, best first; told apart from them, the last ones that hold no word of the query."""
    if not hits:
        console.print("Nothing found.")
    worded = max((rank for rank, hit in enumerate(hits, start=1) if hit.worded), default=0)
    for rank, hit in enumerate(hits, start=1):
        if rank == worded + 1:
            below = "No passage holds" if not worded else "No passage below holds"
            note = f"{below} a word of the query; near it in meaning at most:"
            console.print(Text(note, style="dim"), soft_wrap=True)
        passage = hit.passage
        text = " ".join(passage.text.split())
        short = text if len(text) <= _SHORT else text[:_SHORT].rsplit(" ", 1)[0] + " …"
        place = f"[{passage.article.id} {passage.start}:{passage.end}]"
        heading = Text(f"{_heading(passage.article)}  {place}", style="bold")
        _print_indented(console, heading, 4, mark=f"{rank:2}. ")
        _print_indented(console, Text(short), 4)
        if hit.folded:
            others = ", ".join(article.id for article in hit.folded)
            told = counted(len(hit.folded), "article")
            _print_indented(console, Text(f"also in {told} of this story: {others}", "dim"), 4)


def print_stories(stories: Sequence[Story], total: int, console: Console) -> None:
    """Each story with its articles, and what each is to the fullest."""
    if not stories:
        console.print("No two articles tell the same story.")
    for story in stories:
        print_story(story, console)
        console.print()
    if len(stories) < total:
        console.print(f"{len(stories)} of {total} stories; --limit shows more")


def print_story(story: Story, console: Console) -> None:
    """The story's title, dates, outlets and number of articles, and a line for each of them."""
    days = [day for day in (story.first_published, story.last_published) if day]
    parts = [
        " to ".join(dict.fromkeys(day.isoformat() for day in days)),
        counted(len(story.tellings), "article"),
        ", ".join(story.sources),
    ]
    title = story.tellings[0].article.title or "(untitled)"
    console.print(Text(title, style="bold"), soft_wrap=True)
    console.print(Text("; ".join(part for part in parts if part)), soft_wrap=True)
    rows = [(t.relation, t.article.id, _heading(t.article)) for t in story.tellings]
    for line in _aligned(rows):
        console.print(Text(f"  {line}", style="dim"), soft_wrap=True)


def print_articles(articles: Sequence[Article], total: int, console: Console) -> None:
    """A table of articles."""
    lines = _aligned(_article_rows(articles))
    if max(map(cell_len, lines)) >= console.width:
        lines = _aligned(_article_rows(articles, widest_outlet=_OUTLET))
    styles = ["bold", *("yellow" if _is_foreign(a.language) else "" for a in articles)]
    for line, style in zip(lines, styles, strict=True):
        told = Text(f" {line}", style)
        told.truncate(console.width, overflow="ellipsis")
        console.print(told, soft_wrap=True)
    if len(articles) < total:
        console.print(f"{len(articles)} of {total} articles; --limit and --offset show others")


def _article_rows(
    articles: Sequence[Article], widest_outlet: int = _UNCUT
) -> list[tuple[str, ...]]:
    """A row for the headings and one for each article, the title last."""
    rows: list[tuple[str, ...]] = [("id", "published", "lang", "source", "title")]
    for article in articles:
        outlet = Text(article.source or "-")
        outlet.truncate(widest_outlet, overflow="ellipsis")
        published = article.published.isoformat() if article.published else "-"
        language, title = article.language or "-", article.title or "-"
        rows.append((article.id, published, language, outlet.plain, title))
    return rows


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """A line for each row, its columns under one another and two spaces apart; none ends in
    spaces."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            set_cell_size(cell, width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def _is_foreign(language: str | None) -> bool:
    return language not in (None, "en")


def foreign_note(languages: Iterable[str | None]) -> str | None:
    """A sentence on the articles that are known not to be in English; None without any."""
    counts = Counter(filter(_is_foreign, languages))
    if not counts:
        return None
    total = counts.total()
    listed = ", ".join(f"{language} {count}" for language, count in counts.most_common())
    return (
        f"{'1 article is' if total == 1 else f'{total} articles are'} not in English ({listed}): "
        "the default models read English, answers from them are less sure"
    )


def undated_note(undated: int, articles: int) -> str:
    """A sentence on what the articles without a date cannot do."""
    have = "article has" if articles == 1 else f"articles {'has' if undated == 1 else 'have'}"
    return (
        f"{undated} of {articles} {have} no date: weekdays in them stay without a day, and "
        "--as-of, --since and --until leave them out; a line such as '4 March 2024' under the "
        "title gives one, or the field 'published'"
    )


def print_article(article: Article, console: Console) -> None:
    """One article, its metadata first."""
    foreign = " (the default models read English)" if _is_foreign(article.language) else ""
    for name, value in (
        ("id", article.id),
        ("title", article.title),
        ("published", article.published),
        ("published from", article.published_from),
        ("byline", article.byline),
        ("source", article.source),
        ("url", article.url),
        ("language", f"{article.language}{foreign}" if article.language else None),
        ("file", article.origin),
        ("sha256", article.sha256),
    ):
        if value is not None:
            console.print(Text.assemble((f"{name}: ", "bold"), str(value)), soft_wrap=True)
    console.print()
    console.print(Text(article.text), soft_wrap=True)
    if article.removed:
        console.print(Text("\nremoved by cleaning:", style="bold"))
        for line in article.removed:
            console.print(Text(f"  {line}", style="dim"), soft_wrap=True)
