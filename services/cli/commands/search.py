"""`aisle search`: which products are in these photos?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.commands.options import DEFAULT_RUN_FOLDER, Json, RunFolder, Target
from services.client.types import Policy, Region, SearchOptions

if TYPE_CHECKING:
    from services.cli.exit_codes import ExitCode
    from services.client import SearchOutcome


def search(
    photos: Annotated[list[Path], typer.Argument(help="Photos: JPEG, PNG or WebP files.")],
    *,
    top_k: Annotated[int, typer.Option(help="Products wanted of each photo.")] = 10,
    policy: Annotated[Policy, typer.Option(help="How the shards to search are chosen.")] = Policy.ADAPTIVE,
    probability_mass: Annotated[
        float | None, typer.Option(help="top_p and adaptive: probability that the chosen categories reach together.")
    ] = None,
    category: Annotated[
        list[str] | None, typer.Option(help="Search this category, whatever the classifier thinks; repeat for more.")
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="Part of the picture: x0,y0,x1,y1 in shares of its width and height.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="Find only pictures with this attribute: NAME=VALUE, NAME!=VALUE, or NAME=FROM..TO, where either end "
            "may be left out; repeat for more, all of which have to hold. `aisle status` lists the attributes."
        ),
    ] = None,
    minimum_coverage: Annotated[
        float,
        typer.Option(min=0, max=1, help="Fail when less than this share of the classifier's probability is searched."),
    ] = 0.0,
    timeout_seconds: Annotated[float, typer.Option(min=0.001, help="Budget of each photo.")] = 2.0,
    target: Target = "",
    run_folder: RunFolder = DEFAULT_RUN_FOLDER,
    as_json: Json = False,
) -> None:
    """Find the products in photos.

    Examples:
      aisle search shelf.jpg

      aisle search shelf.jpg --top-k 3 --policy top_1

      aisle search shelf.jpg --region 0,0,0.5,1 --category Milk --category Yoghurt

      aisle search shelf.jpg --where colour=red --where 'price=10..50' --where 'brand!=Acme'

      aisle search *.jpg --json | jq -r '.result.hits[0].product_id'
    """
    from services.cli.answers import outcome_json
    from services.cli.conditions import predicate_of
    from services.cli.console import print_json
    from services.cli.credentials import credentials
    from services.cli.finding import explained, explaining, gateway_address
    from services.client import SearchOutcome, SyncAisleClient
    from services.common.errors import AisleError

    options = SearchOptions(
        top_k=top_k,
        policy=policy,
        probability_mass=probability_mass,
        categories=category or (),
        region=parse_region(region),
        minimum_coverage=minimum_coverage,
    )
    outcomes = []
    gateway = gateway_address(target, run_folder)
    with explaining(gateway), SyncAisleClient(gateway, credentials()) as client:
        if where:  # what `10` means depends on the attribute's type
            options["where"] = predicate_of(where, client.catalog().attributes)
        for photo in photos:
            try:
                result = client.search(photo, timeout_seconds=timeout_seconds, **options)
                outcome = SearchOutcome(str(photo), result=result)
            except AisleError as error:
                outcome = SearchOutcome(str(photo), error=explained(error, gateway))
            outcomes.append(outcome)
            if as_json:
                print_json(outcome_json(outcome))
            else:
                _show(outcome)
    raise typer.Exit(exit_code_of(outcomes))


def parse_region(text: str | None) -> Region | None:
    """Return the region of `x0,y0,x1,y1`; the gateway checks that it lies in the picture.

    Raises:
        typer.BadParameter: not four numbers.
    """
    if text is None:
        return None
    try:
        x_min, y_min, x_max, y_max = (float(number) for number in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not x0,y0,x1,y1", param_hint="--region") from None
    return Region(x_min, y_min, x_max, y_max)


def exit_code_of(outcomes: list["SearchOutcome"]) -> "ExitCode":
    """Return the exit status for what became of the photos: that of the error when all failed, else how complete."""
    from services.cli.exit_codes import ExitCode, exit_code

    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    if errors and len(errors) == len(outcomes):
        return exit_code(errors[0])
    partial = any(outcome.result is not None and outcome.result.coverage.partial for outcome in outcomes)
    return ExitCode.PARTIAL if errors or partial else ExitCode.OK


def _show(outcome: "SearchOutcome") -> None:
    from services.cli.answers import answer
    from services.cli.console import messages, results, say_error

    if outcome.error is not None:
        if not outcome.error.message.startswith(outcome.request_id):
            messages().print(f"{outcome.request_id}:", end=" ", markup=False)
        say_error(outcome.error)
    else:
        results().print(answer(outcome.request_id, outcome.unwrap()))
