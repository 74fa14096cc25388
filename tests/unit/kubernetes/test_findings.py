"""Findings, as people read them."""

from services.kubernetes.findings import Finding, grouped


def test_one_fault_of_many_objects_is_one_line() -> None:
    """It names three of them; what differs in anything stays apart."""
    found = [Finding(f"Deployment/{name}", "settings", "it is empty") for name in "abcde"]
    other = Finding("Deployment/a", "settings", "it is empty", is_warning=True)
    assert [str(each) for each in grouped([*found, other])] == [
        "Deployment/a, Deployment/b, Deployment/c and 2 more: settings: it is empty",
        "warning: Deployment/a: settings: it is empty",
    ]
    assert [each.where for each in grouped(found[:3])] == ["Deployment/a, Deployment/b, Deployment/c"]
