"""What is known of a process that ended."""

from services.cli.supervising.processes import START_WAVES, STOP_WAVES, Kind, failure_to_start, last_words, says_serving


def test_a_logged_failure_is_the_reason() -> None:
    """Our processes log why they could not start; what comes after it does not hide it."""
    lines = ['{"event": "bound"}', '{"event": "start_failed", "error": "no such snapshot"}', '{"event": "stopped"}']
    assert last_words(lines) == "no such snapshot"
    assert failure_to_start(['{"event": "start_failed", "reason": "SETTINGS_INVALID", "error": "tls_key: none"}']) == (
        "SETTINGS_INVALID",
        "tls_key: none",
    )
    assert failure_to_start(["Traceback"]) == ("", "")


def test_other_ends_show_the_last_lines() -> None:
    """A crash of the interpreter, JSON that is no event, and silence."""
    assert last_words(["1", "[]", "Traceback", "2", "3", "4", "MemoryError"]) == "Traceback\n2\n3\n4\nMemoryError"
    assert last_words([]) == "it wrote no log"


def test_a_process_serves_when_it_says_so() -> None:
    """What it logs before and after that, and what is no event, does not matter."""
    assert not says_serving(['{"event": "bound"}', "serving", "[]"])
    assert says_serving(['{"event": "bound"}', '{"event": "serving", "port": 1}', "a library's warning"])


def test_every_kind_is_started_and_stopped_once() -> None:
    """Nobody is forgotten, and the gateway comes last and goes first."""
    assert sorted(kind for wave in START_WAVES for kind in wave) == sorted(Kind)
    assert sorted(kind for wave in STOP_WAVES for kind in wave) == sorted(Kind)
    assert START_WAVES[-1] == STOP_WAVES[0] == (Kind.GATEWAY,)
