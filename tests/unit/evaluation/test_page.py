"""The page carries all it shows, shows names as they are, and says what went wrong."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from services.client.types import Policy
from services.evaluation.observation import ShownHit
from services.evaluation.page import render
from services.evaluation.report import Extras, make_report
from services.evaluation.schema import Report
from services.photo.labelled import LabelledPhoto
from tests.support.shoppers import GALLERY, SETTING, catalog, make_shop, query, random_report, report_of, seen

B, T = Policy.BASELINE, Policy.TOP_1
EVIL = "<script>alert(1)</script>\"'&"
_VOID = {"meta", "link", "img", "line", "rect", "path", "br", "circle"}


class _Page(HTMLParser):
    """Notes tags, attributes and text, and complains about tags that don't close."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _words(page: _Page) -> str:
    return " ".join(page.text.replace("\N{NO-BREAK SPACE}", " ").split())


def _evil_report() -> Report:
    """One photo of each kind of answer, with names that try to break out."""
    hits = (ShownHit(EVIL, EVIL, 0.9, "../../etc/passwd"),)
    observations = [
        seen(0, B, (3,), hits=hits, searched=("",)),
        seen(0, T, hits=hits, searched=("Bag",), predicted=(EVIL, 0.9)),
    ]
    return make_report(
        [query(0, EVIL, EVIL)], observations, catalog({EVIL: EVIL}), {EVIL: EVIL}, SETTING, extras=Extras()
    )


@pytest.mark.parametrize("report", [random_report(), _evil_report()], ids=["usual", "evil"])
def test_nothing_is_loaded_from_anywhere(report: Report, tmp_path: Path) -> None:
    """No script, no style sheet, no address: whoever opens the file needs nothing else and tells nobody."""
    html = render(report, tmp_path)
    page = _Page(html)
    assert {"script", "iframe", "object", "embed", "base", "form"}.isdisjoint(page.tags)
    for name, value in page.attributes:
        assert not name.startswith("on")
        if name in {"src", "href", "srcset", "data", "poster"}:
            assert value.startswith("data:")
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert not re.search(r"https?://", html)


def test_names_are_text_whatever_is_in_them(tmp_path: Path) -> None:
    """A category called <script> is shown as that, in text and attributes."""
    report = _evil_report()
    html = render(report, tmp_path)
    assert "<script" not in html
    assert EVIL in _Page(html).text
    assert (f"taken for {EVIL}, {EVIL} was not searched") in _words(_Page(html))


def test_pictures_are_carried_along(tmp_path: Path) -> None:
    """Photo, wanted product and hits as JPEG data; an empty frame for no picture and for what lies outside the root."""
    make_shop(tmp_path, [LabelledPhoto("photos/0.jpg", "Shoe", "shoe-1")])
    (tmp_path.parent / "secret.png").write_bytes((tmp_path / GALLERY["hat-1"]).read_bytes())
    (tmp_path / GALLERY["bag-1"]).write_bytes(b"no picture")
    hits = tuple(
        ShownHit(name, "Shoe", 0.5, path)
        for name, path in [
            ("shoe-1", GALLERY["shoe-1"]),
            ("bag-1", GALLERY["bag-1"]),
            ("out", "../secret.png"),
        ]
    )
    observations = [seen(0, B, (2,), hits=hits), seen(0, T, (1,), hits=hits[:1])]
    report = report_of([query()], observations)
    page = _Page(render(report, tmp_path))
    sources = [value for name, value in page.attributes if name == "src"]
    assert len(sources) == 4
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    empty = [value for name, value in page.attributes if name == "aria-label" and value.endswith("no picture")]
    assert empty == ["bag-1: no picture", "out: no picture"]


def test_the_headline_says_what_was_gained(tmp_path: Path) -> None:
    """Right product always first against never in the first place but second: a gain of 100 % or so is told as such."""
    queries = [query(n) for n in range(20)]
    observations = [seen(n, B, (2 if n % 2 else 1,)) for n in range(20)]
    observations += [seen(n, T, (1,), latency_ms=11.0) for n in range(20)]
    report = report_of(queries, observations)
    words = _words(_Page(render(report, tmp_path)))
    # recall@1 0.5 -> 1 (+100 %), recall@5 stays, mAP 0.75 -> 1 (+33 %): 44 % in the mean
    assert "makes the answers 44 % better, for 1.10 times the latency." in words


def test_a_gain_that_may_be_chance_is_no_headline(tmp_path: Path) -> None:
    """The interval holds 0: the page says so instead of boasting."""
    queries = [query(n) for n in range(20)]
    observations = [seen(n, B, (1 if n != 3 else 2,)) for n in range(20)]
    observations += [seen(n, T, (1 if n != 5 else 4,)) for n in range(20)]
    report = report_of(queries, observations)
    assert "makes no difference that 20 photos could prove" in _words(_Page(render(report, tmp_path)))


def test_errors_and_partial_answers_are_told(tmp_path: Path) -> None:
    """In a warning at the top, in the table, and with their reasons."""
    observations = [
        seen(0, B, (1,)),
        seen(1, B, (1,)),
        seen(0, T, (1,), outcome="partial"),
        seen(1, T, outcome="error", error="NOT_SERVING"),
    ]
    report = report_of([query(0), query(1)], observations)
    words = _words(_Page(render(report, tmp_path)))
    assert "found nothing: 1. Partial answers, in which a shard did not answer: 1." in words
    assert "NOT_SERVING 1" in words


def test_the_page_shows_each_part_of_the_report(tmp_path: Path) -> None:
    """Losses, break-even, the curve, the diagrams, the verdicts, the surest mistakes and the matrix."""
    report = random_report()
    html = render(report, tmp_path)
    page = _Page(html)
    words = _words(page)
    for heading in (
        "Where photos are lost",
        "Does one aisle pay?",
        "The price of safety",
        "Can its confidence be believed?",
        "“No good match”",
        "Surest mistakes",
        "Who is taken for whom",
    ):
        assert heading in words
    assert words.count("off by") == 1 + 4  # the classifier, and each policy but the baseline
    assert page.tags.count("circle") == 3 * (7 + 5)  # in each panel TOP_P's masses and the policies
    assert page.tags.count("article") == len(report.worst) + len(report.cases)


def test_the_page_warns(tmp_path: Path) -> None:
    """In the same words as the report that programs read."""
    queries = [query(n) for n in range(4)]
    observations = [seen(n, policy, (1,), predicted=("Bag", 0.9)) for n in range(4) for policy in (B, T)]
    report = report_of(queries, observations, oracle=[seen(n, T, (1,)) for n in range(4)])
    assert report.notices
    words = _words(_Page(render(report, tmp_path)))
    for notice in report.notices:
        assert " ".join(notice.text.split()) in words


@pytest.mark.parametrize("policies", [[B], [T], [B, Policy.ALL]])
def test_any_choice_of_policies_makes_a_page(policies: list[Policy], tmp_path: Path) -> None:
    """Without baseline or cascade there is no gain to tell, and the rest is shown."""
    words = _words(_Page(render(random_report(policies=policies), tmp_path)))
    assert "How well Aisle finds what is in the photo." in words


def test_a_run_of_errors_without_products_makes_a_page(tmp_path: Path) -> None:
    """The emptiest report there can be."""
    observations = [seen(0, policy, outcome="error", error="NOT_SERVING") for policy in (B, T)]
    report = report_of([query(0, "")], observations)
    assert "NOT_SERVING 1" in _words(_Page(render(report, tmp_path)))
