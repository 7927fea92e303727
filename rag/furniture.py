"""What a page puts around an article: buttons and notices, captions, the author's biography.

Losing a sentence of an article is worse than leaving a button's label in it, so what might be a
sentence is none of these.
"""

import re

_SOCIAL = (
    r"(?:facebook|twitter|x|whatsapp|linked-?in|reddit|telegram|pinterest|instagram|bluesky"
    r"|threads|tik-?tok|you-?tube|e-?mail)"
)
_PIECE = r"(?:article|story|post|page|video)"
_AGENCY = r"(?:getty(?: images)?|ap(?: photo)?|afp|reuters|epa|shutterstock|bloomberg)"
# Each names a whole line. The name of a button may stand alone; what goes on after it must go on
# as furniture does ("Share on X"), not as a sentence does ("Share prices fell").
_FURNITURE = re.compile(
    "|".join(
        [
            r"(?:top|bottom) of page|back to top|skip to (?:main )?content|ends",
            r"home(?:\s*[>»›]\s*[^>»›.]{1,60})+",
            r"advertisements?",
            rf"{_PIECE} continues (?:below|after)(?: (?:this|the))?"
            r"(?: (?:advertisement|video|(?:photo )?gallery|poll))?",
            rf"share(?: this)?(?: {_PIECE})?(?:,? (?:and )?(?:(?:on|via) )?{_SOCIAL})*",
            rf"(?:follow|like|join|find) us(?: (?:on|at|and|{_SOCIAL}|@\S+|https?:\S+)[,:]?)*",
            rf"follow [^.]{{1,60}} on {_SOCIAL}(?:[\s,:&]+(?:and|at|{_SOCIAL}|@\S+|https?:\S+))*",
            r"read (?:more|also|next)|also read|see also|read the full (?:story|article)",
            r"(?:read|continue reading) [^.]{1,80} here|continue reading(?: the main story)?",
            r"(?:read (?:more|also|next)|also read|see also)\s*[:|»>]\s*(?P<also>.+)",
            rf"related(?: (?:{_PIECE}s?|stories|coverage|news|content|links|topics))?"
            r"(?:\s*:\s*(?P<related>.+))?",
            r"most (?:popular|read|viewed|shared|watched)",
            r"subscribe(?: (?:now|today|here))?"
            r"|subscribe to (?:read|continue|unlock)(?: [^.]{1,50})?"
            r"|already (?:an? )?(?:subscriber|subscribed|member|registered)\?"
            r"(?: (?:log|sign) in(?: here)?)?"
            r"|subscribe to [^.]{1,60}\b(?:newsletters?|podcast|channel)\b.{0,120}",
            r"sign[ -]up (?:for|to) [^.]{1,80}\bnewsletters?\b.{0,150}"
            r"|(?:sign (?:up|in)|log in)(?: (?:now|here))?",
            r"click here(?: (?:to|for) [^.]{1,100})?",
            r"(?:we|(?:this|our) (?:web ?)?site) uses? cookies\b.*|(?:accept|manage) cookies"
            r"|cookie (?:settings|policy|notice)",
            r"by (?:continuing|using)\b.*\byou (?:agree|consent)\b.*\bcookies?\b.*",
            r"©.*|(?:\(c\) ?|copyright )(?:©|\(c\)|\d{4}).*",
            r"(?:.{0,100}[.,|©\d]\s*)?all rights reserved",
            r"listen to (?:this|the) (?:article|story)(?:\W+\d+\W+min(?:ute)?s?)?",
            r"\d{1,3}[ -]min(?:ute)?s?[ -](?:read|listen|watch)|read(?:ing)? time\W+\d+ min\w*",
            r"(?:\d[\d,.]*k? )?comments?(?: ?\(\d+\))?|(?:leave|post|add) a comment",
            rf"print(?: this)?(?: {_PIECE})?|e-?mail this {_PIECE}",
            r"(?:file )?(?:photo(?:graph)?|image)s?(?: (?:credit|by))?\s*[:/]\s*(?P<credit>.+)",
            rf"(?:[\w.'’-]+ ){{0,4}}[\w.'’-]+\s?/\s?{_AGENCY}(?: via .{{1,30}})?|getty images"
            r"|ap photo/[^.]{1,40}",
            r"(?:watch|video)(?: (?:live|now))?\s*:\s*(?P<watch>.+)",
            r"\d{1,2}:\d{2}(?::\d{2})?",
        ]
    ),
    re.I,
)
# What the sections of a paper are called, and the links on top of its pages.
_SECTION = re.compile(
    r"(?:(?:local|world|national|international|regional|latest|breaking|top|uk|us) )?"
    r"(?:news|headlines|sports?|football|opinions?|comment|editorials?|letters|business"
    r"|econom(?:y|ics)|money|politics|world|international|national|local|regional|cultures?|arts"
    r"|entertainment|lifestyle|life|travel|food|health|science|tech(?:nology)?|climate"
    r"|environment|education|weather|obituaries|features?|analysis|exclusive|videos?|photos)",
    re.I,
)
_LINKS = (
    r"home|front page|menu|search|e-?paper|archives?|shop|jobs|classifieds|games|puzzles"
    r"|newsletters?|podcasts?|live|my account|account|register|subscriptions?|login|log out"
    r"|contact(?: us)?|about(?: us)?|help|faqs?|advertise(?: with us)?|privacy(?: policy)?"
    rf"|terms(?: (?:of (?:use|service)|(?:and|&) conditions))?|cookies|rss|sitemap|tweet|{_SOCIAL}"
)
_LINK = re.compile(_LINKS, re.I)
_SIGN_IN = r"(?:log ?in|sign[ -](?:in|up)|subscribe)"
# `Menu Search Log in`: without a sign between them one must be a way to sign in.
_LINKS_IN_A_ROW = re.compile(
    rf"(?:(?:{_LINKS}) )+{_SIGN_IN}(?: (?:{_LINKS}|{_SIGN_IN}))*"
    rf"|{_SIGN_IN}(?: (?:{_LINKS}|{_SIGN_IN}))+",
    re.I,
)
_BETWEEN_LINKS = re.compile(r"\s*[|·•»›]\s*|\s+[/>]\s+|\t+|\s{2,}")
_PAPER = (
    r"(?:advertiser|argus|bugle|bulletin|chronicle|courier|dispatch|examiner|gazette|guardian|herald"
    r"|inquirer|intelligencer|ledger|mercury|newspaper|observer|sentinel|telegraph|times|tribune)"
)
# Short headlines end in these too: `Council Orders Safety Review`.
_ALSO_PAPER = (
    r"(?:daily|echo|express|globe|independent|journal|mail|messenger|mirror|monitor|news|online"
    r"|post|press|record|register|reporter|review|standard|star|sun|tidings|today|voice|weekly|wire)"
)
_MASTHEAD = re.compile(
    # No "the" inside: `Murdoch Sells The Times` is a headline.
    rf"(?:the )?(?:(?!the )\S+ ){{1,3}}(?:\w+-)?{_PAPER}|(?:the )?times of \S+"
    rf"|the (?:\S+ ){{0,2}}(?:{_PAPER}|{_ALSO_PAPER})|\S+ {_ALSO_PAPER}",
    re.I,
)
_NUMBER_OF_ISSUE = re.compile(r"[\s,|–—-]+(?:vol(?:ume)?|no|issue)\b\.? ?\d.*", re.I)
_SPEECH = re.compile(r"\b(?:said|told|warned|according to)\b")
_SECOND_SENTENCE = re.compile(r"[a-z][.!?][\"”’]? +[\"“A-Z]")
MAX_FURNITURE = 300  # characters: a longer line holds an article's text, whatever it starts with
_MAX_CAPTION = 20  # words after "Read more:", "Photo:" and the like


