"""Article text as it is found in the wild -> the article's own words.

Cleaning never rewrites a word. It takes whole lines out (page furniture, the date line, the
byline, an author's biography) and keeps every one of them in `removed`. Losing a sentence of an
article is worse than leaving a button's label in it, so what might be a sentence stays.
"""

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice

from rag.dates import parse_date
from rag.furniture import (
    MAX_FURNITURE,
    is_biography,
    is_furniture,
    is_name,
    is_section,
    masthead,
)

_BLANK_LINES = re.compile(r"\n{3,}")


@dataclass(frozen=True)
class Cleaned:
    """What `clean` made of a raw text.

    `text` is canonical: NFC, lines separated by one "\\n", at most one blank line between
    them. `removed` holds the lines that were taken out, in their order; the title's line is not
    among them.
    """

    text: str
    title: str | None
    published: date | None
    byline: str | None
    source: str | None
    removed: tuple[str, ...]


def clean(raw: str, *, title: str | None = None) -> Cleaned:
    """Take the furniture off an article and read its header.

    With `title` (known from metadata) no title is searched for; the line above the body that
    says the same is taken out of the text.
    """
    lines = _split_glued_date(canonical(raw).split("\n"))
    removed = {i for i, line in enumerate(lines) if line and is_furniture(line)}
    content = [i for i, line in enumerate(lines) if line and i not in removed]

    header = _read_header(lines, content, title)
    removed |= header.used
    body = [i for i in content if i not in removed and i != header.title_at]
    if not body and title is None and header.title_at is not None:
        # A headline with nothing under it is the whole article.
        body, header = [header.title_at], replace(header, title=None, title_at=None)
    while len(body) > 1 and is_biography(lines[body[-1]], header.credits.byline):
        removed.add(body.pop())

    kept = set(body)
    text = "\n".join(line for i, line in enumerate(lines) if not line or i in kept)
    published, updated = header.credits.published, header.credits.updated
    return Cleaned(
        text=_BLANK_LINES.sub("\n\n", text).strip("\n"),
        title=header.title,
        published=updated if published is None else published,
        byline=header.credits.byline,
        source=header.credits.source,
        removed=tuple(lines[i] for i in sorted(removed)),
    )


def canonical(text: str) -> str:
    """NFC without control characters, byte order marks or lone surrogates; lines stripped."""
    text = re.sub(r"\r\n?|[\v\f\x85\u2028\u2029]", "\n", text)
    text = re.sub(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ufeff]", "", text)
    text = re.sub(r"[\ud800-\udfff]", "\ufffd", text)
    lines = unicodedata.normalize("NFC", text).split("\n")
    return _BLANK_LINES.sub("\n\n", "\n".join(map(str.strip, lines))).strip("\n")


_DATE_BEFORE = re.compile(r"(date:?\s+(\d{4}-\S+))\s+(\S.*)", re.I)
_DATE_AFTER = re.compile(r"(\S.*?)\s*(?:\s[—–-]|[|·•])\s+(\S{1,12}(?: \S{1,12}){0,3})")
# No space between them: `after 31 years12 June 2025`, `after 31 yearsUpdated June 12, 2025`.
_DATE_STUCK = re.compile(
    r"(\S.*?[^\W\d_A-Z][\"”’')?!]?)((?:(?:Published|Posted|Updated):? )?"
    r"(?:\d{1,2} [A-Z][a-z]{2,8}|[A-Z][a-z]{2,8}\.? \d{1,2},) \d{4}(?:,? .{1,20})?)"
)


def _split_glued_date(lines: list[str]) -> list[str]:
    """`date 2023-11-13 Title`, `Title — 13 November 2023` and `Title13 November 2023` at the top
    become two lines, and so does `By Jane Doe13 November 2023`.

    They are the only cuts made inside a line.
    """
    content = (i for i, line in enumerate(lines) if line and not is_furniture(line))
    for place, i in enumerate(islice(content, _HEADER_LINES)):
        line = lines[i]
        if place == 0:
            before, after = _DATE_BEFORE.fullmatch(line), _DATE_AFTER.fullmatch(line)
            if before and parse_date(before[2]):
                return [*lines[:i], before[1], before[3], *lines[i + 1 :]]
            if after and parse_date(after[2]) and _is_headline(after[1]):
                return [*lines[:i], after[1], after[2], *lines[i + 1 :]]
        stuck = _DATE_STUCK.fullmatch(line)
        if (
            stuck
            and _read_credits(stuck[2]) != _Credits()
            and (_BY.match(line) or _is_headline(stuck[1]))
        ):
            return [*lines[:i], stuck[1], stuck[2], *lines[i + 1 :]]
        if _is_prose(line):
            break
    return lines


