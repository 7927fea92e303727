"""Plain text, Markdown and HTML -> `{"text": ..., and what else the page says of itself}`.

The keys are those that `rag.fields.article_from_mapping` knows.
"""

import codecs
import copy
import re
from collections.abc import Mapping
from typing import Any

import yaml
from charset_normalizer import from_bytes
from markdown_it import MarkdownIt
from markdown_it.token import Token

from rag.cleaning import canonical, same
from rag.errors import UnreadableError
from rag.wrapping import unwrapped


def text_fields(raw: bytes) -> Mapping[str, object]:
    """A line a paragraph, however the file is wrapped. Raises UnreadableError for what is no
    text."""
    return {"text": unwrapped(canonical(_decode(raw)))}


def _decode(raw: bytes, charset: str = "utf-8") -> str:
    """The text of a file; `charset` is what the file itself says. Raises UnreadableError."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    elif b"\0" in raw:
        raise UnreadableError("not text: it holds NUL bytes")
    else:
        encodings = ["utf-8-sig", charset]
        # In a text that is nearly all ASCII a detector guesses wildly (a ü and a curly quote look
        # Chinese to it); Windows-1252 is what Western newsrooms write.
        if len(raw.translate(None, bytes(range(128)))) * 10 < len(raw):
            encodings.append("cp1252")
    for encoding in encodings:
        try:
            return raw.decode(encoding)
        except (UnicodeError, LookupError):
            continue
    guess = from_bytes(raw).best()
    if guess is None:
        raise UnreadableError("not text: its encoding cannot be told; save it as UTF-8")
    return str(guess)


# --- HTML ----------------------------------------------------------------------------------------


def html_fields(raw: bytes) -> Mapping[str, object]:
    """The article of a web page. Raises UnreadableError for a page that holds none."""
    # Imported late: it takes 0.3 s, and only HTML needs it.
    import trafilatura

    declared = re.search(rb"<meta[^>]+charset=[\"']?([\w-]+)", raw[:2048], re.IGNORECASE)
    html = _decode(raw, declared[1].decode("ascii", "replace") if declared else "utf-8")
    try:
        tree = trafilatura.load_html(html)
        fields = None if tree is None else _tree_fields(tree)
    except Exception as error:  # a parser of the whole web's HTML: whatever it raises, go on
        raise UnreadableError(f"not readable as HTML: {error!r}") from error
    if fields is None:
        raise UnreadableError("no article text: the page holds no paragraphs")
    return fields


def _tree_fields(tree: Any) -> Mapping[str, object] | None:
    """The article of an lxml tree, which is changed on the way; None if it holds none."""
    import trafilatura
    from trafilatura.settings import Document

    headings, published = _headings(tree), _page_date(tree)
    for time in tree.xpath("//p//time | //li//time | //td//time"):
        time.tag = "span"  # trafilatura drops the words of a <time> from their sentence
    page = trafilatura.bare_extraction(
        tree,
        favor_recall=True,
        include_comments=False,
        with_metadata=True,
        date_extraction_params={"extensive_search": False},  # quick: `published` goes before it
    )
    if not isinstance(page, Document) or not page.text:
        return None
    return {
        "text": re.sub(r"^\|(?:-+\|)+\n", "", page.text, flags=re.MULTILINE),  # rules in tables
        "title": page.title and _headline(page.title, headings, page.sitename or ""),
        "byline": page.author and page.author.replace("; ", ", "),
        "published": published,
        "source": page.sitename,
        "url": page.url,
        "language": tree.get("lang"),
    }


_NOT_ITS_DATE = (
    *("title", "h1", "p", "blockquote", "ul", "ol", "dl", "table", "figure"),
    *("footer", "aside", "nav", "form", "iframe"),
)


def _page_date(tree: Any) -> str | None:
    """The day that an lxml tree says of itself, as an ISO date: in its meta tags and JSON-LD, its
    address, or where a header would say it. Dates in the text, in lists of other articles and at
    the foot of the page are not looked at."""
    from htmldate import find_date

    page = copy.deepcopy(tree)
    for element in list(page.iter(*_NOT_ITS_DATE)):
        if not _is_dated_line(element) and element.getparent() is not None:
            element.drop_tree()
    url = next(iter(tree.xpath("//meta[@property='og:url']/@content")), None)  # or canonical
    day: str | None = find_date(page, url=url, original_date=True, extensive_search=False)
    return day


def _is_dated_line(element: Any) -> bool:
    """Whether it is a line of a header with its <time> rather than a paragraph."""
    short = element.tag == "p" and len(element.text_content()) <= 100
    return short and element.find(".//time") is not None


def _headings(tree: Any) -> list[str]:
    """What each <h1> of an lxml tree says. Line breaks in them become spaces, in the tree too."""
    headings = list(tree.iter("h1"))
    for line_break in [found for heading in headings for found in heading.iter("br")]:
        line_break.tail = f" {line_break.tail or ''}"
        line_break.drop_tag()
    return [heading.text_content() for heading in headings]


def _headline(title: str, headings: list[str], outlet: str) -> str:
    """`title` up to where it says what a heading says, or where only the outlet's name follows."""
    headings = [heading for heading in headings if not same(heading, outlet)]
    for mark in re.finditer(r"\s+[^\w\s]{1,2}\s+|$", title):
        headline, rest = title[: mark.start()], title[mark.end() :]
        if any(same(headline, heading) for heading in headings) or same(rest, outlet):
            return headline
    return title


