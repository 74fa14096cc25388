"""The words and number formats that the page and the terminal share. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from services.evaluation.schema import Case, CaseAnswer, Reason

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

ORACLE_WORDS = PolicyWords("Perfect", "Top 1 if its classifier were always right: a bound, no policy")

STAGE_WORDS = {
    "decode": "decode the photo",
    "models": "embed and classify, side by side",
    "route": "choose aisles",
    "scatter": "search the shards",
    "merge": "merge",
    "rest": "everything between",
}

LOSS_WORDS = {
    "found": "found",
    "ranked_below": "ranked below",
    "not_routed": "wrong aisle",
    "index_missed": "index missed it",
    "shard_missing": "late or lost shard",
    "failed": "search failed",
    "not_in_gallery": "not in the catalogue",
}
"""What became of the right product, in the order of charts."""

_REASON_WORDS: Mapping[Reason, str] = {
    "first": "right at first place",
    "ranked_below": "the right one is at place {rank}: others look more alike",
    "beyond_top_k": "searched, but too many others look more alike",
    "index_missed": "searched, and its index did not bring it up",
    "not_routed": "wrong aisle: taken for {taken_for}, {category} was not searched",
    "shard_missing": "the shard of {category} did not answer",
    "not_in_gallery": "not in the catalogue: nothing can find it",
    "failed": "the search ended with an error",
}

CASE_WORDS = {
    "gained": "The cascade finds it, the baseline does not",
    "lost": "The baseline finds it, the cascade does not",
    "both_right": "Both find it",
    "both_wrong": "Neither puts it first",
}


def reason_words(case: Case, answer: CaseAnswer) -> str:
    """Say why the right product stands where it does in an answer."""
    taken_for = case.predicted or "nothing"
    return _REASON_WORDS[answer.reason].format(rank=answer.rank, taken_for=taken_for, category=case.category)


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
