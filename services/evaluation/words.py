"""The words and number formats that the page and the terminal share. Pure."""

from typing import NamedTuple

from services.evaluation.schema import Case, CaseAnswer

_THIN_SPACE = "\N{NARROW NO-BREAK SPACE}"
_MINUS = "\N{MINUS SIGN}"
_PERCENT = f"{_THIN_SPACE}%"
NONE = "\N{EN DASH}"
"""Stands for a figure that is not known."""


class PolicyWords(NamedTuple):
    """A policy's name for people, and what it does."""

    name: str
    meaning: str


POLICY_WORDS = {
    "baseline": PolicyWords("Baseline", "one index over everything, no classifier"),
    "top_1": PolicyWords("Top 1", "the likeliest aisle only: the published cascade"),
    "top_p": PolicyWords("Top p", "the likeliest aisles, until they hold most of the probability"),
    "all": PolicyWords("All", "every aisle, merged"),
    "adaptive": PolicyWords("Adaptive", "the likely aisles, similarity and the classifier's view together"),
}

STAGE_WORDS = {
    "decode": "decode the photo",
    "models": "embed and classify, side by side",
    "route": "choose aisles",
    "scatter": "search the shards",
    "merge": "merge",
    "rest": "everything between",
}

CASE_WORDS = {
    "gained": "The cascade finds it, the baseline does not",
    "lost": "The baseline finds it, the cascade does not",
    "both_right": "Both find it",
    "both_wrong": "Neither puts it first",
}


def reason_words(case: Case, answer: CaseAnswer) -> str:
    """Say why the right product stands where it does in an answer."""
    match answer.reason:
        case "first":
            return "right at first place"
        case "ranked_below":
            return f"the right one is at place {answer.rank}: others look more alike"
        case "beyond_top_k":
            return "searched, but too many others look more alike"
        case "not_routed":
            return f"wrong aisle: taken for {case.predicted or 'nothing'}, {case.category} was not searched"
        case "shard_missing":
            return f"the shard of {case.category} did not answer"


def count(value: float) -> str:
    """Write a whole number in groups of three."""
    return f"{value:,.0f}".replace(",", _THIN_SPACE)


def percent(share: float | None, digits: int = 1, unit: str = _PERCENT) -> str:
    """Write a share as a percentage."""
    return NONE if share is None else f"{share * 100:.{digits}f}{unit}"


def signed(percents: float | None, digits: int = 1, unit: str = _PERCENT) -> str:
    """Write a relative change that is in percent already, with its sign."""
    if percents is None:
        return NONE
    sign = "+" if round(percents, digits) >= 0 else _MINUS
    return f"{sign}{abs(percents):.{digits}f}{unit}"


def ms(milliseconds: float | None, digits: int = 1) -> str:
    """Write a time in milliseconds, without its unit."""
    return NONE if milliseconds is None else f"{milliseconds:.{digits}f}"
