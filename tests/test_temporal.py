"""Words of time mean the days that a reader of the article would put a finger on."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.temporal import when_of
from rag.types import Interval

WEDNESDAY = "2023-12-06"
UNKNOWN = None

# What is asked about stands in brackets; without a third entry the article is of WEDNESDAY.
DATES = [
    ("The lock was opened on [2023-11-30].", "2023-11-30"),
    ("The log says [2023/11/30] at the top.", "2023-11-30"),
    ("Ratified [2023-11-30T10:30] local time.", "2023-11-30"),
    ("The ferry sank on [6 December 1987].", "1987-12-06"),
    ("The ferry sank on [Dec. 6], officials recalled.", "2023-12-06"),
    ("The ferry sank on [December 6, 1987], in fog.", "1987-12-06"),
    ("The ferry sank on [the 6th of December].", "2023-12-06"),
    ("The ferry sank [on the sixth of December 1987].", "1987-12-06"),
    ("The dock was closed on [13/11/2023].", "2023-11-13"),
    ("The dock was closed on [11/13/2023].", "2023-11-13"),
    ("The dock was closed on [6/11/2023].", UNKNOWN),
    ("The dock was closed on [7.7.2023].", "2023-07-07"),
    ("The envoy arrived on [14 November].", "2023-11-14"),
    ("The envoy arrived on [20 December].", "2022-12-20"),
    ("The envoy will arrive on [20 December].", "2023-12-20"),
    ("The envoy will arrive on [3 January].", "2024-01-03"),
    ("The envoy is due on [Jan 3].", "2024-01-03"),
    ("The council set [7 January] as the date of the poll.", "2024-01-07"),
    ("The hearing was adjourned until [11 January].", "2024-01-11"),
    ("An election was called for [4 July].", "2024-07-04"),
    ("The pact, signed on [4 July], takes effect in spring.", "2023-07-04"),
    ("The quake struck on [Tuesday, 5 December].", "2023-12-05"),
    ("The quake struck on [Tuesday], 5 December 2017.", "2017-12-05"),
    ("The quake struck on [Sunday, February 12], at noon.", "2023-02-12"),
    ("Polls open on [Tuesday, 19 March].", "2024-03-19"),
    ("The quake struck on Tuesday, [5 December 2017].", "2017-12-05"),
    ("The quake struck in [December] 2017, when it snowed.", "2017-12-01/2017-12-31"),
    ("The quake struck on 5 December [2017].", "2017-01-01/2017-12-31"),
    ("It was signed on 3 March [last year].", "2022-01-01/2022-12-31"),
    ("It was signed on [3 March last year].", "2022-03-03"),
    ("It was signed on [29 February].", "2020-02-29"),
    ("It was signed on [31 November 2020].", UNKNOWN),
    ("PORT ELLAN, [Dec 5] (Wire) - Ministers will meet again.", "2023-12-05"),
    ("The mill shut on the [12th] of November.", "2023-11-12"),
    ("The mill shut on [the 12th].", "2023-11-12"),
    ("The mill will reopen on [the 12th].", "2023-12-12"),
    ("The mill will reopen on [the 12th of next month].", "2024-01-12"),
    ("It opened on 3 March and shut again on [the 12th].", "2023-03-12"),
    ("The team finished in [12th] place.", UNKNOWN),
]

WEEKDAYS = [
    ("Envoys signed the accord on [Tuesday].", "2023-12-05"),
    ("Envoys signed the accord [on Wednesday].", "2023-12-06"),
    ("Envoys signed the accord on [Thursday].", "2023-11-30"),
    ("Envoys will sign the accord on [Tuesday].", "2023-12-12"),
    ("Envoys will sign the accord on [Thursday].", "2023-12-07"),
    ("The minister said on [Tuesday] it would reopen the pass next Monday.", "2023-12-05"),
    ("The minister said on Tuesday it would reopen the pass [next Monday].", "2023-12-11"),
    ("The minister said on Tuesday that the pass will reopen on [Friday].", "2023-12-08"),
    ("On [Friday], the harbour board will decide about the crane.", "2023-12-08"),
    ("The harbour board on [Friday] rejected the crane.", "2023-12-01"),
    ("The board told staff on [Monday] that nobody will lose a job.", "2023-12-04"),
    ("The board, which met on [Monday], will publish its findings on Friday.", "2023-12-04"),
    ("The board, which met on Monday, will publish its findings on [Friday].", "2023-12-08"),
    ("The talks, scheduled for [Saturday], were called off.", "2023-12-09"),
    ("The council voted on [Monday] to close the mill.", "2023-12-04"),
    ("Members agreed to meet again on [Sunday].", "2023-12-10"),
    ("The court ordered the firm to pay by [Friday].", "2023-12-08"),
    ("The firm has until [Friday] to appeal.", "2023-12-08"),
    ("Voters go to the polls on [Sunday].", "2023-12-10"),
    ("The exhibition opens on [Saturday].", "2023-12-09"),
    ("A man arrested on [Saturday] will appear in court on Friday.", "2023-12-02"),
    ("The road has been closed since [Friday].", "2023-12-01"),
    ("The trial is expected to start on [Monday].", "2023-12-11"),
    ("The trial was due to start on [Monday].", "2023-12-11"),
    ("The trial was to have started on [Monday].", "2023-12-04"),
    ("The trial could start as early as [Monday].", "2023-12-11"),
    (
        "Nobody at the firm could be reached, but on [Monday] it had denied the report.",
        "2023-12-04",
    ),
    ("“We will march on [Saturday],” the union said.", "2023-12-09"),
    ("“We marched on [Saturday],” the union said.", "2023-12-02"),
    ("The union's march, on [Saturday], drew thousands.", "2023-12-02"),
    ("Ahead of [Sunday's] vote, both sides held rallies.", "2023-12-10"),
    ("Officials said the talks on [Friday] would cover fishing.", "2023-12-08"),
    ("Officials said Velmora on [Friday] would sign the accord.", "2023-12-08"),
    ("The hearing was put off to [Thursday].", "2023-12-07"),
    ("The clerk was arrested [last Friday].", "2023-12-01"),
    ("The clerk was arrested last [Friday].", "2023-12-01"),
    ("The clerk was arrested [last Wednesday].", "2023-11-29"),
    ("The clerk will testify [this Friday].", "2023-12-08"),
    ("The clerk testified [this Monday].", "2023-12-04"),
    ("The clerk will testify on [Friday] next.", "2023-12-08"),
    ("The clerk will testify [on Tuesday next week].", "2023-12-12"),
    ("The clerk testified [on Tuesday last week].", "2023-11-28"),
    ("The clerk testified on [Tuesday of last week].", "2023-11-28"),
    ("The storm came [late on Monday].", "2023-12-04"),
    ("The storm came [Monday night].", "2023-12-04"),
    ("The storm came on [Monday] night.", "2023-12-04"),
    ("The gates were shut [shortly before dawn on Tuesday].", "2023-12-05"),
    ("The gates were shut [at 9 a.m. on Tuesday].", "2023-12-05"),
    ("The gates were shut [at around 21:30 local time on Sunday].", "2023-12-03"),
    ("They signed [on Tuesday, after eleven hours of talks].", "2023-12-05"),
    ("The gates were shut [early Sunday morning].", "2023-12-03"),
    ("The festival ran [from Friday to Sunday].", "2023-12-01/2023-12-03"),
    ("The festival will run [from Friday to Sunday].", "2023-12-08/2023-12-10"),
    ("Trains will not run on [Saturday and Sunday].", "2023-12-09/2023-12-10"),
    ("Trains will be replaced by buses [between Monday and Thursday].", "2023-12-11/2023-12-14"),
    ("The choir meets [on Tuesdays].", UNKNOWN),
    ("The choir meets every [Tuesday].", UNKNOWN),
    ("Her play was shown on a [Tuesday].", UNKNOWN),
    ("She writes for the [Sunday Ledger].", UNKNOWN),
]

NEAR = [
    ("The premier resigned [today].", "2023-12-06"),
    ("The premier resigned [yesterday].", "2023-12-05"),
    ("The premier resigned [yesterday evening].", "2023-12-05"),
    ("The premier will resign [tomorrow].", "2023-12-07"),
    ("Snow is forecast for [tonight].", "2023-12-06"),
    ("The premier resigned [this morning].", "2023-12-06"),
    ("The premier resigned [last night].", "2023-12-05"),
    ("The premier resigned [the day before yesterday].", "2023-12-04"),
    ("The premier resigned the day before [yesterday].", "2023-12-04"),
    ("The premier goes [the day after tomorrow].", "2023-12-08"),
    ("Shells fell on the port [overnight].", "2023-12-05/2023-12-06"),
    ("The premier spoke [earlier today].", "2023-12-06"),
    ("The premier resigned [a week ago today].", "2023-11-29"),
    ("The premier resigned [recently].", UNKNOWN),
    ("The premier will resign [soon].", UNKNOWN),
]

PERIODS = [
    ("Prices fell [last week].", "2023-11-27/2023-12-03"),
    ("Prices fell [this week].", "2023-12-04/2023-12-10"),
    ("Prices will fall [next week].", "2023-12-11/2023-12-17"),
    ("Prices fell [the week before last].", "2023-11-20/2023-11-26"),
    ("Prices fell [last month].", "2023-11-01/2023-11-30"),
    ("Prices will fall [next month].", "2024-01-01/2024-01-31"),
    ("Prices fell [last year].", "2022-01-01/2022-12-31"),
    ("Prices will fall [next year].", "2024-01-01/2024-12-31"),
    ("Prices fell [last quarter].", "2023-07-01/2023-09-30"),
    ("Prices fell [in the third quarter].", "2023-07-01/2023-09-30"),
    ("Prices fell in [the first quarter of 2022].", "2022-01-01/2022-03-31"),
    ("Prices fell in [the second quarter of last year].", "2022-04-01/2022-06-30"),
    ("Prices fell in [Q2 2021].", "2021-04-01/2021-06-30"),
    ("The bridge was shut [last weekend].", "2023-12-02/2023-12-03"),
    ("The bridge was shut [at the weekend].", "2023-12-02/2023-12-03"),
    ("The bridge will be shut [over the weekend].", "2023-12-09/2023-12-10"),
    ("The bridge will be shut [this weekend].", "2023-12-09/2023-12-10"),
    ("The bridge will be shut [next weekend].", "2023-12-16/2023-12-17"),
    ("The pass was shut [last winter].", "2022-12-01/2023-02-28"),
    ("The pass was shut [last spring].", "2023-03-01/2023-05-31"),
    ("The pass will be shut [next summer].", "2024-06-01/2024-08-31"),
    ("The pass was shut [this autumn].", "2023-09-01/2023-11-30"),
    ("The pass was shut in [the summer of 2019].", "2019-06-01/2019-08-31"),
    ("The pass will reopen [in the spring].", "2024-03-01/2024-05-31"),
    ("The pass was shut in the [fall] of 2021.", "2021-09-01/2021-11-30"),
    ("After [the fall of the capital], he fled.", UNKNOWN),
    ("They drink [spring water].", UNKNOWN),
    ("The pass was shut [earlier this year].", "2023-01-01/2023-12-06"),
    ("The pass was shut [earlier this month].", "2023-12-01/2023-12-06"),
    ("The pass was shut [earlier this week].", "2023-12-04/2023-12-06"),
    ("The pass will be shut [later this month].", "2023-12-06/2023-12-31"),
    ("The pass will be shut [later this year].", "2023-12-06/2023-12-31"),
    ("The pass was shut [late last month].", "2023-11-21/2023-11-30"),
    ("The pass was shut late [last month].", "2023-11-01/2023-11-30"),
    ("The pass will be shut [early next year].", "2024-01-01/2024-04-30"),
    ("The pass was shut [in mid-2019].", "2019-05-01/2019-08-31"),
    ("Output doubled [in the first half of 2023].", "2023-01-01/2023-06-30"),
    ("Output doubled in [the second half of last year].", "2022-07-01/2022-12-31"),
    ("The inn burned down in [the first week of October].", "2023-10-01/2023-10-07"),
    ("The inn burned down on [the last Friday of October].", "2023-10-27"),
    ("Rents rose in [the past two years].", "2021-12-06/2023-12-06"),
    ("The gates were opened [in the same week].", UNKNOWN),
]

MONTHS_AND_YEARS = [
    ("He pledged to help during his last visit [in August].", "2023-08-01/2023-08-31"),
    ("The inn burned down [in July].", "2023-07-01/2023-07-31"),
    ("The inn will open [in July].", "2024-07-01/2024-07-31"),
    ("The inn burned down [last July].", "2023-07-01/2023-07-31"),
    ("The inn will open [next July].", "2024-07-01/2024-07-31"),
    ("The inn burned down in [early October].", "2023-10-01/2023-10-10"),
    ("The inn burned down in [mid-October].", "2023-10-11/2023-10-20"),
    ("The inn burned down in [late October].", "2023-10-21/2023-10-31"),
    ("The inn burned down in late [October].", "2023-10-01/2023-10-31"),
    ("The inn will open at [the end of March].", "2024-03-21/2024-03-31"),
    ("The inn will open at [the beginning of March 2025].", "2025-03-01/2025-03-10"),
    ("The inn burned down in [March 2019].", "2019-03-01/2019-03-31"),
    ("The inn burned down in [Sept. 2019].", "2019-09-01/2019-09-30"),
    ("The inn burned down in [March last year].", "2022-03-01/2022-03-31"),
    ("The inn has been shut since [May].", "2023-05-01/2023-05-31"),
    ("Theresa [May] said the inn was shut.", UNKNOWN),
    ("[May] told reporters the inn was shut.", UNKNOWN),
    ("The [March] on the capital drew thousands.", UNKNOWN),
    ("An [august] body met.", UNKNOWN),
    ("The inn was built in [1998].", "1998-01-01/1998-12-31"),
    ("The inn was built [in 1998], after the war.", "1998-01-01/1998-12-31"),
    ("Emissions must halve [by 2030].", "2030-01-01/2030-12-31"),
    ("The [2,030] residents left.", UNKNOWN),
    ("Some [1500 people] fled.", UNKNOWN),
    ("The inn was built in [the 1990s].", "1990-01-01/1999-12-31"),
    ("The inn was built in [the early 1990s].", "1990-01-01/1993-12-31"),
    ("The inn was built in [the late 1880s].", "1887-01-01/1889-12-31"),
    ("The inn was built in [the '70s].", "1970-01-01/1979-12-31"),
    ("A woman in her [60s] was hurt.", UNKNOWN),
    ("The inn was built in [the 19th century].", "1801-01-01/1900-12-31"),
    ("The inn was built in [the eighteenth century].", "1701-01-01/1800-12-31"),
    ("The inn burned down on [New Year's Eve].", "2022-12-31"),
    ("The inn will open on [Christmas Day].", "2023-12-25"),
    ("The inn burned down on [Good Friday 2021].", "2021-04-02"),
]

RANGES = [
    ("The fair ran [from 3 to 5 March].", "2023-03-03/2023-03-05"),
    ("The fair ran [3-5 March 2021].", "2021-03-03/2021-03-05"),
    ("The fair ran from [March 3 to March 5, 2021].", "2021-03-03/2021-03-05"),
    ("The fair ran [March 3–5].", "2023-03-03/2023-03-05"),
    ("The fair will run [from 28 December to 2 January].", "2023-12-28/2024-01-02"),
    ("The fair ran on [3 and 4 March].", "2023-03-03/2023-03-04"),
    ("The fair ran [between 2019 and 2021].", "2019-01-01/2021-12-31"),
    ("The fair ran [between the 3rd of March and the 9th of May].", "2023-03-03/2023-05-09"),
    ("It ran between [the 3rd of March and the 9th of May].", "2023-03-03/2023-05-09"),
    ("The war of [1914-18] ruined it.", "1914-01-01/1918-12-31"),
    ("The fair ran [from March to June 2021].", "2021-03-01/2021-06-30"),
    ("The fair ran from March to [June] 2021.", "2021-06-01/2021-06-30"),
    ("The fair ran in [July and August].", "2023-07-01/2023-08-31"),
    ("The fair was moved from [Monday] to Thursday.", "2023-12-04"),
    ("The fair ran on [the weekend of 3 March].", "2023-03-04/2023-03-05"),
    ("The fair ran in [the week of 8 May].", "2023-05-08/2023-05-14"),
    ("The fair was held in [2015 and 2019].", UNKNOWN),
]

COUNTED = [
    ("The bank closed [two weeks ago].", "2023-11-22"),
    ("The bank closed [ten days ago].", "2023-11-26"),
    ("The bank closed [a fortnight ago].", "2023-11-22"),
    ("The bank closed [three months ago].", "2023-09-01/2023-09-30"),
    ("The bank closed [a month ago].", "2023-11-01/2023-11-30"),
    ("The bank closed [a year ago].", "2022-01-01/2022-12-31"),
    ("The bank closed [a year ago today].", "2022-12-06"),
    ("The bank closed [20 years ago].", "2003-01-01/2003-12-31"),
    ("The bank closed [about a decade ago].", "2013-01-01/2013-12-31"),
    ("The bank closed more than [two years ago].", UNKNOWN),
    ("The bank closed [twenty-five days ago].", "2023-11-11"),
    ("The bank closed [a few weeks ago].", UNKNOWN),
    ("The bank closed [two] weeks ago.", UNKNOWN),
    ("The bank will close [in two weeks' time].", "2023-12-20"),
    ("The bank will close [in three days].", "2023-12-09"),
    ("The bank must pay [within two weeks].", "2023-12-06/2023-12-20"),
    ("The bank was sold [in two weeks].", UNKNOWN),
    ("The bank will close [a week from Friday].", "2023-12-15"),
    ("The bank closed on 3 March and opened [two days later].", "2023-03-05"),
    ("The bank opened [two days later].", UNKNOWN),
    ("The bank opened on Monday; the vault had come [a week earlier].", "2023-11-27"),
    ("The vote was on Sunday and [the following day] he went.", "2023-12-04"),
    ("He went [the previous day].", UNKNOWN),
    ("He was freed [the same day].", UNKNOWN),
    ("He was held on 3 March and freed on [the same day].", "2023-03-03"),
    ("He died on 3 March 2019, [two days after] the crash.", "2019-03-03"),
    ("He died [two days after] the crash on 3 March.", "2023-03-05"),
    ("He died [the day after Christmas].", "2022-12-26"),
    ("He died [two hours before midnight on Monday].", "2023-12-04"),
    ("[Two days later], on Thursday, he was freed.", "2023-11-30"),
    ("Police said on Friday she was found [three days later].", UNKNOWN),
    ("He won in 2015 and lost [two years later].", "2017-01-01/2017-12-31"),
    ("Sales fell in July from [a year earlier].", "2022-07-01/2022-07-31"),
]

NO_TIME = [
    ("The talks went on for [three hours].", UNKNOWN),
    ("She was a judge for [22 years].", UNKNOWN),
    ("A [67-year-old] man was hurt.", UNKNOWN),
    ("It lay at [34 metres].", UNKNOWN),
    ("The envoy came from [Port Ellan].", UNKNOWN),
    ("It cost [1,998 crowns].", UNKNOWN),
    ("They signed [the accord] on Tuesday.", UNKNOWN),
    ("[A meeting on Tuesday] settled it.", UNKNOWN),
    ("He won [the second half] of the match.", UNKNOWN),
    ("A [quarter] of voters stayed at home.", UNKNOWN),
    ("He plays at [11 a.m.] as a rule.", UNKNOWN),
]

OTHER_DAYS = [
    ("The fire broke out [last Monday].", "2024-04-01", "2024-04-08"),
    ("The fire broke out on [Monday].", "2024-04-08", "2024-04-08"),
    ("The vote is on [31 January].", "2024-01-31", "2024-01-02"),
    ("The vote was on [31 December].", "2023-12-31", "2024-01-02"),
    ("The pass was shut [last month].", "2023-12-01/2023-12-31", "2024-01-02"),
    ("The pass was shut [last weekend].", "2024-03-30/2024-03-31", "2024-04-07"),
    ("The pass was shut [last winter].", "2022-12-01/2023-02-28", "2024-01-15"),
    ("The pass was shut in [December].", "2023-12-01/2023-12-31", "2024-01-15"),
    ("Ski lifts closed [a month ago].", "2024-02-01/2024-02-29", "2024-03-31"),
    ("The vote was on [Easter Sunday].", "2024-03-31", "2024-04-07"),
    ("The vote was on [6 December 2019].", "2019-12-06", None),
    ("The vote was on [6 December].", UNKNOWN, None),
    ("The vote was on [Tuesday].", UNKNOWN, None),
    ("The vote was [two weeks ago].", UNKNOWN, None),
]

CASES = [
    (sentence, expected, *(published or [WEDNESDAY]))
    for table in (
        DATES,
        WEEKDAYS,
        NEAR,
        PERIODS,
        MONTHS_AND_YEARS,
        RANGES,
        COUNTED,
        NO_TIME,
        OTHER_DAYS,
    )
    for sentence, expected, *published in table
]


def asked(marked: str) -> tuple[str, int, int]:
    """The text without the brackets, and where they stood."""
    before, _, rest = marked.partition("[")
    inside, _, after = rest.partition("]")
    return before + inside + after, len(before), len(before + inside)


def interval(text: str | None) -> Interval | None:
    if text is None:
        return None
    first, _, last = text.partition("/")
    return Interval(date.fromisoformat(first), date.fromisoformat(last or first))


@pytest.mark.parametrize(("marked", "expected", "published"), CASES)
def test_the_days_that_words_mean(marked: str, expected: str | None, published: str | None) -> None:
    text, start, end = asked(marked)
    day = None if published is None else date.fromisoformat(published)
    assert when_of(text, start, end, day) == interval(expected)


# --- whatever the text

# Words of time thrown together, as no article has them, between any other text.
SAID = """the a of on in to and between from until two 99 9999 12th 31 1998 2023-02-30 last next
this early late mid end start first week month year days century decades ago later before after
Tuesday March May 29 February Easter Christmas today tomorrow will said , . - – ’s"""
WORDS = st.sampled_from([*SAID.split(), "\n"])


@given(st.lists(WORDS | st.text(max_size=4), max_size=25), st.data(), st.none() | st.dates())
def test_whatever_the_text_the_days_are_in_order(
    said: list[str], data: st.DataObject, published: date | None
) -> None:
    text = " ".join(said)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    days = when_of(text, start, end, published)
    assert days is None or days.start <= days.end


@pytest.mark.parametrize("words", ["early ", "two days after ", "last ", "Monday and ", "a week "])
def test_words_without_end_are_no_trouble(words: str) -> None:
    text = words * 300
    assert when_of(text, 0, len(text), date(2023, 12, 6)) in (None, interval("2023-12-04"))


# --- the words around


def test_only_the_sentence_of_the_words_tells() -> None:
    text = "The pier will be rebuilt. Waves broke it on Tuesday. It will reopen on Friday."
    start = text.index("Tuesday")
    assert when_of(text, start, start + 7, date(2023, 12, 6)) == interval("2023-12-05")


def test_curly_apostrophes_and_hard_spaces_are_read_like_plain_ones() -> None:
    text = "The pier will reopen in two\u00a0weeks’ time."
    start = text.index("in two")
    assert when_of(text, start, len(text) - 1, date(2023, 12, 6)) == interval("2023-12-20")
