"""Article text as it is found in the wild -> the article's own words.

Cleaning never rewrites a word. It takes whole lines out (page furniture, the date line, the
byline, an author's biography) and keeps every one of them in `removed`. Losing a sentence of an
article is worse than leaving a button's label in it, so what might be a sentence stays.
"""

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import date

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

    With `title` (known from metadata) no title is searched for; a first line that says the
    same is taken out of the text.
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
    while len(body) > 1 and _is_biography(lines[body[-1]], header.credits.byline):
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


# --- dates ---------------------------------------------------------------------------------------

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})"
_WEEKDAY = r"(?:(?:mon|tue|tues|wed|wednes|thu|thur|thurs|fri|sat|satur|sun)(?:day)?\.?,?\s+)?"
_TIME = (
    r"(?:\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s*[ap]\.?m\.?)?|\d{1,2}(?:\.\d{2})?\s*[ap]\.?m\.?)"
    r"(?:\s*(?:z|utc|[a-z]{1,4}t|(?:utc|gmt)?[+-]\d{1,2}(?::?\d{2})?))?(?:\s*\([a-z]{2,5}\))?"
)
_DATES = tuple(
    re.compile(
        rf"{_WEEKDAY}(?:{_TIME},?\s+(?:on\s+)?{_WEEKDAY})?{form}"
        rf"(?:(?:t|,?\s+(?:at\s+)?|\s+[-–—|•·]\s+){_TIME})?",
        re.I,
    )
    for form in (
        r"(?P<year>\d{4})(?P<sep>[-/.]?)(?P<month>\d{2})(?P=sep)(?P<day>\d{2})",
        rf"{_MONTH}\s+{_DAY},?\s+{_YEAR}",
        rf"{_DAY}(?:\s+of)?[\s-]+{_MONTH},?[\s-]+{_YEAR}",
        rf"(?P<first>\d{{1,2}})(?P<sep>[-/.])(?P<second>\d{{1,2}})(?P=sep){_YEAR}",
    )
)


def parse_date(value: str) -> date | None:
    """The day that `value` names in full, as written (no time zone is applied), else None.

    Reads ISO dates and times, RFC 822, "Dec 6, 2023", "6 December 2023 10:30 GMT". Nothing is
    guessed: without a year of four digits or a day, or where day and month of 3/4/2024 could
    change places, the answer is None.
    """
    value = value.strip()
    found = next((m for form in _DATES if (m := form.fullmatch(value))), None)
    if found is None:
        return None
    part = found.groupdict()
    if "first" in part:
        first, second = int(part["first"]), int(part["second"])
        if (first > 12) == (second > 12):
            return None
        month, day = (second, first) if first > 12 else (first, second)
    else:
        name = part["month"][:3].lower()
        month = _MONTHS.index(name) + 1 if name in _MONTHS else int(name)
        day = int(part["day"])
    try:
        return date(int(part["year"]), month, day)
    except ValueError:
        return None


def _split_glued_date(lines: list[str]) -> list[str]:
    """`date 2023-11-13 Title` at the top becomes two lines: the one cut made inside a line."""
    for i, line in enumerate(lines):
        if line and not is_furniture(line):
            glued = re.fullmatch(r"(date:?\s+(\S+))\s+(\S.*)", line, re.I)
            if glued and re.match(r"\d{4}-", glued[2]) and parse_date(glued[2]):
                return [*lines[:i], glued[1], glued[3], *lines[i + 1 :]]
            break
    return lines


# --- furniture -----------------------------------------------------------------------------------

