"""What an audit's report means: a package that nobody could be asked about is not a sound one."""

from services.benchmarks.security.audit import audit_of

SOUND = {"name": "numpy", "version": "2.4", "vulns": []}
KNOWN = {"name": "pyyaml", "version": "5.1", "vulns": [{"id": "PYSEC-2021-142", "fix_versions": ["5.4"]}]}
UNMENDED = {"name": "left", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": []}]}
SKIPPED = {"name": "internal", "skip_reason": "not found"}


def test_an_index_without_advisories_is_no_clean_bill() -> None:
    """pip-audit itself would say that nothing is known."""
    assert audit_of({"dependencies": [SKIPPED]}).words.startswith("skipped: ")


def test_what_is_known_is_named_with_its_remedy() -> None:
    """A line for each, and no word of the others."""
    audit = audit_of({"dependencies": [SOUND, KNOWN, UNMENDED, SKIPPED]})
    assert audit.words.splitlines() == [
        "pyyaml 5.1: PYSEC-2021-142, mended in 5.4",
        "left 1: PYSEC-1, mended in no release yet",
    ]


def test_a_clean_bill_says_for_how_many() -> None:
    """And for which not."""
    audit = audit_of({"dependencies": [SOUND, SKIPPED]})
    assert audit.words == "nothing is known against 1 locked packages; the index knows nothing of internal"
    assert audit.findings == ()