def is_furniture(line: str) -> bool:
    """Whether the whole `line` (stripped, not empty) belongs to the page, not to the article."""
    if len(line) > MAX_FURNITURE:
        return False
    if _is_repeated_caption(line) or _is_row_of_links(line):
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


def _is_row_of_links(line: str) -> bool:
    """`Home | News | Sport | Kessing`: of four or more, one may be any short name."""
    if _LINKS_IN_A_ROW.fullmatch(line):
        return True
    pieces = [piece for piece in _BETWEEN_LINKS.split(line) if piece]
    if len(pieces) < 2:
        return False
    others = [piece for piece in pieces if not (_LINK.fullmatch(piece) or is_furniture(piece))]
    unknown = [piece for piece in others if not is_section(piece)]
    # Two names of sections may be a heading of the article.
    if len(others) == len(pieces) == 2 or len(unknown) > (len(pieces) > 3):
        return False
    return all(re.fullmatch(r"[^\W\d]+(?: [^\W\d]+)?", piece) for piece in unknown)


def is_section(line: str) -> bool:
    """Whether it could be the name of a paper's section, as stands above many a headline."""
    return bool(_SECTION.fullmatch(line))


def masthead(line: str) -> str | None:
    """The newspaper that the line could name, else None: `THE MARLOW HERALD - Vol. 12, No. 114`.

    So could a short headline (`Crisis at the Daily Mirror`); only the lines around it tell.
    """
    name = _NUMBER_OF_ISSUE.sub("", line)
    named = all(word[0].isupper() or word in ("of", "and", "&") for word in name.split())
    return name if named and _MASTHEAD.fullmatch(name) else None


