"""Progress bars on stderr; a line for each stage where stderr is no terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from services.cli.console import messages


@contextmanager
def steps() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar per stage; yields a function of the stage's name, what is done of it, and its total."""
    console = messages()
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
        disable=not console.is_terminal,
    )
    tasks: dict[str, TaskID] = {}

    def show(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            if not console.is_terminal:
                console.print(f"{stage} ({total:,})", markup=False)
            tasks[stage] = bars.add_task(stage, total=total)
        bars.update(tasks[stage], completed=done)

    with bars:
        yield show
