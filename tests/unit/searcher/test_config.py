"""Settings of a searcher, from the command line and the environment."""

import pytest

from services.common.errors import SettingsInvalid
from services.common.settings import load_settings
from services.searcher.config import SearcherSettings


def settings_from(*argv: str) -> SearcherSettings:
    """Read settings as `__main__` does."""
    return load_settings(SearcherSettings, "searcher", argv)


def test_shards_are_separated_by_commas_on_the_command_line() -> None:
    """`--shards shoes,bags` names two shards."""
    assert settings_from("--snapshot-root", "there", "--shards", "shoes,bags").shards == ("shoes", "bags")


def test_shards_are_separated_by_commas_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment takes the same form, with or without blanks."""
    monkeypatch.setenv("AISLE_SEARCHER_SHARDS", "shoes, bags")
    assert settings_from("--snapshot-root", "there").shards == ("shoes", "bags")


@pytest.mark.parametrize("argv", [(), ("--shards", "")])
def test_no_shards_means_all(argv: tuple[str, ...]) -> None:
    """Left out or empty, the list is empty, which means every category."""
    assert settings_from("--snapshot-root", "there", *argv).shards == ()


def test_threads_default_to_the_cores_of_this_process() -> None:
    """Without being told, it uses what it has and no more."""
    assert settings_from("--snapshot-root", "there").search_threads >= 1


@pytest.mark.parametrize(
    ("argv", "field"),
    [
        ((), "snapshot_root"),
        (("--snapshot-root", ""), "snapshot_root"),
        (("--snapshot-root", "there", "--search-threads", "0"), "search_threads"),
        (("--snapshot-root", "there", "--max-waiting-searches", "-1"), "max_waiting_searches"),
    ],
)
def test_values_that_can_t_work_are_refused_by_name(argv: tuple[str, ...], field: str) -> None:
    """What could never serve does not start."""
    with pytest.raises(SettingsInvalid, match=field):
        settings_from(*argv)
