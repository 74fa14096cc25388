"""What is known against the locked packages: `make audit`, or `python -m services.benchmarks.security.audit PIP_AUDIT`.

pip-audit ends with success, too, when the index has advisories for none of the packages; here that is said.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LOCK = Path("constraints.txt")


@dataclass(frozen=True, slots=True)
class Audit:
    """What came of it.

    Attributes:
        audited: packages that the index has answered for.
        unknown: packages that it has not.
        findings: a line for each advisory.
    """

    audited: int
    unknown: tuple[str, ...]
    findings: tuple[str, ...]

    @property
    def words(self) -> str:
        """For people."""
        if self.findings:
            return "\n".join(self.findings)
        if not self.audited:
            return "skipped: the index that can be reached here has no advisories; run it where the public one can be"
        without = f"; the index knows nothing of {', '.join(self.unknown)}" if self.unknown else ""
        return f"nothing is known against {self.audited} locked packages{without}"


def audit_of(report: Mapping[str, Any]) -> Audit:
    """Return what pip-audit's JSON report says."""
    packages = report["dependencies"]
    known = [package for package in packages if "skip_reason" not in package]
    findings = [
        f"{package['name']} {package['version']}: {advisory['id']}, mended in "
        f"{', '.join(advisory['fix_versions']) or 'no release yet'}"
        for package in known
        for advisory in package["vulns"]
    ]
    unknown = tuple(package["name"] for package in packages if "skip_reason" in package)
    return Audit(len(known), unknown, tuple(findings))


def main(argv: Sequence[str]) -> int:
    """Audit the lock file; exit status 1 when something is known, 0 when not, or when nobody could be asked."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.json"
        options = ("--disable-pip", "--require-hashes", "--progress-spinner=off", "--format=json")
        ended = subprocess.run(  # noqa: S603 - the command that the Makefile names
            (*argv, *options, f"--requirement={_LOCK}", f"--output={file}"), capture_output=True, text=True, check=False
        )
        if file.exists():
            audit = audit_of(json.loads(file.read_text(encoding="utf-8")))
        else:  # no index: it ends with a traceback
            print(f"skipped: {(ended.stderr.strip() or 'pip-audit said nothing').splitlines()[-1]}")  # noqa: T201
            return 0
    print(audit.words)  # noqa: T201 - what it is run for
    return 1 if audit.findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
