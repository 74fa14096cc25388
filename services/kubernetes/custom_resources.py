"""Schemas of operators' objects, of the fields that we use: Kubernetes' own know nothing of them. Pure.

A field that is not here is refused: misspelt, it would be dropped in silence, or refused long after by the operator.
Whoever needs another one of the operator's adds it here.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

PrometheusDuration = Annotated[
    str, Field(min_length=1, pattern=r"^(0|([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$")
]
"""Large units before small ones: `15s`, `1h30m`."""
GoDuration = Annotated[str, Field(pattern=r"^([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+$")]
"""As cert-manager reads it: no unit is larger than an hour, as in `2160h`."""
Port = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$")]
Text = Annotated[str, Field(min_length=1)]
Texts = Mapping[str, str]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel)


class _Metadata(_Strict):
    name: Text
    namespace: str | None = None
    labels: Texts = {}
    annotations: Texts = {}


class _Object(_Strict):
    api_version: str
    kind: str
    metadata: _Metadata


class _Expression(_Strict):
    key: Text
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: Sequence[str] = ()


class _Selector(_Strict):
    match_labels: Texts = {}
    match_expressions: Sequence[_Expression] = ()


class _Endpoint(_Strict):
    port: Port
    interval: PrometheusDuration | None = None
    scrape_timeout: PrometheusDuration | None = None
    path: str | None = None


class _PodMonitorSpec(_Strict):
    job_label: str | None = None
    selector: _Selector
    pod_metrics_endpoints: Annotated[Sequence[_Endpoint], Field(min_length=1)]
    sample_limit: int | None = None
    label_limit: int | None = None


class PodMonitor(_Object):
    """What the Prometheus operator scrapes."""

    spec: _PodMonitorSpec


class _Rule(_Strict):
    alert: Text | None = None
    record: Annotated[str, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$")] | None = None
    expr: Text | int
    labels: Texts = {}
    annotations: Texts = {}
    for_: Annotated[PrometheusDuration | None, Field(alias="for")] = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.alert is None) == (self.record is None):
            raise ValueError("a rule is an alert or a record, and not both")
        return self


class _Group(_Strict):
    name: Text
    interval: PrometheusDuration | None = None
    rules: Annotated[Sequence[_Rule], Field(min_length=1)]


class _RuleSpec(_Strict):
    groups: Annotated[Sequence[_Group], Field(min_length=1)]


class PrometheusRule(_Object):
    """What the Prometheus operator gives Prometheus to compute and to watch."""

    spec: _RuleSpec


class _IssuerReference(_Strict):
    name: Text
    kind: Literal["Issuer", "ClusterIssuer"] = "Issuer"


class _PrivateKey(_Strict):
    algorithm: Literal["RSA", "ECDSA", "Ed25519"] | None = None
    size: int | None = None
    rotation_policy: Literal["Always", "Never"] | None = None


class _CertificateSpec(_Strict):
    secret_name: Text
    is_ca: Annotated[bool, Field(alias="isCA")] = False
    common_name: str | None = None
    dns_names: Sequence[str] = ()
    usages: Sequence[str] = ()
    duration: GoDuration | None = None
    renew_before: GoDuration | None = None
    private_key: _PrivateKey | None = None
    issuer_ref: _IssuerReference


class Certificate(_Object):
    """What cert-manager keeps a Secret filled with."""

    spec: _CertificateSpec


class _Authority(_Strict):
    secret_name: Text


class _IssuerSpec(_Strict):
    self_signed: Mapping[str, Any] | None = None
    ca: _Authority | None = None


class Issuer(_Object):
    """Who signs cert-manager's certificates."""

    spec: _IssuerSpec


MODELS: Final[Mapping[tuple[str, str], type[BaseModel]]] = {
    ("monitoring.coreos.com/v1", "PodMonitor"): PodMonitor,
    ("monitoring.coreos.com/v1", "PrometheusRule"): PrometheusRule,
    ("cert-manager.io/v1", "Certificate"): Certificate,
    ("cert-manager.io/v1", "Issuer"): Issuer,
}
"""By `apiVersion` and `kind`."""
