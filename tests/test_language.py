"""The language of a text is told when it is beyond doubt."""

import pytest

from rag.fields import article_from_mapping
from rag.language import detect_language, language_code

ENGLISH = (
    "The harbour bridge of Port Ellan was closed on Tuesday after engineers found a crack in its"
    " northern pier. The mayor said that the city would pay for the repairs, which are expected to"
    " take three weeks, and that ferries would run every hour until then."
)
GERMAN = (
    "Die Hafenbrücke von Port Ellan wurde am Dienstag gesperrt, nachdem Ingenieure einen Riss im"
    " nördlichen Pfeiler gefunden hatten. Der Bürgermeister sagte, die Stadt werde die Reparatur"
    " bezahlen, die wohl drei Wochen dauern wird."
)
FRENCH = (
    "Le pont du port a été fermé mardi après la découverte d’une fissure dans le pilier nord. Le"
    " maire a déclaré que la ville paierait les réparations, qui devraient durer trois semaines,"
    " et que des bateaux partiraient toutes les heures."
)
CROATIAN = (
    "Lučki most u Port Ellanu zatvoren je u utorak nakon što su inženjeri pronašli pukotinu na"
    " sjevernom stupu. Gradonačelnik je rekao da će grad platiti popravke, koji bi trebali trajati"
    " tri tjedna, te da će trajekti voziti."
)
NAMES = " ".join(["Håkansen, García, Dupont, Müller, Wei, Khan, Silva, Ivanova, Sato, Quill."] * 4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ENGLISH, "en"),
        (ENGLISH.upper(), "en"),
        (GERMAN, "de"),
        (FRENCH, "fr"),
        (ENGLISH * 50, "en"),
        (CROATIAN, "hr"),
        (f"{ENGLISH} “{GERMAN[:60]}”, she said.", "en"),
        (GERMAN[:150], None),
        (ENGLISH[:40], None),
        (NAMES, None),
        ("10 7 2 1 | 23 " * 40, None),
        ("", None),
    ],
)
def test_a_language_is_told_from_a_text_long_enough(text: str, expected: str | None) -> None:
    assert detect_language(text) == expected


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("en", "en"),
        ("en-GB", "en"),
        ("EN_us", "en"),
        (" fr-CA ", "fr"),
        ("eng", "en"),
        ("yue-Hant", "yue"),
        ("English", None),
        ("und", None),
        ("x-default", None),
        ("", None),
    ],
)
def test_a_tag_names_a_language(tag: str, expected: str | None) -> None:
    assert language_code(tag) == expected


@pytest.mark.parametrize(
    ("given", "expected"), [("en-GB", "en"), ("English", "de"), ("und", "de"), (None, "de")]
)
def test_metadata_goes_before_the_text(given: str | None, expected: str) -> None:
    assert article_from_mapping({"text": GERMAN, "lang": given}).language == expected
