"""The documentation is finished, and what it points to exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [ROOT / "README.md", *DOCS]


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", DOCS, ids=_name)
def test_nothing_is_left_to_fill_in(page: Path) -> None:
    """A placeholder stands for a figure that nobody measured."""
    assert re.findall(r"\{\{.*", page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    """Relative ones; the rest of the world may change without us."""
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    inside = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in inside if not (page.parent / link).exists()] == []


def test_the_readme_s_table_names_what_exists() -> None:
    """A cell names a folder from the root, then its neighbours; a row's second cell also names what is inside it."""
    rows = re.findall(r"^\| (`.*?`) \| (.*) \|$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert rows
    for folders, what in rows:
        first, *neighbours = re.findall(r"`([^`]+)`", folders)
        inside = [name for name in re.findall(r"`([^`]+)`", what) if "/" in name]
        paths = [ROOT / first, *((ROOT / first).parent / name for name in neighbours)]
        for path in paths:
            assert any(path.glob("*")), path
        for name in inside:
            assert (ROOT / first / name).exists() or (ROOT / name).exists(), name