_SOCIAL = (
    r"(?:facebook|twitter|x|whatsapp|linked-?in|reddit|telegram|pinterest|instagram|bluesky"
    r"|threads|tik-?tok|you-?tube|e-?mail)"
)
_PAPER = r"(?:article|story|post|page|video)"
_AGENCY = r"(?:getty(?: images)?|ap(?: photo)?|afp|reuters|epa|shutterstock|bloomberg)"
# Each names a whole line. The name of a button may stand alone; what goes on after it must go on
# as furniture does ("Share on X"), not as a sentence does ("Share prices fell").
_FURNITURE = re.compile(
    "|".join(
        [
            r"(?:top|bottom) of (?:the )?page|back to top|skip to (?:the )?(?:main )?content",
            r"advertisements?|sponsored content|scroll to continue",
            rf"{_PAPER} continues (?:below|after)(?: (?:this|the))?"
            r"(?: (?:advertisement|ad|video|(?:photo )?gallery|poll|photo))?",
            rf"share(?: this)?(?: {_PAPER})?(?:,? (?:and |share )?(?:(?:on|via|by) )?{_SOCIAL})*",
            rf"(?:follow|like|join|find) us(?: (?:on|at|and|{_SOCIAL}|@\S+|https?:\S+)[,:]?)*",
            rf"follow [^.]{{1,60}} on {_SOCIAL}(?:[\s,:&]+(?:and|at|{_SOCIAL}|@\S+|https?:\S+))*",
            r"read (?:more|also|next)|also read|see also|read the full (?:story|article)",
            r"(?:read|continue reading) [^.]{1,80} here|continue reading(?: the main story)?",
            r"(?:read (?:more|also|next)|also read|see also)\s*[:|»>]\s*(?P<also>.+)",
            rf"related(?: (?:{_PAPER}s?|stories|coverage|news|content|links|topics))?"
            r"(?:\s*:\s*(?P<related>.+))?",
            r"most (?:popular|read|viewed|shared|watched)|recommended(?: for you)?|trending now",
            r"subscribe(?: (?:now|today|here))*|subscribe to our .{1,120}"
            r"|subscribe (?:to|for) [^.]{1,60}\b(?:newsletters?|podcast|channel)\b.{0,120}",
            r"sign[ -]up (?:now |here )?(?:for|to) [^.]{1,80}\bnewsletters?\b.{0,150}"
            r"|(?:sign (?:up|in)|log in)(?: (?:now|here|today|for free))*",
            r"click here(?: (?:to|for) [^.]{1,100})?",
            r"(?:we|(?:this|our) (?:web ?)?site) uses? cookies\b.*|(?:accept|manage) cookies"
            r"|cookie (?:settings|policy|notice)",
            r"by (?:continuing|using)\b.*\byou (?:agree|consent)\b.*\bcookies?\b.*",
            r"©.*|(?:\(c\) ?|copyright )(?:©|\(c\)|\d{4}).*",
            r"(?:.{0,100}[.,|©\d]\s*)?all rights reserved",
            r"listen to (?:this|the) (?:article|story)(?:\W+\d+\W+min(?:ute)?s?)?",
            r"\d{1,3}[ -]min(?:ute)?s?[ -](?:read|listen|watch)|read(?:ing)? time\W+\d+ min\w*",
            r"(?:\d[\d,.]*k? )?comments?(?: ?\(\d+\))?|(?:leave|post|add) a comment",
            rf"print(?: this)?(?: {_PAPER})?|e-?mail this {_PAPER}",
            r"(?:file )?(?:photo(?:graph)?|image)s?(?: (?:credit|by))?\s*[:/]\s*(?P<credit>.+)",
            rf"(?:[\w.'’-]+ ){{0,4}}[\w.'’-]+\s?/\s?{_AGENCY}(?: via .{{1,30}})?|getty images"
            r"|ap photo/[^.]{1,40}",
            r"(?:watch|video)(?: (?:live|now))?\s*:\s*(?P<watch>.+)",
            r"\d{1,2}:\d{2}(?::\d{2})?",
        ]
    ),
    re.I,
)
_SPEECH = re.compile(r"\b(?:said|told|warned|according to)\b")
_SECOND_SENTENCE = re.compile(r"[a-z][.!?][\"”’]? +[\"“A-Z]")
_MAX_FURNITURE = 300  # characters: a longer line holds an article's text, whatever it starts with
_MAX_CAPTION = 20  # words after "Read more:", "Photo:" and the like


