"""One figure in digits and in words, and figures that only look alike."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.quantities import Quantity, holds_number, parse_quantity, same_quantity

MILLION = 1_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("five million", Quantity(Fraction(5 * MILLION), "")),
        ("5m", Quantity(Fraction(5 * MILLION), "")),
        ("5,000,000", Quantity(Fraction(5 * MILLION), "")),
        ("5 million people", Quantity(Fraction(5 * MILLION), "person")),
        ("$5m", Quantity(Fraction(5 * MILLION), "dollar")),
        ("US$5 million", Quantity(Fraction(5 * MILLION), "dollar")),
        ("A$5m", Quantity(Fraction(5 * MILLION), "australian dollar")),
        ("5 million Australian dollars", Quantity(Fraction(5 * MILLION), "australian dollar")),
        ("€41 million", Quantity(Fraction(41 * MILLION), "euro")),
        ("41 million euros", Quantity(Fraction(41 * MILLION), "euro")),
        ("1.5bn", Quantity(Fraction(1500 * MILLION), "")),
        ("5k", Quantity(Fraction(5000), "")),
        ("nine", Quantity(Fraction(9), "")),
        ("Nine.", Quantity(Fraction(9), "")),
        ("twenty-one", Quantity(Fraction(21), "")),
        ("two hundred and five", Quantity(Fraction(205), "")),
        ("one hundred thousand", Quantity(Fraction(100_000), "")),
        ("two million three hundred and five thousand", Quantity(Fraction(2_305_000), "")),
        ("a hundred", Quantity(Fraction(100), "")),
        ("a dozen people", Quantity(Fraction(12), "person")),
        ("two dozen", Quantity(Fraction(24), "")),
        ("half", Quantity(Fraction(1, 2), "")),
        ("half a million", Quantity(Fraction(500_000), "")),
        ("half an hour", Quantity(Fraction(1, 2), "hour")),
        ("a third", Quantity(Fraction(1, 3), "")),
        ("two thirds", Quantity(Fraction(2, 3), "")),
        ("almost two-thirds", Quantity(Fraction(2, 3), "", "about")),
        ("two and a half hours", Quantity(Fraction(5, 2), "hour")),
        ("one and a half million", Quantity(Fraction(1_500_000), "")),
        ("3½ hours", Quantity(Fraction(7, 2), "hour")),
        ("½", Quantity(Fraction(1, 2), "")),
        ("eleven hours", Quantity(Fraction(11), "hour")),
        ("62 cubic metres", Quantity(Fraction(62), "cubic metre")),
        ("62 cubic meters of water a second", Quantity(Fraction(62), "cubic metre")),
        ("300 gigawatt hours of solar power", Quantity(Fraction(300), "gigawatt hour")),
        ("34 metres", Quantity(Fraction(34), "metre")),
        ("34 metres deep", Quantity(Fraction(34), "metre")),
        ("34 metres down", Quantity(Fraction(34), "metre")),
        ("18 miles per hour", Quantity(Fraction(18), "mile")),
        ("34 m", Quantity(Fraction(34), "metre")),
        ("5km", Quantity(Fraction(5), "kilometre")),
        ("six feet", Quantity(Fraction(6), "foot")),
        ("1,100-tonne", Quantity(Fraction(1100), "tonne")),
        ("12%", Quantity(Fraction(12), "%")),
        ("12 percent", Quantity(Fraction(12), "%")),
        ("12 per cent of the vote", Quantity(Fraction(12), "%")),
        ("0.5 percentage points", Quantity(Fraction(1, 2), "percentage point")),
        ("at least 11 people", Quantity(Fraction(11), "person", "least")),
        ("more than 60 square kilometres", Quantity(Fraction(60), "square kilometre", "least")),
        ("up to 5", Quantity(Fraction(5), "", "most")),
        ("some 1,800 people", Quantity(Fraction(1800), "person", "about")),
        ("a total of 8 people were killed", Quantity(Fraction(8), "dead")),
        ("11 dead", Quantity(Fraction(11), "dead")),
        ("9,400 passengers a day", Quantity(Fraction(9400), "passenger")),
        ("two cities", Quantity(Fraction(2), "city")),
        ("three children", Quantity(Fraction(3), "child")),
        ("85 dollars a barrel", Quantity(Fraction(85), "dollar")),
        ("$5 a barrel", Quantity(Fraction(5), "dollar")),
        ("-5 degrees", Quantity(Fraction(-5), "degree")),
        ("minus 5 degrees", Quantity(Fraction(-5), "degree")),
    ],
)
def test_parse_quantity(text: str, expected: Quantity) -> None:
    assert parse_quantity(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Tuesday",
        "7 May",
        "24 January",
        "5.5.2024",
        "10:30",
        "10 am",
        "10am",
        "3-2",
        "40-50",
        "88 votes to 51",
        "1,234,56",
        "12,5",
        "21st",
        "third",
        "3D",
        "Tolden 4",
        "one of the men",
        "one in five",
        "22 of the survivors",
        "one two",
        "twenty twenty",
        "dozens",
        "hundreds",
        "a",
        "a beginning with the right verbs",
        "an hour",
        "70 years ago",
        "one day see a show",
        "988 an easy number to remember",
        "Ten Commandments",
        "2026 Winter Games",
        "$5 million euros",
        "14 things that nobody would ever count",
    ],
)
def test_what_is_no_quantity(text: str) -> None:
    assert parse_quantity(text) is None


def same(a: str, b: str) -> bool:
    one, two = parse_quantity(a), parse_quantity(b)
    assert one is not None
    assert two is not None
    assert same_quantity(one, two) == same_quantity(two, one)
    return same_quantity(one, two)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("five million", "5m"),
        ("5 million dollars", "$5m"),
        ("five million", "$5m"),
        ("12 per cent", "12%"),
        ("half", "50 per cent"),
        ("at least 11", "11"),
        ("at least 11 people", "eleven"),
        ("11 people", "11 dead"),
        ("143 people", "143 passengers"),
        ("12 police officers", "twelve officers"),
        ("5 km", "five kilometers"),
        ("about 5", "more than 5"),
    ],
)
def test_one_figure(a: str, b: str) -> None:
    assert same(a, b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("1.5 million", "15 million"),
        ("5", "-5"),
        ("5 km", "5 hours"),
        ("5 euros", "$5"),
        ("$5m", "A$5m"),
        ("12", "0.12"),
        ("11 dead", "11 injured"),
        ("5 cubic metres", "5 metres"),
        ("430 bats", "430 people"),
        ("12 civilians", "12 soldiers"),
        ("at least 11", "up to 11"),
        ("half", "5 per cent"),
        ("a third", "33 per cent"),
    ],
)
def test_two_figures(a: str, b: str) -> None:
    assert not same(a, b)


@given(st.integers(0, 10**12 - 1))
def test_digits_with_and_without_commas_are_one_figure(number: int) -> None:
    assert (
        parse_quantity(str(number))
        == parse_quantity(f"{number:,}")
        == Quantity(Fraction(number), "")
    )


@given(st.text(max_size=40))
def test_any_text_is_a_quantity_or_none(text: str) -> None:
    quantity = parse_quantity(text)
    assert quantity is None or same_quantity(quantity, quantity)


@pytest.mark.parametrize("text", ["5 boats", "Eleven came", "a million", "½ a day", "a third came"])
def test_a_number_stands_in_it(text: str) -> None:
    assert holds_number(text)


@pytest.mark.parametrize("text", ["", "none came", "the tenor of the talks", "often", "behalf"])
def test_no_number_stands_in_it(text: str) -> None:
    assert not holds_number(text)