def _is_repeated_caption(line: str) -> bool:
    """`03:05 Ferry crew rescued at dawn Ferry crew rescued at dawn`: a video and its caption."""
    words = re.sub(r"^\d{1,2}:\d{2}(?::\d{2})?\s+", "", line).casefold().split()
    half = len(words) // 2
    repeated = half >= 3 and words[:half] == words[half:]
    return repeated and not _SECOND_SENTENCE.search(line)


# --- names and biographies -----------------------------------------------------------------------

_NO_NAME = re.compile(
    r"\b(?:the|an?|this|next|last|early|late|and|(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b",
    re.I,
)
_PARTICLE = r"(?:al|bin|bint|da|das|de|del|della|der|di|do|dos|du|el|ibn|la|le|van|von|y|zu)"


def is_name(words: str) -> bool:
    """Whether it could be a person: two to five capitalised words, particles between them."""
    parts = words.split()
    return (
        2 <= len(parts) <= 5
        and parts[-1][0].isupper()
        and all(re.fullmatch(r"[^\W\d_](?:[\w’'-]*|\.(?:\w\.)*|r\.)", part) for part in parts)
        and all(part[0].isupper() or re.fullmatch(_PARTICLE, part) for part in parts)
        and not _NO_NAME.search(words)
    )


_BIO_VERB = re.compile(
    r"(?:covers|covered|is|has|reports|writes|joined|works|worked|previously|can be reached)\b"
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
    r"|\b(?:he|she|they) (?:joined|majored|graduated|worked|studied)\b",
    re.I,
)
# A journalist can be the news: then the last paragraph tells what happened.
_BIO_NEWS = re.compile(
    r"\b(?:who|whose|said|told|arrested|detained|jailed|killed|died|sentenced|accused|released)\b"
)


def is_biography(line: str, byline: str | None) -> bool:
    """Whether a last paragraph introduces its author; `byline` holds their names, if known."""
    for name in [] if byline is None else re.split(r",?\s+(?:and|&)\s+|,\s+", byline):
        start = re.match(rf"(?:\S+ ){{0,2}}{re.escape(name)},? ", line, re.I)
        if start and _BIO_VERB.match(line, start.end()):
            return True
    job = _BIO_JOB.match(line)
    if job is None or not is_name(job[1]):
        return False
    return bool(_BIO_CONTACT.search(line)) or (
        _BIO_CAREER.search(line) is not None and not _BIO_NEWS.search(line)
    )
