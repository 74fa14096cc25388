"""From a finished run to its report. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.client.types import Catalog, Policy
from services.evaluation.cases import Cases, choose_cases
from services.evaluation.classification import accuracy, confusion_matrix, confusions, predictions
from services.evaluation.figures import category_reports, histogram, policy_report
from services.evaluation.losses import reasons
from services.evaluation.notices import Facts, notices
from services.evaluation.observation import POLICIES, Gallery, Observation, Query
from services.evaluation.quality import ORACLE, ByPolicy, Quality, measure_quality
from services.evaluation.reliability import reliability
from services.evaluation.schema import Gain, Machine, Method, Model, PolicyReport, Report
from services.evaluation.worth import break_even, oracle_report, price_of_safety, whole_oracle

_CASCADES = (Policy.ADAPTIVE, Policy.TOP_1, Policy.TOP_P)
"""Those that walk to the right aisle first, the gateway's default before the others."""


@dataclass(frozen=True)
class Setting:
    """What a report says about a run besides its figures; the names are those of `schema.Report`."""

    dataset: str
    command: str
    created_at: str
    duration_seconds: float
    machine: Machine
    method: Method


@dataclass(frozen=True)
class Extras:
    """What was asked after the timed run; its times mean nothing.

    Attributes:
        oracle: searches of photos in their right category.
        exact: searches without indexes, of photos under policies whose answer lacks the product.
        curve: TOP_P with several probability masses, on some of the photos with a product.
    """

    oracle: Sequence[Observation] = ()
    exact: Sequence[Observation] = ()
    curve: Sequence[Observation] = ()

    @property
    def errors(self) -> int:
        """How many of them failed."""
        return sum(seen.outcome == "error" for seen in (*self.oracle, *self.exact, *self.curve))


def make_report(
    queries: Sequence[Query],
    observations: Sequence[Observation],
    catalog: Catalog,
    gallery: Gallery,
    setting: Setting,
    *,
    extras: Extras,
) -> Report:
    """Return the report of a run.

    Args:
        queries: what was asked, at least one.
        observations: what came back, in any order: one per query and policy.
        catalog: what the gateway served.
        gallery: has every product of the dataset's catalogue.
        setting: what else there is to say.
        extras: what was asked beyond the observations.
    """
    by_policy = split_by_policy(observations)
    compared: dict[str, Sequence[Observation]] = dict(by_policy) | {ORACLE: whole_oracle(queries, extras.oracle)}
    quality = measure_quality(queries, compared, setting.method.seed)
    whys = reasons(queries, by_policy, gallery, {(seen.query, seen.policy) for seen in extras.exact if seen.ranks})
    policies = {
        policy: policy_report(policy, queries, seen, quality=quality, gallery=gallery, whys=whys[policy])
        for policy, seen in by_policy.items()
    }
    judged = predictions(queries, by_policy)
    findable = [each for each in judged if not gallery.keys().isdisjoint(each.query.products)]
    even = break_even(quality, accuracy(findable)) if quality else None
    not_in_gallery = sum(bool(query.products) and gallery.keys().isdisjoint(query.products) for query in queries)
    cascade = next((policy for policy in _CASCADES if policy in by_policy), None)
    cases = (
        choose_cases(queries, by_policy, cascade, gallery=gallery, reasons=whys, seed=setting.method.seed)
        if cascade
        else Cases({}, [], [])
    )
    models = {model.name: Model(version=model.version, sha256=model.sha256) for model in catalog.models}
    return Report(
        **vars(setting),
        snapshot_id=catalog.snapshot_id,
        space_id=catalog.space_id,
        embedder=models["embedder"].version,
        models=models,
        gallery_images=sum(category.images for category in catalog.categories),
        products=sum(category.products for category in catalog.categories),
        categories=len(catalog.categories),
        queries=len(queries),
        queries_with_product=sum(bool(query.products) for query in queries),
        queries_not_in_gallery=not_in_gallery,
        classifier_top1_accuracy=accuracy(judged),
        classifier_judged=len(judged),
        policies={policy.value: figures for policy, figures in policies.items()},
        gain=_gains(policies, quality),
        oracle=oracle_report(quality, len(extras.oracle), len(queries)) if quality else None,
        break_even=even,
        classifier_reliability=reliability((each.confidence, each.is_right) for each in judged),
        is_adaptive_fitted=catalog.is_adaptive_fitted,
        price_of_safety=price_of_safety(queries, extras.curve, by_policy),
        notices=notices(Facts(queries, catalog, policies, even, not_in_gallery, setting.method, extras.errors)),
        headline=cascade.value if cascade else None,
        by_category=category_reports(queries, by_policy, judged, whys),
        confusions=confusions(judged),
        confusion_matrix=confusion_matrix(judged),
        latency_histogram=histogram(by_policy),
        case_counts=cases.counts,
        cases=cases.chosen,
        worst=cases.worst,
    )


def split_by_policy(observations: Sequence[Observation]) -> ByPolicy:
    """Return each policy's observations in the order of the queries, policies in the order of reports."""
    ordered = sorted(observations, key=lambda seen: seen.query)
    policies = {seen.policy for seen in observations}
    return {policy: [seen for seen in ordered if seen.policy == policy] for policy in POLICIES if policy in policies}


def _gains(policies: Mapping[Policy, PolicyReport], quality: Quality | None) -> dict[str, Gain]:
    baseline = policies.get(Policy.BASELINE)
    if quality is None or baseline is None:
        return {}
    return {
        policy.value: quality.gain(policy, _ratio_p50(report, baseline))
        for policy, report in policies.items()
        if policy != Policy.BASELINE
    }


def _ratio_p50(report: PolicyReport, baseline: PolicyReport) -> float | None:
    if report.latency_ms is None or baseline.latency_ms is None:
        return None
    return report.latency_ms.p50 / baseline.latency_ms.p50
