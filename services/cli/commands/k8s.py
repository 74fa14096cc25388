"""`aisle k8s`: the cluster's objects from a snapshot, and whether they are as they should be."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.commands.options import DEFAULT_SNAPSHOT_ROOT, Json

if TYPE_CHECKING:
    from services.kubernetes.rendering import Rendering

k8s = typer.Typer(
    help="Write the objects of a cluster's searchers, and check an overlay.",
    no_args_is_help=True,
)


@k8s.command()
def render(
    *,
    snapshot: Annotated[
        str, typer.Option(help="Where snapshots are published: a folder or an fsspec URL, as s3://shop/aisle.")
    ] = DEFAULT_SNAPSHOT_ROOT,
    snapshot_id: Annotated[str, typer.Option(help="Which one; the current one by default.", show_default=False)] = "",
    out: Annotated[Path, typer.Option(help="The overlay; its searchers.yaml says what it asks for.")] = Path(
        "k8s/overlays/local"
    ),
    image: Annotated[
        str,
        typer.Option(
            help="The searchers' image, with its tag; by default that of searchers.yaml, or this release's.",
            show_default=False,
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """Write the searchers of a snapshot's shards into an overlay, and the shard map that gateways find them by.

    Per searcher there is a file with its Deployment, headless Service, disruption budget and autoscaler. Small shards
    share one. The same snapshot makes the same files, so what a new or vanished category changes is a readable diff.

    Examples:
      aisle k8s render --snapshot s3://shop/aisle --out k8s/overlays/production

      git diff k8s/overlays/production
    """
    from services.cli.console import print_json, results
    from services.kubernetes.rendering import render as render_searchers
    from services.snapshot.store import SnapshotStore

    manifest = SnapshotStore(snapshot).manifest(snapshot_id or None)
    rendering = render_searchers(manifest, out, image)
    if as_json:
        print_json(
            {
                "snapshot_id": manifest.snapshot_id,
                "folder": str(rendering.folder),
                "searchers": {each.name: list(each.slugs) for each in rendering.searchers},
                **{name: list(getattr(rendering, name)) for name in ("appeared", "vanished", "changed")},
            }
        )
    else:
        results().print(_words(rendering, manifest.snapshot_id), markup=False, soft_wrap=True)


@k8s.command()
def check(
    overlay: Annotated[Path, typer.Argument(help="The overlay's folder.")] = Path("k8s/overlays/local"),
    *,
    as_json: Json = False,
) -> None:
    """Build an overlay with kubectl and check its objects: schemas, references, security, disruptions, network.

    Exit status 1 when something is found.

    Example: aisle k8s check k8s/overlays/production
    """
    from dataclasses import asdict

    from services.cli.console import print_json, results
    from services.cli.exit_codes import ExitCode
    from services.common.errors import FailedPrecondition
    from services.kubernetes.building import build

    try:
        from services.kubernetes.checking import findings
    except ModuleNotFoundError as missing:
        raise FailedPrecondition(f"{missing.name} is not installed: pip install 'aisle[k8s]'") from None
    objects = build(overlay)
    found = findings(objects)
    console = results()
    for each in found:
        if as_json:
            print_json(asdict(each))
        else:
            console.print(str(each), markup=False, soft_wrap=True)
    if not as_json:
        console.print(f"{len(objects)} objects, {len(found)} findings", markup=False)
    raise typer.Exit(ExitCode.FAILED if found else ExitCode.OK)


def _words(rendering: "Rendering", snapshot_id: str) -> str:
    shards = sum(len(each.slugs) for each in rendering.searchers)
    lines = [f"snapshot {snapshot_id}: {shards} shards in {len(rendering.searchers)} searchers in {rendering.folder}"]
    lines += [f"  {sign} {name}" for sign, name in _changes(rendering)]
    if not len(lines) > 1:
        lines.append("  as before")
    return "\n".join(lines)


def _changes(rendering: "Rendering") -> list[tuple[str, str]]:
    signs = {"+": rendering.appeared, "-": rendering.vanished, "~": rendering.changed}
    return sorted(((sign, name) for sign, names in signs.items() for name in names), key=lambda change: change[1])
