"""`aisle fit`: labelled photos and a catalogue become a model repository."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from services.cli.commands.options import DEFAULT_MODELS, Json


def fit(
    way: Annotated[
        Literal["head", "fine-tune"],
        typer.Argument(help="head: on frozen features, in minutes; fine-tune: the network itself (needs torch)."),
    ],
    dataset_folder: Annotated[Path, typer.Argument(help="A dataset folder with labelled photos in its table `train`.")],
    *,
    out: Annotated[Path, typer.Option(help="The model repository to write.")],
    base: Annotated[Path, typer.Option(help="The model repository whose embedder is started from.")] = DEFAULT_MODELS,
    work: Annotated[Path, typer.Option(help="Where unfinished work lies, for an interrupted fit to go on.")] = Path(
        "build/fit"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Decides every lot; the same seed gives the same models.")] = 20,
    side: Annotated[
        int | None, typer.Option(min=32, max=512, help="Input pixels of fine-tuned models; fewer are faster.")
    ] = None,
    runs: Annotated[
        int | None,
        typer.Option(min=1, max=8, help="Networks to fine-tune and average; a second one helps where photos are few."),
    ] = None,
    photos_per_epoch: Annotated[
        int | None,
        typer.Option(
            min=1, help="Most photos that an epoch of fine-tuning sees; more where there are tens of thousands."
        ),
    ] = None,
    int8: Annotated[bool, typer.Option("--int8", help="Serve int8 models, and say what they cost.")] = False,
    keep_embedder: Annotated[
        bool, typer.Option("--keep-embedder", help="Serve the base's embedder as it is: no new index is needed.")
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an older repository.")] = False,
    as_json: Json = False,
) -> None:
    """Fit the classifier, and adapt the embedder, to labelled photos of your own shoppers.

    Interrupted, the same command goes on where it stopped. The repository appears when all is done, in one step.

    Examples:
      aisle fit head build/datasets/grocery --out build/models

      aisle fit fine-tune build/datasets/grocery --out build/models --int8 --replace
    """
    from services.cli.fitting import run_fit, show_fit
    from services.training.fitting import FitJob
    from services.training.ways import WayName

    tuning = {"side": side, "runs": runs, "photos_per_epoch": photos_per_epoch}
    job = FitJob(
        way=WayName(way),
        dataset_folder=dataset_folder,
        out=out,
        base=base,
        work=work,
        command=shlex.join(("aisle", *sys.argv[1:])),
        seed=seed,
        tuning={field: value for field, value in tuning.items() if value is not None},
        int8=int8,
        keep_embedder=keep_embedder,
        replace=replace,
    )
    show_fit(run_fit(job), job, as_json=as_json)
