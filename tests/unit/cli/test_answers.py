"""A photo's answer for people."""

import io

from aisle.search.v1 import search_pb2
from rich.console import Console

from services.cli.answers import answer, coverage_line, timing_line, verdict_line
from services.client.conversion import from_response
from tests.support.answers import answer_of


def test_a_partial_answer_says_what_is_missing() -> None:
    """The share, what was searched, and what is missing with its reason."""
    line = coverage_line(from_response(answer_of("p", partial=True)).coverage)
    assert line == "coverage 88%: searched shoes 88%; missing bags (late: 250 ms were not enough)"


def test_a_whole_answer_says_so() -> None:
    """Nothing is missing, and the line ends there."""
    assert coverage_line(from_response(answer_of("p", partial=False)).coverage) == "coverage 100%: searched shoes 88%"


def test_no_good_match_is_said_in_words() -> None:
    """With the best hit's probability; a match needs no line."""
    response = answer_of("p", partial=False)
    assert verdict_line(from_response(response)) == ""
    response.verdict = search_pb2.Verdict.VERDICT_NO_GOOD_MATCH
    response.hits[0].score = 0.125
    line = "no good match: the best hit is right with a probability of 12% only"
    assert verdict_line(from_response(response)) == line
    console = Console(file=io.StringIO(), width=120)
    console.print(answer("shelf.jpg", from_response(response)))
    assert line in console.file.getvalue()  # type: ignore[attr-defined]


def test_stages_are_told_in_their_order() -> None:
    """With milliseconds."""
    assert timing_line({"decode": 2.5, "total": 20.04}) == "decode 2.5 ms · total 20.0 ms"


def test_product_ids_are_shown_as_they_are() -> None:
    """An id that looks like markup is no markup."""
    console = Console(file=io.StringIO(), width=120)
    console.print(answer("shelf[1].jpg", from_response(answer_of("[red]p1", partial=False))))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "shelf[1].jpg" in shown
    assert "[red]p1" in shown


def test_scores_that_nothing_was_learned_about_are_said_to_rank_only() -> None:
    """Else 0.987 would look sure; where nothing was found, there are no scores."""
    response = answer_of("p", partial=False)
    response.verdict = search_pb2.Verdict.VERDICT_UNSPECIFIED
    assert "scores only rank" in verdict_line(from_response(response))
    del response.hits[:]
    assert verdict_line(from_response(response)) == ""
