"""The page in a real Chromium, on the sample collection: what a reader sees and can do.

DATELINE_SCREENSHOTS=1 writes what it sees to tests/screenshots.
"""

import os
import re
import shutil
import statistics
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image
from test_real import ARTICLES, ROOT, command, environment, run, serving

from api.web.pages import HEADERS

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from axe_playwright_python.sync_playwright import Axe  # noqa: E402
from playwright.sync_api import Browser, BrowserContext, Page, expect  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.real,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium"),
]

SCREENSHOTS = Path(__file__).parent / "screenshots"
KEEP = bool(os.environ.get("DATELINE_SCREENSHOTS"))
LARGEST = 100_000  # bytes
WIDE, PHONE = {"width": 1000, "height": 900}, {"width": 360, "height": 740}

SURE = "At what depth did the wreck of the Skerry Dawn lie?"
DISPUTED = "How much would it cost to build the railway from Westhaven to Aldmoor?"
NOWHERE = "What is the boiling point of ethanol?"
CORPUS = """<script>window.hacked = 1</script><img src="//elsewhere.example/x" onerror="hacked=1">
{{ 7 * 7 }} Envoy Orla Quill was appointed harbour master of Zennick on Tuesday."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """(address, data folder) of a server over the sample collection."""
    data = tmp_path_factory.mktemp("browser") / "data"
    run(data, "ingest", ARTICLES)
    with serving(data) as (client, _):
        yield str(client.base_url).rstrip("/"), data


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with playwright.sync_playwright() as started:
        # Root has no sandbox; what is opened is our own page.
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Browser, served: tuple[str, Path]) -> Iterator[Callable[..., Page]]:
    """Opens an address of ours. Whatever the test does, no other host is asked, and the console
    stays silent: it would name what the content security policy had to stop."""
    address, _ = served
    contexts: list[BrowserContext] = []
    asked: set[str] = set()
    said: list[str] = []

    def open_(path: str = "/", viewport: dict[str, int] = WIDE, **options: Any) -> Page:
        context = browser.new_context(base_url=address, viewport=viewport, **options)
        context.set_default_timeout(20_000)
        contexts.append(context)
        context.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert asked == {urlsplit(address).netloc}
    assert said == []


def ask(page: Page, question: str) -> None:
    page.get_by_role("searchbox").fill(question)
    page.keyboard.press("Enter")
    expect(page.locator("#answer .about")).to_be_visible()
    expect(page).to_have_title(f"{question} – Dateline")


def assert_accessible(page: Page) -> None:
    """No serious finding of axe: of its rules, which are those of WCAG 2 A and AA and more."""
    found = Axe().run(page).response["violations"]
    serious = [f for f in found if f["impact"] in ("serious", "critical")]
    assert serious == [], [(f["id"], [n["html"] for n in f["nodes"]]) for f in serious]


def run_plain(data: Path, *arguments: str | Path) -> None:
    """A command that prints no JSON."""
    done = subprocess.run(command(*arguments), env=environment(data), cwd=ROOT, check=False)
    assert done.returncode == 0


def keep(page: Page, name: str, tmp_path: Path) -> None:
    """A picture of the top of the page, small enough for a repository."""
    path = tmp_path / f"{name}.png"
    page.screenshot(path=path, animations="disabled")
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(96).save(path, optimize=True)
    assert path.stat().st_size < LARGEST
    if KEEP:
        SCREENSHOTS.mkdir(exist_ok=True)
        shutil.copy(path, SCREENSHOTS)


def test_a_question_is_answered_with_its_evidence(
    open_page: Callable[..., Page], tmp_path: Path
) -> None:
    page = open_page()
    assert_accessible(page)
    keep(page, "start", tmp_path)
    ask(page, SURE)
    answer = page.locator(".answer.single")
    expect(answer.locator(".words")).to_have_text("34 metres")
    expect(answer.locator(".sure")).to_contain_text(re.compile(r"likely\s+\d\d%\s+\d independent"))
    card = answer.locator(".card").first
    expect(card.locator(".outlet")).to_have_text("Harbour Wire")
    expect(card.locator("time")).to_have_attribute("datetime", "2024-03-18")
    expect(card.locator(".source")).to_contain_text("ago")
    expect(card.locator("mark")).to_have_text("34 metres")
    expect(page.get_by_role("status")).to_contain_text("34 metres: likely")
    assert_accessible(page)
    keep(page, "answer", tmp_path)


def test_the_marked_sentence_is_one_click_away(
    open_page: Callable[..., Page], tmp_path: Path
) -> None:
    page = open_page(f"/?q={SURE}", viewport={"width": 1000, "height": 420})
    page.locator(".card").first.get_by_role("heading").get_by_role("link").click()
    mark = page.locator("#quote")
    expect(mark).to_have_text("34 metres")
    expect(mark).to_be_in_viewport()
    expect(page.locator(".sentence").first).to_contain_text("The floating crane Samson Grey")
    aside = page.get_by_role("complementary")
    expect(aside.get_by_text("The Fenwick Courier")).to_be_visible()
    aside.get_by_role("link", name="Crane brings wreck").click()
    expect(page.locator("#quote")).to_have_text("34 metres")  # the reprint has it too
    assert_accessible(page)
    page.set_viewport_size(WIDE)
    keep(page, "article", tmp_path)


def test_disputed_answers_stand_side_by_side_and_over_time(
    open_page: Callable[..., Page], tmp_path: Path
) -> None:
    page = open_page(f"/?q={DISPUTED}")
    expect(page.get_by_role("heading", name="Sources disagree")).to_be_visible()
    first, second = page.locator(".answer.rival").all()
    expect(first.locator(".words")).to_have_text("530 million crowns")
    expect(second.locator(".words")).to_have_text("480 million crowns")
    left, right = first.bounding_box(), second.bounding_box()
    assert left is not None
    assert right is not None
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] <= right["x"]
    steps = page.locator(".timeline li")
    expect(steps).to_have_count(2)
    expect(steps.nth(0)).to_have_text(re.compile(r"13 February 2024\s+480 million crowns"))
    expect(steps.nth(1)).to_have_text(re.compile(r"14 March 2024\s+530 million crowns"))
    assert_accessible(page)
    keep(page, "dispute", tmp_path)


def test_what_is_not_known_is_said_with_the_nearest_candidates(
    open_page: Callable[..., Page], tmp_path: Path
) -> None:
    page = open_page()
    ask(page, NOWHERE)
    expect(page.get_by_role("heading", name="I don’t know.")).to_be_visible()
    expect(page.locator(".answer.candidate")).to_have_count(3)
    expect(page.locator(".answer.candidate .sure").first).to_contain_text("doubtful")
    assert_accessible(page)
    keep(page, "unknown", tmp_path)


def test_filters_go_into_the_address_and_back_into_the_form(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.get_by_text("Only some of the articles").click()
    page.get_by_label("Published to").fill("2024-02-28")
    page.get_by_label("Northern Ledger").check()
    page.get_by_role("searchbox").fill(DISPUTED)
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator("#answer .about")).to_be_visible()
    assert "until=2024-02-28&source=Northern+Ledger" in page.url
    page.reload()
    expect(page.get_by_label("Northern Ledger")).to_be_checked()
    expect(page.get_by_label("Published to")).to_have_value("2024-02-28")
    page.go_back()
    expect(page.get_by_role("heading", name="To begin with")).to_be_visible()


def test_every_question_to_begin_with_has_an_answer(open_page: Callable[..., Page]) -> None:
    page = open_page()
    examples = page.locator(".examples a")
    assert examples.count() >= 3
    for question in examples.all_text_contents():
        page.goto(f"/?q={question}")
        expect(page.locator(".answer.single, .answer.rival").first).to_be_visible()


def test_the_keyboard_is_enough(open_page: Callable[..., Page]) -> None:
    page = open_page("/stories")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.goto("/articles")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    expect(page.get_by_role("searchbox")).to_have_value("")


def test_a_quotation_is_copied_with_its_citation(open_page: Callable[..., Page]) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    ask(page, SURE)
    page.get_by_text("Quote it").first.click()
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("“The floating crane Samson Grey brought up")
    assert copied.endswith("Harbour Wire, 18 March 2024 [harbourwire-ferry-raised 269:278]")


def test_a_thumb_up_becomes_gold(open_page: Callable[..., Page], served: tuple[str, Path]) -> None:
    _, data = served
    page = open_page()
    ask(page, SURE)
    page.get_by_role("button", name="“34 metres” is right").click()
    expect(page.get_by_text("Kept as right. Thank you.")).to_be_visible()
    out = data.parent / "gold.jsonl"
    run_plain(data, "feedback", "export", "--out", out)
    assert '"answers": ["34 metres"]' in out.read_text(encoding="utf-8")
    assert '"harbourwire-ferry-raised"' in out.read_text(encoding="utf-8")


def test_articles_are_uploaded_with_progress_asked_and_deleted(
    open_page: Callable[..., Page], tmp_path: Path
) -> None:
    page = open_page("/add")
    assert_accessible(page)
    keep(page, "add", tmp_path)
    (tmp_path / "hostile.txt").write_text(CORPUS, encoding="utf-8")
    (tmp_path / "odd.xyz").write_text("?", encoding="utf-8")
    page.get_by_label("Files of articles").set_input_files(
        [tmp_path / "hostile.txt", tmp_path / "odd.xyz"]
    )
    page.get_by_role("button", name="Add files").click()
    expect(page.get_by_role("status")).to_have_text("1 added, 0 updated, 0 unchanged, 1 skipped.")
    expect(page.get_by_text("unknown suffix '.xyz'")).to_be_visible()
    assert_accessible(page)
    keep(page, "added", tmp_path)
    page.get_by_role("link", name="hostile").click()
    expect(page.locator(".whole")).to_contain_text("<script>window.hacked = 1</script>")
    expect(page.locator(".whole")).to_contain_text("{{ 7 * 7 }}")
    assert page.evaluate("window.hacked") is None
    page.goto("/?q=Who was appointed harbour master of Zennick?")
    expect(page.locator(".words").first).to_contain_text("Orla Quill")
    assert page.evaluate("window.hacked") is None
    page.locator(".card a").first.click()
    expect(page.get_by_role("button", name="Yes, delete it")).to_be_hidden()
    page.get_by_text("Delete this article …").click()
    page.get_by_role("button", name="Yes, delete it").click()
    expect(page).to_have_url(re.compile("/articles$"))
    page.goto("/?q=Who was appointed harbour master of Zennick?")
    expect(page.locator("#answer")).to_contain_text("No article that was found mentions Zennick.")
    expect(page.locator("#answer")).not_to_contain_text("Orla Quill")


def test_without_script_one_can_ask_judge_and_add(open_page: Callable[..., Page]) -> None:
    page = open_page(java_script_enabled=False)
    page.get_by_role("searchbox").fill(SURE)
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator(".words").first).to_have_text("34 metres")
    page.get_by_role("button", name="“34 metres” is right").click()
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    page.get_by_role("link", name="Back to the question").click()
    page.get_by_text("Quote it").first.click()
    expect(page.get_by_text("[harbourwire-ferry-raised 269:278]")).to_be_visible()
    page.goto("/add")
    page.get_by_label("Title").fill("Pasted")
    page.get_by_label("Text").fill("The lamp of Corrow was lit again on Friday.")
    page.get_by_role("button", name="Add article").click()
    expect(page.get_by_role("heading", name="Pasted")).to_be_visible()
    page.get_by_text("Delete this article …").click()
    page.get_by_role("button", name="Yes, delete it").click()
    expect(page).to_have_url(re.compile("/articles$"))


def test_it_is_dark_where_one_wants_it_dark(open_page: Callable[..., Page], tmp_path: Path) -> None:
    page = open_page(f"/?q={DISPUTED}", color_scheme="dark")
    expect(page.locator("body")).to_have_css("background-color", "rgb(21, 23, 26)")
    assert_accessible(page)
    keep(page, "dark", tmp_path)
    page.locator(".card a").first.click()
    assert_accessible(page)


@pytest.mark.parametrize("path", ["/", f"/?q={DISPUTED}", "/articles", "/stories", "/add"])
def test_it_fits_a_phone(open_page: Callable[..., Page], tmp_path: Path, path: str) -> None:
    page = open_page(path, viewport=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert_accessible(page)
    if path == f"/?q={DISPUTED}":
        keep(page, "phone", tmp_path)
        page.locator(".card a").first.click()
        expect(page.locator("#quote")).to_be_in_viewport()
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_the_lists_are_in_order(open_page: Callable[..., Page], tmp_path: Path) -> None:
    page = open_page("/articles")
    assert_accessible(page)
    page.get_by_role("searchbox").fill("ferry")
    page.keyboard.press("Enter")
    expect(page.locator(".list li").first).to_contain_text(re.compile("ferry", re.IGNORECASE))
    keep(page, "articles", tmp_path)
    page.goto("/stories")
    expect(page.locator(".list > li").first.locator(".tellings li")).not_to_have_count(1)
    keep(page, "stories", tmp_path)


def test_the_browser_keeps_to_the_policy(browser: Browser, served: tuple[str, Path]) -> None:
    page = browser.new_page()
    page.goto(served[0])
    with page.expect_console_message() as told:
        page.evaluate("document.body.setAttribute('style', 'color: red')")
    assert "style-src 'self'" in HEADERS["Content-Security-Policy"]
    assert "Content Security Policy" in told.value.text
    page.close()


def test_a_service_that_is_busy_or_gone_is_told(browser: Browser, served: tuple[str, Path]) -> None:
    page = browser.new_page()
    page.goto(served[0])
    refusal = {"status": 429, "content_type": "application/problem+json", "body": "{}"}
    page.route("**/?q=*", lambda route: route.fulfill(**refusal))
    page.get_by_role("searchbox").fill(SURE)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("The service is busy. Ask again in a moment.")
    page.unroute("**/?q=*")
    page.route("**/?q=*", lambda route: route.abort())
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    page.unroute("**/?q=*")
    page.keyboard.press("Enter")
    expect(page.locator(".words").first).to_have_text("34 metres")
    page.close()


def test_it_is_fast(open_page: Callable[..., Page]) -> None:
    page = open_page()
    ask(page, SURE)  # what is loaded at the first question is no part of it
    paints, answers = [], []
    for question in (SURE, NOWHERE, "Who is Felix Orrin?", DISPUTED, SURE):
        page.goto("/")
        paints.append(
            page.evaluate(
                """() => new Promise(resolve => new PerformanceObserver(list => {
                  const paint = list.getEntriesByName('first-contentful-paint')[0];
                  if (paint) resolve(paint.startTime);
                }).observe({type: 'paint', buffered: true}))"""
            )
        )
        page.get_by_role("searchbox").fill(question)
        answers.append(
            page.evaluate(
                """() => new Promise(resolve => {
                  const start = performance.now();
                  document.addEventListener('htmx:afterSettle',
                    () => requestAnimationFrame(() => resolve(performance.now() - start)));
                  document.querySelector('form.ask').requestSubmit();
                })"""
            )
        )
    print(
        f"first paint {statistics.median(paints):.0f} ms, "
        f"answer {statistics.median(answers):.0f} ms (medians of {len(paints)})"
    )
    # Far above what is wanted (100 and 300 ms): a busy machine must not fail it.
    assert statistics.median(paints) < 1000
    assert statistics.median(answers) < 3000


def test_the_page_of_the_api_runs_its_examples(open_page: Callable[..., Page]) -> None:
    page = open_page("/docs")
    assert_accessible(page)
    search = page.get_by_role("region", name="POST /v1/search", exact=True)
    search.get_by_role("button", name="Send").click()
    expect(search.get_by_role("status")).to_have_text("200 OK")
    expect(search.locator(".returned")).to_contain_text('"query": "water treaty"')
    one = page.get_by_role("region", name="GET /v1/articles/{article_id}", exact=True)
    one.get_by_role("textbox", name="article_id").fill("harbourwire-ferry-raised")
    one.get_by_role("button", name="Send").click()
    expect(one.locator(".returned")).to_contain_text("Sunken ferry lifted")
    asked = page.get_by_role("region", name="POST /v1/ask", exact=True)
    asked.get_by_role("button", name="Only what was known on a day, from one outlet").click()
    expect(asked.locator("textarea")).to_have_value(re.compile('"as_of": "2024-03-31"'))
    assert_accessible(page)


def test_the_page_of_the_api_fits_a_phone(open_page: Callable[..., Page]) -> None:
    page = open_page("/docs", PHONE)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE["width"]
