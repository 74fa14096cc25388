"""From a finished run to its report. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.client.types import Catalog, Policy
from services.evaluation.cases import Cases, choose_cases
from services.evaluation.figures import (
    accuracy,
    category_reports,
    confusions,
    histogram,
    policy_report,
    predictions,
)
from services.evaluation.observation import POLICIES, Gallery, Observation, Query
from services.evaluation.quality import ByPolicy, Quality, measure_quality
from services.evaluation.schema import Gain, Machine, Method, Model, PolicyReport, Report

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


def make_report(
    queries: Sequence[Query],
    observations: Sequence[Observation],
    catalog: Catalog,
    gallery: Gallery,
    setting: Setting,
) -> Report:
    """Return the report of a run.

    Args:
        queries: what was asked, at least one.
        observations: what came back, in any order: one per query and policy.
        catalog: what the gateway served.
        gallery: has every product of the dataset's catalogue.
        setting: what else there is to say.
    """
    by_policy = _by_policy(observations)
    quality = measure_quality(queries, by_policy, setting.method.seed)
    policies = {policy: policy_report(policy, queries, seen, quality) for policy, seen in by_policy.items()}
    predicted = predictions(queries, by_policy)
    cascade = next((policy for policy in _CASCADES if policy in by_policy), None)
    cases = (
        choose_cases(queries, by_policy, cascade, gallery, setting.method.seed)
        if cascade and Policy.BASELINE in by_policy
        else Cases({}, [])
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
        queries_not_in_gallery=sum(
            bool(query.products) and gallery.keys().isdisjoint(query.products) for query in queries
        ),
        classifier_top1_accuracy=accuracy(predicted),
        classifier_judged=len(predicted),
        policies={policy.value: figures for policy, figures in policies.items()},
        gain=_gains(policies, quality),
        headline=cascade.value if cascade else None,
        by_category=category_reports(queries, by_policy, predicted),
        confusions=confusions(predicted),
        latency_histogram=histogram(by_policy),
        case_counts=cases.counts,
        cases=cases.chosen,
    )


def _by_policy(observations: Sequence[Observation]) -> ByPolicy:
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