def is_furniture(line: str) -> bool:
    """Whether the whole `line` (stripped, not empty) belongs to the page, not to the article."""
    if len(line) > _MAX_FURNITURE:
        return False
    if _is_repeated_caption(line):
        return True
    if not line[0].isalnum() and not line[-1].isalnum():
        line = line.strip("*_=~–—-•[](){}<> ")  # "--- Advertisement ---"
    found = _FURNITURE.fullmatch(line) or _FURNITURE.fullmatch(line.rstrip(" .:!>»→…"))
    if found is None:
        return False
    caption = next(filter(None, found.groupdict().values()), None)
    if caption is None:
        return not _SPEECH.search(line)
    return len(caption.split()) <= _MAX_CAPTION and not _SECOND_SENTENCE.search(caption)


def _is_repeated_caption(line: str) -> bool:
    """`03:05 Ferry crew rescued at dawn Ferry crew rescued at dawn`: a video and its caption."""
    words = re.sub(r"^\d{1,2}:\d{2}(?::\d{2})?\s+", "", line).casefold().split()
    half = len(words) // 2
    repeated = half >= 3 and words[:half] == words[half:]
    return repeated and not _SECOND_SENTENCE.search(line)


# --- header --------------------------------------------------------------------------------------

_AGENCIES = re.compile(
    r"(?:the )?associated press|ap|(?:thomson )?reuters|afp|agence france-presse|bloomberg|xinhua"
    r"|dpa|upi|press association|kyodo|ansa|efe|tass|cnn|bbc|usa today",
    re.I,
)
_NO_NAME = re.compile(
    r"\b(?:the|an?|this|next|last|early|late|and|(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b",
    re.I,
)
_PARTICLE = r"(?:al|bin|bint|da|das|de|del|della|der|di|do|dos|du|el|ibn|la|le|van|von|y|zu)"
_ROLE = re.compile(r"\b(?:reporter|correspondent|editor|writer|journalist|bureau|staff)s?\b", re.I)
_BULLET = re.compile(r"[•‣◦▪●○■□▶►*·–—-]\s")
_BY = re.compile(r"(?:(?:written|reported|story|words) )?by:?\s+|author:\s*", re.I)
_SOURCE = re.compile(r"source:\s*", re.I)
_DATED = re.compile(
    r"(?:(?:first )?(?:published|posted|created)|date|(?P<updated>(?:last )?(?:updated|modified)))"
    r"(?:\s+(?:on|at)\b)?(?:\s*:\s*|\s+)",
    re.I,
)
_PIECES = re.compile(r"\s+[|•·]\s+|(?<!last)[\s,;/–—-]+(?=(?:last )?updated\b)", re.I)
_DATELINE = re.compile(r"([A-Z][^()]{0,60}?)?\s*\(([A-Z][^()]{1,40})\)\s*[—–-]{1,2}\s*\S")
_ABBREVIATION = re.compile(r"(?:\b[A-Za-z]\.){2,}$|\b(?:Jr|Sr|Inc|Co|Corp|Ltd|No|vs|etc|St)\.$")
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
    for i in content[:_HEADER_LINES]:
        line = lines[i]
        labelled = _BY.match(line) or _DATED.match(line) or _SOURCE.match(line)
        # Below a sentence, a bare date is more likely a timeline's than the article's.
        found = _read_credits(line) if labelled or not sentences else _Credits()
        if found != _Credits() and (top or known | found != known):
            known |= found
            used.add(i)
            continue
        if top and (_is_headline(line) if title is None else _same(line, title)):
            title, title_at = line if title is None else title, i
        elif _is_prose(line):
            sentences += 1
            known |= _Credits(source=_dateline_agency(line))
            # A byline may follow the one sentence of a standfirst, which only a title has.
            if sentences > 1 or title is None:
                break
        top = False
    return _Header(known, title, title_at, frozenset(used))


