"""What must hold of every answer whatever happens to the system: a history against brute force. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from services.client import Policy, ShardState
from tests.support.cluster import IMAGES, photo, true_hits
from tests.support.faults.history import Found, History, Outcome, Question
from tests.support.snapshots import PublishedSnapshot

AFTER_DEADLINE_SECONDS = 0.02
MOST_LAG_SHARE = 0.05
"""A load generator that is late for more of the time than this can't say when answers came."""

_FUSED = {Policy.TOP_1, Policy.ADAPTIVE}
_CODES = {"RESOURCE_EXHAUSTED", "UNAVAILABLE", "DEADLINE_EXCEEDED"}
_TOLERANCE = 1e-4

Oracle = Callable[[Question, Found], Sequence[tuple[str, float]]]
"""Products and similarities of the exact answer over the shards that an answer says it searched."""


def _oracle_of(snapshot: PublishedSnapshot) -> Oracle:

    def exact(question: Question, found: Found) -> Sequence[tuple[str, float]]:
        answered = [category for category, state in found.shards if ShardState(state).answered]
        fused = question.policy in _FUSED and found.categories
        priors = {**dict.fromkeys(IMAGES, 0.0), **dict(found.categories)} if fused else None
        everywhere = question.policy is Policy.BASELINE and answered == [""]
        categories = IMAGES if everywhere else answered
        hits = true_hits(snapshot, photo(question.photo), question.top_k, categories=categories, priors=priors)
        return [(hit.product_id, hit.similarity) for hit in hits]

    return exact


@dataclass(frozen=True)
class Truth:
    """What answers are held against.

    Attributes:
        snapshot_id: the only snapshot that may answer.
        categories: every product's category.
        oracle: the exact answer over the shards that an answer says it searched.
    """

    snapshot_id: str
    categories: Mapping[str, str]
    oracle: Oracle

    @classmethod
    def of(cls, snapshot: PublishedSnapshot) -> "Truth":
        """Return brute force over a snapshot."""
        products = {category: snapshot.images[category].product_ids for category in IMAGES}
        categories = {product: category for category, ids in products.items() for product in ids}
        return cls(snapshot.manifest.snapshot_id, categories, _oracle_of(snapshot))


def broken(history: History, truth: Truth) -> list[str]:
    """Return what is wrong, one line each; nothing when every invariant held."""
    if history.lagging_share > MOST_LAG_SHARE:
        return [f"invalid: the load generator itself was late for {100 * history.lagging_share:.1f} % of the time"]
    lines = []
    for outcome in history.outcomes:
        wrong = _wrong(outcome, truth, history.lag_during(outcome))
        lines += [f"question {outcome.question.number} at {outcome.question.at:.3f} s: {what}" for what in wrong]
    return lines


def _wrong(outcome: Outcome, truth: Truth, lag_seconds: float) -> Iterator[str]:
    question, found = outcome.question, outcome.found
    if outcome.seconds > question.timeout_seconds + AFTER_DEADLINE_SECONDS + lag_seconds:
        yield f"took {outcome.seconds:.3f} s of {question.timeout_seconds:g} s"
    if found is None:
        if outcome.code not in _CODES:
            yield f"ended {outcome.code} {outcome.reason}"
        if outcome.code == "RESOURCE_EXHAUSTED" and not outcome.says_when:
            yield "was refused without being told when to come back"
        return
    if found.snapshot_id != truth.snapshot_id:
        yield f"mixes snapshots: {found.snapshot_id}"
    yield from _wrong_flags(found)
    products = [product for product, _, _ in found.hits]
    if len(set(products)) != len(products) or len(products) > question.top_k:
        yield f"has doubled or too many hits: {products}"
    for product, category, _ in found.hits:
        if truth.categories.get(product) != category:
            yield f"has a product that is not in {category}: {product}"
    yield from _wrong_hits(found, truth.oracle(question, found))


def _wrong_flags(found: Found) -> Iterator[str]:
    missing = [category for category, state in found.shards if not ShardState(state).answered]
    if bool(missing) is not found.partial:
        yield f"says partial={found.partial}, but these are missing: {missing}"
    answered = sum(
        probability
        for (_, state), probability in zip(found.shards, found.probabilities, strict=True)
        if ShardState(state).answered
    )
    if abs(min(1.0, answered) - found.share) > _TOLERANCE:
        yield f"says that {found.share:.4f} of the mass answered, but it is {answered:.4f}"


def _wrong_hits(found: Found, exact: Sequence[tuple[str, float]]) -> Iterator[str]:
    if len(found.hits) != len(exact):
        yield f"has {len(found.hits)} hits instead of {len(exact)}"
        return
    known = dict(exact)
    for (product, _, similarity), (right, expected) in zip(found.hits, exact, strict=True):
        # Another product may stand here only for a tie; one that is not among them, for a tie with the last.
        if abs(similarity - expected) > _TOLERANCE or abs(known.get(product, exact[-1][1]) - similarity) > _TOLERANCE:
            yield f"has {product} with {similarity:.5f} where {right} with {expected:.5f} is right"
            return
