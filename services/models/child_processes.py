"""Child processes that can't outlive their parent."""

from collections.abc import Sequence


def tied_to_parent(argv: Sequence[str], signal_name: str = "TERM") -> tuple[str, ...]:
    """Return the command line with which a child gets a signal when its parent dies, however that dies.

    `setpriv` (util-linux, on every Debian and Ubuntu) sets the parent-death signal and becomes the command, so the
    child keeps its pid and nobody runs Python between fork and exec, where threads make that unsafe. The kernel
    means the *thread* that started the child: start children from a thread that lives as long as they shall.
    """
    return ("setpriv", "--pdeathsig", signal_name, "--", *argv)