# --- header --------------------------------------------------------------------------------------

_AGENCIES = re.compile(
    r"(?:the )?associated press|ap|reuters|afp|agence france-presse|bloomberg|xinhua"
    r"|dpa|upi|press association|kyodo|ansa|efe|tass|cnn|bbc|usa today",
    re.I,
)
_ROLE = re.compile(r"\b(?:reporter|correspondent|editor|writer|journalist|bureau|staff)s?\b", re.I)
_BULLET = re.compile(r"[•‣◦▪●○■□▶►*·–—-]\s")
_BY = re.compile(r"(?:(?:written|reported|story) )?by:?\s+|author:\s*", re.I)
_SOURCE = re.compile(r"source:\s*", re.I)
_DATED = re.compile(
    r"(?:(?:first )?(?:published|posted)|date|(?P<updated>(?:last )?(?:updated|modified)))"
    r"(?:\s+(?:on|at)\b)?(?:\s*:\s*|\s+)",
    re.I,
)
_PIECES = re.compile(r"\s+[|•·]\s+|(?<!last)[\s,;/–—-]+(?=(?:last )?updated\b)", re.I)
_DATELINE = re.compile(r"([A-Z][^()]{0,60}?)?\s*\(([A-Z][^()]{1,40})\)\s*[—–-]{1,2}\s*\S")
_ABBREVIATION = re.compile(r"(?:\b[A-Za-z]\.){2,}$|\b(?:Jr|Inc|Co|Corp|Ltd|St)\.$")
_DATE_WORDS = 4  # "Monday, 12 May 2025"
_HEADER_LINES = 15  # lines of content; a table of dates further down is the article's own


@dataclass(frozen=True)
class _Credits:
    """What the lines of a header said; `|` keeps the first mention of each."""

    published: date | None = None
    updated: date | None = None
    byline: str | None = None
    source: str | None = None

    def __or__(self, later: "_Credits") -> "_Credits":
        pairs = zip(vars(self).values(), vars(later).values(), strict=True)
        return _Credits(*(new if known is None else known for known, new in pairs))


@dataclass(frozen=True)
class _Header:
    """`title_at` and `used` are the numbers of the title's line and of the lines read."""

    credits: _Credits
    title: str | None
    title_at: int | None
    used: frozenset[int]


def _read_header(lines: list[str], content: list[int], title: str | None) -> _Header:
    known, title_at, used, sentences = _Credits(), None, set[int](), 0
    top = True  # nothing but dates, bylines and the like so far
    for place, i in enumerate(content[:_HEADER_LINES]):
        line = lines[i]
        if top and _stands_above_title(line, [lines[i] for i in content[place + 1 :]], title):
            known |= _Credits(source=masthead(line))
            used.add(i)
            continue
        below = lines[content[place + 1]] if place + 1 < len(content) else ""
        unsigned = title_at is not None and not sentences and known.byline is None
        if unsigned and is_name(line) and _is_role(below):
            known |= _Credits(byline=line)
            used |= {i, content[place + 1]}
            continue
        if i in used:
            continue
        labelled = _BY.match(line) or _DATED.match(line) or _SOURCE.match(line)
        # Below a sentence, a bare date is more likely a timeline's than the article's.
        found = _read_credits(line) if labelled or not sentences else _Credits()
        if found != _Credits() and (top or known | found != known):
            known |= found
            used.add(i)
            continue
        if title is None and top and _is_headline(line):
            title, title_at = line, i
        elif title is not None and title_at is None and same(line, title):
            title_at = i
        elif _is_prose(line):
            sentences += 1
            known |= _Credits(source=_dateline_agency(line))
            # A byline may follow the one sentence of a standfirst, which only a title has.
            if sentences > 1 or title is None:
                break
        top = False
    return _Header(known, title, title_at, frozenset(used))


