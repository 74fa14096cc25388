"""Certificates of cert-manager: who signs them is there, and they have the names that they are asked for by. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from services.kubernetes.environment import config_maps
from services.kubernetes.findings import Finding, Object, where
from services.kubernetes.workloads import of_kind, workloads

_RULE: Final = "references"
_SERVER_NAME: Final = "_TLS_SERVER_NAME"
_OF_CERTIFICATES: Final = "-tls"
"""How their Secrets' names end."""


def findings(objects: Sequence[Object]) -> Iterator[Finding]:
    """Yield what would never be signed or never be taken; nothing where certificates come from elsewhere."""
    certificates, issuers = of_kind(objects, "Certificate"), of_kind(objects, "Issuer")
    kept = {each["spec"]["secretName"] for each in certificates}
    authorities = {each["spec"]["secretName"] for each in certificates if each["spec"].get("isCA")}
    signers = {each["metadata"]["name"] for each in issuers}
    for each in certificates:
        signer = each["spec"]["issuerRef"]
        if signer.get("kind", "Issuer") == "Issuer" and signer["name"] not in signers:
            yield Finding(where(each), _RULE, f"there is no Issuer {signer['name']}")
    for each in issuers:
        secret = each["spec"].get("ca", {}).get("secretName")
        if secret is not None and secret not in authorities:
            yield Finding(where(each), _RULE, f"no Certificate with isCA keeps its Secret {secret}")
    if certificates:
        yield from _of_users(objects, certificates, kept)


def _of_users(objects: Sequence[Object], certificates: Sequence[Object], kept: set[str]) -> Iterator[Finding]:
    for workload in workloads(objects):
        for volume in workload.pod.get("volumes", ()):
            secret = volume.get("secret", {}).get("secretName", "")
            if secret.endswith(_OF_CERTIFICATES) and secret not in kept:
                yield Finding(
                    workload.where, _RULE, f"volume {volume['name']}: no Certificate keeps the Secret {secret}"
                )
    names = {name for each in certificates for name in each["spec"].get("dnsNames", ())}
    for told, data in config_maps(objects).items():
        for setting, name in data.items():
            if setting.endswith(_SERVER_NAME) and name not in names:
                yield Finding(f"ConfigMap/{told}", _RULE, f"{setting}: no Certificate has the name {name}")