_DROPPED = frozenset(("script", "style", "iframe", "svg", "audio", "video", "noscript", "template"))
_BLOCKS = (
    "p div section article header footer aside blockquote pre hr h1 h2 h3 h4 h5 h6"
    " ul ol dl dt dd table figure figcaption"
)
_BEFORE = dict.fromkeys(_BLOCKS.split(), "\n\n") | {"li": "\n• ", "tr": "\n", "br": "\n"}
_AFTER = dict.fromkeys(_BLOCKS.split(), "\n\n") | {"li": "\n", "tr": "\n"}


def fragment_text(html: str) -> str:
    """The text of a piece of HTML that is an article and nothing else, as feeds carry it: a line
    a paragraph, heading, list item or table row."""
    from lxml import etree
    from lxml.html import fragment_fromstring

    parts: list[str] = []
    tree = fragment_fromstring(re.sub("[\ufffe\uffff]", "", canonical(html)), create_parent="div")
    walk = etree.iterwalk(tree, events=("start", "end", "comment", "pi"))
    for event, element in walk:
        tag = element.tag
        if event == "start" and tag in _DROPPED:
            walk.skip_subtree()
        elif event == "start":
            cell = tag in ("td", "th") and element.getprevious() is not None
            parts.append(" | " if cell else _BEFORE.get(tag, ""))
            parts.append(_one_space(element.text))
        else:
            parts.append(_AFTER.get(tag, ""))
            parts.append(_one_space(element.tail))
    return re.sub(r"•\s+", "• ", "".join(parts))  # a paragraph in a list item


def _one_space(text: str | None) -> str:
    return re.sub(r"[ \t\n\r\f]+", " ", text or "")


# --- Markdown ------------------------------------------------------------------------------------

_MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
_BLOCK_ENDS = (
    "paragraph_close",
    "heading_close",
    "table_close",
    "bullet_list_close",
    "ordered_list_close",
)


def markdown_fields(raw: bytes) -> Mapping[str, object]:
    """The front matter's fields and the text. Raises UnreadableError for broken front matter."""
    front, body = _split_front_matter(_decode(raw).replace("\r\n", "\n"))
    tokens = [token for token in _MARKDOWN.parse(body) if token.type != "html_block"]
    # Under its second name, so that a title in the front matter goes before it.
    heading = {"headline": _inline_text(tokens[1])} if tokens and tokens[0].tag == "h1" else {}
    return heading | front | {"text": _markdown_text(tokens)}


def _split_front_matter(text: str) -> tuple[dict[str, object], str]:
    """(the fields of the front matter, the text below it). Raises UnreadableError."""
    if not re.match(r"---[ \t]*\n", text):
        return {}, text
    found = re.match(r"---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*$(.*)", text, re.DOTALL | re.MULTILINE)
    if found is None:
        raise UnreadableError("broken front matter at line 1: no '---' closes it")
    try:
        # BaseLoader: a title is a string whatever it looks like, and so is a date.
        values = yaml.load(found[1], yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = 1 if mark is None else mark.line + 2
        problem = getattr(error, "problem", None) or "not YAML"
        raise UnreadableError(f"broken front matter at line {line}: {problem}") from None
    if values and not isinstance(values, dict):
        raise UnreadableError("broken front matter at line 2: expected lines of 'name: value'")
    absent = ("", "~", "null")
    return {name.lower(): v for name, v in (values or {}).items() if v not in absent}, found[2]


def _markdown_text(tokens: list[Token]) -> str:
    """Plain text: a line a paragraph, heading, list item or table row; code as it stands."""
    lines: list[str] = []
    bullet, cells = "", list[str]()
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.type == "list_item_open":
            bullet = "• "
        elif token.type == "inline" and before is not None and before.tag in ("td", "th"):
            cells.append(_inline_text(token))
        elif token.type == "inline":
            lines.append(bullet + _inline_text(token))
            bullet = ""
        elif token.type == "tr_close":
            lines.append(" | ".join(cells))
            cells.clear()
        elif token.type in ("fence", "code_block"):
            lines += [token.content, ""]
        elif token.type in _BLOCK_ENDS and not token.hidden:
            lines.append("")
    return "\n".join(lines)


def _inline_text(token: Token) -> str:
    breaks = {"softbreak": " ", "hardbreak": "\n", "image": "", "html_inline": ""}
    return "".join(breaks.get(child.type, child.content) for child in token.children or ())
