"""A question's words as a query: each beside the other ways in which it may be written."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tantivy
from rapidfuzz import process
from rapidfuzz.distance import OSA

from rag.respelling import FEWEST_LETTERS, edits, mistyped
from rag.transliteration import OTHER_NAMES, same_sound

# Nearly every passage holds them: they tell none apart, and are most of the work of a search.
# "May" is missing, for it is a month.
_FUNCTION_WORDS = frozenset(
    """
    a about after an and are as at be been before being by can could did do does during for from had
    has have her his how in into is it its of on or s should than that the their then there these
    this those to was were what when where which who whom whose why will with would
    """.split()
)
_WORD = re.compile(r"\w+")
_LONGEST_COMPOUND = 3  # words
_NEAREST = 5  # terms taken for what a word was meant to be
_SHORTEST_PART = 3  # letters of a word that was run together with another
_FAR_SOUND = 3  # edits between two transliterations
# First letters that transliterations may have instead.
_SAME_START = {"g": "kq", "k": "gqc", "q": "gk", "c": "k", "y": "ije", "j": "y", "i": "y", "e": "y"}

Form = tuple[str, ...]
"""One way to write something: index terms that stand in this order."""


def analyzer() -> tantivy.TextAnalyzer:
    """Words, lower case, without diacritics, stemmed."""
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(60))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
        .filter(tantivy.Filter.stemmer("english"))
        .build()
    )


_ANALYZER = analyzer()


def terms_of(text: str) -> Form:
    """The index terms of the words of a text, in order."""
    return tuple(_ANALYZER.analyze(text))


_OTHER_FORMS: dict[Form, list[Form]] = {
    terms_of(name): [terms_of(other) for other in names if other != name]
    for names in OTHER_NAMES
    for name in names
}


@dataclass(frozen=True)
class Word:
    """A word of a question, and its index term."""

    text: str
    term: str


def telling_words(question: str) -> list[list[Word]]:
    """The words between function words, run by run; every word if there are no others."""
    words = [Word(w, t) for w in _WORD.findall(question.lower()) for t in terms_of(w)]
    runs: list[list[Word]] = [[]]
    for word in words:
        if word.text in _FUNCTION_WORDS:
            runs.append([])
        else:
            runs[-1].append(word)
    telling = [run for run in runs if run]
    # "Who is who?" has no others.
    return telling or [[word] for word in words]


def is_function_word(word: str) -> bool:
    """Whether the word tells nothing of what a text is about."""
    return word.lower() in _FUNCTION_WORDS


def count_words(question: str) -> int:
    """How many words it has that are no function words."""
    return sum(word not in _FUNCTION_WORDS for word in _WORD.findall(question.lower()))


def shared_words(question: str, text: str) -> int:
    """How many of the question's words stand in the text, whatever their endings; function words
    count for nothing."""
    telling = {word.term for run in telling_words(question) for word in run}
    return len(telling.intersection(terms_of(text)))


def wordings(
    run: Sequence[Word], index: tantivy.Index, holds: Callable[[str], bool]
) -> list[list[Form]]:
    """The ways to write what a run of words says, one list for a word or a few; its own first.

    Other names of a place, and compounds written as one word ("Amir Abdollahian" and
    "Amirabdollahian"). For a word of which `holds` says no, what of the index it may be meant for.
    """
    searcher = index.searcher()
    found: list[list[Form]] = []
    position = 0
    while position < len(run):
        for size in range(min(_LONGEST_COMPOUND, len(run) - position), 0, -1):
            words = run[position : position + size]
            own = tuple(word.term for word in words)
            others = [*_OTHER_FORMS.get(own, []), *_joined(words, searcher)]
            if size == 1 and not holds(words[0].text):
                others += _meant(words[0], index)
            if others or size == 1:
                found.append([own, *others])
                position += size
                break
    return found


def bag_of_terms(question: str) -> list[str]:
    """The terms of a question for an index that takes no more than a bag of them.

    Its words, and once each what else they may be written as: other names of a place, words
    joined. A term that no text has does no harm.
    """
    terms: list[str] = []
    others: dict[str, None] = {}
    for run in telling_words(question):
        terms += [word.term for word in run]
        for size in range(1, _LONGEST_COMPOUND + 1):
            for position in range(len(run) - size + 1):
                words = run[position : position + size]
                own = tuple(word.term for word in words)
                for form in (*_OTHER_FORMS.get(own, ()), _compound(words)):
                    others |= dict.fromkeys(form)
    return terms + [term for term in others if term not in terms]


def _compound(words: Sequence[Word]) -> Form:
    """The words written as one; nothing if they cannot be."""
    text = "".join(word.text for word in words)
    if len(words) == 1 or len(text) < FEWEST_LETTERS or not text.isalpha():
        return ()
    return terms_of(text)


def _joined(words: Sequence[Word], searcher: tantivy.Searcher) -> list[Form]:
    term = _compound(words)
    return [term] if term and searcher.doc_freq("text", term[0]) else []


def _meant(word: Word, index: tantivy.Index) -> list[Form]:
    """What an unknown word may be: two words run together, a typing error, another spelling."""
    if not word.text.isalpha() or not edits(len(word.text)):
        return []
    return _parts(word.text, index) or [(t,) for t in _nearest(word.term, index.searcher())]


def _parts(text: str, index: tantivy.Index) -> list[Form]:
    """Two terms that follow one another somewhere, and that joined are the word."""
    searcher, schema = index.searcher(), index.schema
    found = []
    for middle in range(_SHORTEST_PART, len(text) - _SHORTEST_PART + 1):
        form = (*terms_of(text[:middle]), *terms_of(text[middle:]))
        if all(searcher.doc_freq("text", term) for term in form):
            phrase = tantivy.Query.phrase_query(schema, "text", list(form))
            if searcher.search(phrase, limit=1, count=False).hits:
                found.append(form)
    return found


def _nearest(term: str, searcher: tantivy.Searcher) -> list[str]:
    """The terms that are the fewest edits away, and those that sound alike; commonest first."""
    # The first letter is seldom wrong, unless the first two are swapped.
    starts = {term[0], term[1::-1], *_SAME_START.get(term[0], "")}
    # (term, in how many documents)
    terms = dict(pair for start in starts for pair in searcher.terms_with_prefix("text", start))
    most = max(edits(len(term)), min(len(term) // 2, _FAR_SOUND))
    close = [
        (other, distance)
        for other, distance, _ in process.extract(
            term, list(terms), scorer=OSA.distance, score_cutoff=most, limit=None
        )
    ]
    alike = [other for other, _ in close if same_sound(term, other)]
    errors = [(other, n) for other, n in close if mistyped(term, other, n)]
    fewest = min((distance for _, distance in errors), default=0)
    nearest = {*alike, *(other for other, distance in errors if distance == fewest)}
    return sorted(nearest, key=lambda other: (-terms[other], other))[:_NEAREST]


def query(concepts: Sequence[Sequence[Form]], index: tantivy.Index) -> tantivy.Query:
    """Any of the words, each in any of its forms.

    To BM25 a rare word tells more than a common one. The forms of one word are one word: each
    counts as much as the commonest of them.
    """
    searcher, schema = index.searcher(), index.schema
    documents = searcher.num_docs

    def idf(form: Form) -> float:
        held = [searcher.doc_freq("text", term) for term in form]
        return sum(math.log(1 + (documents - n + 0.5) / (n + 0.5)) for n in held)

    def term_query(term: str) -> tantivy.Query:
        return tantivy.Query.term_query(schema, "text", term, index_option="freq")

    def in_order(form: Form) -> tantivy.Query:
        if len(form) == 1:
            return term_query(form[0])
        return tantivy.Query.phrase_query(schema, "text", list(form))

    def any_of(queries: Sequence[tantivy.Query]) -> tantivy.Query:
        return tantivy.Query.boolean_query([(tantivy.Occur.Should, q) for q in queries])

    clauses: list[tantivy.Query] = []
    for own, *others in concepts:
        words = [term_query(term) for term in own]
        forms = [(own, any_of(words))] if any(searcher.doc_freq("text", t) for t in own) else []
        for other in others:
            if all(searcher.doc_freq("text", term) for term in other):
                forms.append((other, in_order(other)))
        if not forms:
            continue
        if len(forms) == 1 and forms[0][0] == own:
            clauses += words
            continue
        weight = min(idf(form) for form, _ in forms)
        clauses.append(
            tantivy.Query.disjunction_max_query(
                [tantivy.Query.boost_query(q, weight / idf(form)) for form, q in forms]
            )
        )
    return any_of(clauses) if clauses else tantivy.Query.empty_query()