def _read_credits(line: str) -> _Credits:
    """What a date line, byline or source line says; nothing, if it is none of them."""
    found = _Credits()
    if len(line) > _MAX_FURNITURE:
        return found
    for piece in filter(None, _PIECES.split(line)):
        label, by, source = _DATED.match(piece), _BY.match(piece), _SOURCE.match(piece)
        day = parse_date(piece[label.end() :] if label else piece)
        if day:
            found |= _Credits(updated=day) if label and label["updated"] else _Credits(day)
        elif by and (credit := _read_byline(piece[by.end() :])):
            found |= credit
        elif source and _is_outlet(piece[source.end() :]):
            found |= _Credits(source=piece[source.end() :])
        elif _AGENCIES.fullmatch(piece) or (found.byline is not None and _is_outlet(piece)):
            found |= _Credits(source=piece)
        elif not is_furniture(piece):
            return _Credits()
    return found


def _read_byline(credit: str) -> _Credits | None:
    """`Jane Doe and John Roe, Harbour Wire` -> who wrote it, and for whom."""
    *firsts, last = re.split(r",?\s+(?:and|&)\s+", credit)
    name, *desk = re.split(r",\s+|\s+(?:for|in|of)\s+", last, maxsplit=1)
    if not firsts and _AGENCIES.fullmatch(name):
        return _Credits(source=name)
    if not all(_is_name(author) for part in [*firsts, name] for author in part.split(", ")):
        return None
    outlet = desk[0] if desk and _is_outlet(desk[0]) and not _ROLE.search(desk[0]) else None
    return _Credits(byline=credit[: len(credit) - len(last)] + name, source=outlet)


def _is_name(words: str) -> bool:
    """Whether it could be a person: two to five capitalised words, particles between them."""
    parts = words.split()
    return (
        2 <= len(parts) <= 5
        and parts[-1][0].isupper()
        and all(re.fullmatch(r"[^\W\d_](?:[\w’'-]*|\.(?:\w\.)*|r\.)", part) for part in parts)
        and all(part[0].isupper() or re.fullmatch(_PARTICLE, part) for part in parts)
        and not _NO_NAME.search(words)
    )


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


def _same(line: str, title: str) -> bool:
    quotes = str.maketrans("‘’“”", "''\"\"")
    first, second = (" ".join(s.translate(quotes).casefold().split()) for s in (line, title))
    return first == second


# --- the author's biography ----------------------------------------------------------------------

_BIO_VERB = re.compile(
    r"(?:covers|covered|is|has|reports|writes|joined|works|worked|previously|contributed|spent"
    r"|studied|leads|edits|heads|specialises|specializes|focuses|can be reached)\b"
)
_BIO_JOB = re.compile(
    r"(\S+(?: \S+){1,4}?) (?:covers|writes about|reports on|is (?:a|an|the|our)\b[^.]*?"
    r"\b(?:reporter|correspondent|editor|journalist|columnist|writer))\b"
)
_BIO_CONTACT = re.compile(
    r"\b(?:reach|contact|follow|e-?mail) (?:him|her|them)\b|can be reached", re.I
)
_BIO_CAREER = re.compile(
    r"\b(?:previously|formerly) (?:worked|reported|covered|wrote|edited|was)\b|\bbased in\b"
    r"|\b(?:he|she|they) (?:has |have )?(?:joined|majored|graduated|worked|studied)\b",
    re.I,
)
# A journalist can be the news: then the last paragraph tells what happened.
_BIO_NEWS = re.compile(
    r"\b(?:who|whose|said|told|arrested|detained|jailed|killed|died|sentenced|accused|released)\b"
)


def _is_biography(line: str, byline: str | None) -> bool:
    """Whether a last paragraph introduces its author; `byline` holds their names, if known."""
    for name in [] if byline is None else re.split(r",?\s+(?:and|&)\s+|,\s+", byline):
        start = re.match(rf"(?:\S+ ){{0,2}}{re.escape(name)},? ", line, re.I)
        if start and _BIO_VERB.match(line, start.end()):
            return True
    job = _BIO_JOB.match(line)
    if job is None or not _is_name(job[1]):
        return False
    return bool(_BIO_CONTACT.search(line)) or (
        _BIO_CAREER.search(line) is not None and not _BIO_NEWS.search(line)
    )
