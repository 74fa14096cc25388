"""Replays a photo with other policies and shards, and shows the answers side by side."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Unpack

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from services.cli.answers import coverage_line
from services.cli.explanation import Difference, differences, replayed_categories
from services.client import SyncAisleClient
from services.client.types import Catalog, Photo, Policy, SearchOptions, SearchResult

TRUTH: Final = "every shard, exactly"


@dataclass(frozen=True, slots=True)
class Explanation:
    """A photo's answers.

    Attributes:
        photo: what was asked.
        name: of the answer that is explained.
        answers: by name: the one that is explained, the truth, and others.
        alone: answers of one category each.
        differences: where the explained one parts from the truth.
    """

    photo: str
    name: str
    answers: Mapping[str, SearchResult]
    alone: Mapping[str, SearchResult]
    differences: tuple[Difference, ...]

    @property
    def as_json(self) -> dict[str, Any]:
        """All of it, for programs."""
        return {
            "photo": self.photo,
            "explained": self.name,
            "answers": {name: asdict(result) for name, result in self.answers.items()},
            "alone": {category: asdict(result) for category, result in self.alone.items()},
            "differences": [asdict(each) for each in self.differences],
        }

    @property
    def for_people(self) -> RenderableType:
        """The answers side by side, the categories, and where the answer changes."""
        return Group(Text(self.photo, style="bold"), _side_by_side(self.answers), self._categories(), *self._verdict())

    def _categories(self) -> Table:
        explained = self.answers[self.name]
        searched = {shard.category: shard for shard in explained.coverage.shards}
        probabilities = {each.category: each.probability for each in explained.categories}
        table = _table("category", "searched", "its best alone")
        for heading in ("classifier", "similarity", "score"):
            table.add_column(heading, justify="right")
        for category, result in self.alone.items():
            best = result.hits[0] if result.hits else None
            state = str(searched[category].state) if category in searched else "no"
            product, similarity, score = (
                ("none", "", "") if best is None else (best.product_id, f"{best.similarity:.3f}", f"{best.score:.3f}")
            )
            probability = f"{probabilities[category]:.1%}" if category in probabilities else ""
            table.add_row(Text(category), state, Text(product), probability, similarity, score)
        return table

    def _verdict(self) -> Iterable[RenderableType]:
        yield Text(f"{self.name}: {coverage_line(self.answers[self.name].coverage)}")
        if not self.differences:
            yield Text(f"The answer has the best of {TRUTH}, and the same first.")
        for each in self.differences:
            where = "missing" if each.place is None else f"in place {each.place}"
            what = f"{each.product_id} ({each.category}), {_ordinal(each.true_place)} of {TRUTH}, is {where}"
            yield Text(f"{each.stage}: {what}: {each.why}")


def explain(  # noqa: PLR0917 - what a photo is asked with
    client: SyncAisleClient, photo: Photo, name: str, options: SearchOptions, timeout_seconds: float, most: int
) -> Explanation:
    """Ask for a photo in several ways.

    Args:
        client: the gateway.
        photo: a photo.
        name: for people.
        options: how the answer to be explained is asked for.
        timeout_seconds: of each answer.
        most: categories that are asked alone, at most.

    Raises:
        AisleError: one of the answers can't be had.
    """
    catalog = client.catalog()
    explained = _name_of(options)
    asked = {explained: options, **_others(options, catalog)}
    answers = {each: client.search(photo, timeout_seconds=timeout_seconds, **wished) for each, wished in asked.items()}
    answer, truth = answers[explained], answers[TRUTH]
    alone = {
        category: client.search(photo, timeout_seconds=timeout_seconds, **_with(options, categories=(category,)))
        for category in replayed_categories(answer, truth, most)
    }
    return Explanation(name, explained, answers, alone, differences(answer, truth, alone))


def _name_of(options: SearchOptions) -> str:
    categories = options.get("categories")
    return f"only {', '.join(categories)}" if categories else options.get("policy", Policy.ADAPTIVE).value


def _others(options: SearchOptions, catalog: Catalog) -> dict[str, SearchOptions]:
    """Return what else to ask, by name; what is asked anyway comes once."""
    others = {Policy.ALL.value: _with(options, policy=Policy.ALL, categories=())}
    if catalog.has_baseline:
        others[Policy.BASELINE.value] = _with(options, policy=Policy.BASELINE, categories=())
    others[TRUTH] = _with(options, policy=Policy.ALL, categories=(), exact=True)
    return others


def _with(options: SearchOptions, **changes: Unpack[SearchOptions]) -> SearchOptions:
    return {**options, **changes}


def _side_by_side(answers: Mapping[str, SearchResult]) -> Table:
    table = _table("")
    for name in answers:
        table.add_column(name, overflow="fold")
    for place in range(max((len(result.hits) for result in answers.values()), default=0)):
        cells = (
            f"{hit.product_id} ({hit.category}) {hit.score:.3f}" if (hit := _at(result, place)) is not None else ""
            for result in answers.values()
        )
        table.add_row(str(place + 1), *map(Text, cells))
    return table


def _at(result: SearchResult, place: int) -> Any:
    return result.hits[place] if place < len(result.hits) else None


def _ordinal(place: int) -> str:
    return "first" if place == 1 else f"no. {place}"


def _table(*headings: str) -> Table:
    table = Table(box=SIMPLE, header_style="dim")
    for heading in headings:
        table.add_column(heading)
    return table