def _stands_above_title(line: str, below: list[str], title: str | None) -> bool:
    """Whether it names the newspaper or the section, for under it comes the title.

    A headline may look like either (`Crisis at The Daily Mirror`): one with no other under it is
    the title.
    """
    if not (masthead(line) or is_section(line)):
        return False
    for other in below[:_HEADER_LINES]:
        if title is not None and same(other, title):
            return True
        if masthead(other) or is_section(other) or _read_credits(other) != _Credits():
            continue
        return title is None and _is_headline(other)
    return False


def _read_credits(line: str) -> _Credits:
    """What a date line, byline or source line says; nothing, if it is none of them."""
    found = _Credits()
    if len(line) > MAX_FURNITURE:
        return found
    pieces = [piece for piece in _PIECES.split(line) if piece]
    for piece in pieces:
        label, by, source = _DATED.match(piece), _BY.match(piece), _SOURCE.match(piece)
        day = parse_date(piece[label.end() :] if label else piece)
        if day:
            found |= _Credits(updated=day) if label and label["updated"] else _Credits(day)
        elif by and (credit := _read_byline(piece[by.end() :])):
            found |= credit
        elif dated := _read_dated_masthead(piece):
            found |= dated
        elif source and _is_outlet(piece[source.end() :]):
            found |= _Credits(source=piece[source.end() :])
        elif (
            _AGENCIES.fullmatch(piece)
            or (found.byline is not None and _is_outlet(piece))
            or (len(pieces) > 1 and masthead(piece))
        ):
            found |= _Credits(source=piece)
        elif not is_furniture(piece):
            return _Credits()
    return found


def _read_dated_masthead(line: str) -> _Credits | None:
    """`Highland Press, 2 March 2025` -> the paper and the day."""
    words = line.split()
    for size in range(1, min(len(words), _DATE_WORDS + 1)):
        day = parse_date(" ".join(words[-size:]))
        name = masthead(" ".join(words[:-size]).rstrip(" ,–—-"))
        if day and name:
            return _Credits(published=day, source=name)
    return None


def _read_byline(credit: str) -> _Credits | None:
    """`Jane Doe and John Roe, Harbour Wire` -> who wrote it, and for whom."""
    *firsts, last = re.split(r",?\s+(?:and|&)\s+", credit)
    name, *desk = re.split(r",\s+|\s+(?:for|in|of)\s+", last, maxsplit=1)
    if not firsts and _AGENCIES.fullmatch(name):
        return _Credits(source=name)
    if not all(is_name(author) for part in [*firsts, name] for author in part.split(", ")):
        return None
    outlet = desk[0] if desk and _is_outlet(desk[0]) and not _ROLE.search(desk[0]) else None
    return _Credits(byline=credit[: len(credit) - len(last)] + name, source=outlet)


def _is_role(line: str) -> bool:
    """`Transport correspondent`, under a name."""
    return len(line.split()) <= 4 and bool(_ROLE.search(line)) and not _is_prose(line)


def _is_outlet(words: str) -> bool:
    return words[:1].isupper() and len(words.split()) <= 5 and not words.endswith(".")


def _dateline_agency(line: str) -> str | None:
    """The agency of `LONDON, March 3 (Reuters) - The ...`."""
    found = _DATELINE.match(line)
    if found is None:
        return None
    place, agency = found.groups()
    shouted = re.match(r"(?:St\. )?[A-Z]{2}", place or "") and _is_outlet(agency)
    return agency if shouted or _AGENCIES.fullmatch(agency) else None


def _is_headline(line: str) -> bool:
    """Whether a line on top may be the title; one or two capitalised words are rather a name."""
    words = line.split()
    return not (
        _is_prose(line)
        or _BULLET.match(line)
        or _DATED.match(line)
        or line[-1] in ":;,—–-"
        or (len(words) <= 2 and not any(word[0].islower() for word in words))
    )


def _is_prose(line: str) -> bool:
    """Whether a line reads as (a piece of) a body paragraph."""
    if _BULLET.match(line):
        return False
    if len(line) > 200 or len(line.split()) > 25:
        return True
    ending = line.rstrip("\"'”’»)] ")
    return line.lstrip("\"'“‘«([ ")[:1].islower() or (
        ending.endswith((".", "…", "。")) and not _ABBREVIATION.search(ending)
    )


def same(line: str, title: str) -> bool:
    """Whether both say the same, however they are spaced, capitalised and quoted."""
    quotes = str.maketrans("‘’“”", "''\"\"")
    first, second = (" ".join(s.translate(quotes).casefold().split()) for s in (line, title))
    return first == second
