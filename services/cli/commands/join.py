"""`aisle join`: two models that share their network become one, which takes one call."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from services.cli.commands.options import Json


def join(
    models: Annotated[Path, typer.Argument(help="The model repository whose embedder and classifier are joined.")],
    *,
    out: Annotated[Path, typer.Option(help="The model repository to write.")],
    replace: Annotated[bool, typer.Option("--replace", help="Replace an older repository.")] = False,
    as_json: Json = False,
) -> None:
    """Make one model of an embedder and a classifier that share their network, for half of the work.

    It answers what the two do, bit for bit: snapshots of theirs are served as they are. Models of `aisle fit head`
    share their network, and so do those of `aisle fit fine-tune` unless the embedder was kept.

    Examples:
      aisle join build/models --out build/joined

      aisle up --models build/joined
    """
    from services.cli.joining import show_join
    from services.training.joined_release import join_repository

    command = shlex.join(("aisle", *sys.argv[1:]))
    show_join(join_repository(models, out, command=command, replace=replace), out, as_json=as_json)
