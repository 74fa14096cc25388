"""`aisle explain`: why did this photo get this answer, and where would another have come from?"""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.commands.options import DEFAULT_RUN_FOLDER, Json, RunFolder, Target
from services.client.types import Policy, SearchOptions


def explain(
    photo: Annotated[Path, typer.Argument(help="A photo: a JPEG, PNG or WebP file.")],
    *,
    policy: Annotated[Policy, typer.Option(help="The policy whose answer is explained.")] = Policy.ADAPTIVE,
    probability_mass: Annotated[
        float | None, typer.Option(help="top_p and adaptive: probability that the chosen categories reach together.")
    ] = None,
    category: Annotated[
        list[str] | None, typer.Option(help="Explain the answer of this category alone; repeat for more.")
    ] = None,
    top_k: Annotated[int, typer.Option(min=1, help="Products compared.")] = 5,
    most_categories: Annotated[int, typer.Option(min=1, help="Categories that are asked alone, at most.")] = 10,
    timeout_seconds: Annotated[float, typer.Option(min=0.001, help="Budget of each answer.")] = 10.0,
    target: Target = "",
    run_folder: RunFolder = DEFAULT_RUN_FOLDER,
    as_json: Json = False,
) -> None:
    """Replay a photo: the policy's answer beside ALL, BASELINE and an exact search, and each category by itself.

    Says of each of the best products that the answer lacks where it was lost: routing (its category was not searched),
    a missing shard, the index (its approximation), or fusion (it was found, and others were ranked before it).

    Examples:
      aisle explain shelf.jpg

      aisle explain shelf.jpg --policy top_1 --top-k 10

      aisle explain shelf.jpg --category Milk --json | jq '.differences[] | .stage'
    """
    from services.cli.console import print_json, results
    from services.cli.credentials import credentials
    from services.cli.explaining import explain as explained
    from services.cli.finding import explaining, gateway_address
    from services.client import SyncAisleClient

    options = SearchOptions(
        top_k=top_k, policy=policy, probability_mass=probability_mass, categories=tuple(category or ())
    )
    gateway = gateway_address(target, run_folder)
    with explaining(gateway), SyncAisleClient(gateway, credentials()) as client:
        explanation = explained(client, photo, str(photo), options, timeout_seconds, most_categories)
    if as_json:
        print_json(explanation.as_json)
    else:
        results().print(explanation.for_people)
