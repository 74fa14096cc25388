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
    out: Annotated[Path, typer.Option(help="The overlay's folder; its searchers.yaml says what it asks for.")],
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

      git add --all k8s/overlays/production && git diff --cached
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
                "moved": dict(rendering.moved),
                "tight": dict(rendering.tight),
            }
        )
    else:
        results().print(_words(rendering, manifest.snapshot_id), markup=False, soft_wrap=True)


@k8s.command()
def check(
    overlay: Annotated[Path, typer.Argument(help="The overlay's folder.")] = Path("k8s/overlays/local"),
    *,
    snapshot: Annotated[
        str,
        typer.Option(
            help="Also check whether the searchers are enough for what is current there: a folder or an fsspec URL.",
            show_default=False,
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """Build an overlay with kubectl and check its objects: schemas, references, security, disruptions, network.

    Exit status 1 when something is found, warnings apart.

    Examples:
      aisle k8s check k8s/overlays/production

      aisle k8s check k8s/overlays/production --snapshot s3://shop/aisle
    """
    from dataclasses import asdict

    from services.cli.console import print_json, results
    from services.cli.exit_codes import ExitCode
    from services.common.errors import FailedPrecondition
    from services.kubernetes.building import build
    from services.kubernetes.findings import grouped
    from services.snapshot.store import SnapshotStore

    try:
        from services.kubernetes.checking import findings
    except ModuleNotFoundError as missing:
        raise FailedPrecondition(f"{missing.name} is not installed: pip install '.[k8s]' in a checkout") from None
    manifest = SnapshotStore(snapshot).manifest() if snapshot else None
    objects = build(overlay)
    found = findings(objects, manifest)
    if as_json:
        for each in found:
            print_json(asdict(each))
    else:
        console, told = results(), grouped(found)
        for each in told:
            console.print(str(each), markup=False, soft_wrap=True)
        warnings = sum(each.is_warning for each in told)
        console.print(f"{len(objects)} objects, {len(told) - warnings} findings, {warnings} warnings", markup=False)
    raise typer.Exit(ExitCode.OK if all(each.is_warning for each in found) else ExitCode.FAILED)


def _words(rendering: "Rendering", snapshot_id: str) -> str:
    shards = sum(len(each.slugs) for each in rendering.searchers)
    lines = [f"snapshot {snapshot_id}: {shards} shards in {len(rendering.searchers)} searchers in {rendering.folder}"]
    lines += [f"  {sign} {name}{_tightness(rendering, name)}" for sign, name in _changes(rendering)]
    served = {slug: each.name for each in rendering.searchers for slug in each.slugs}
    lines += [
        f"  {slug} moves from {before} to {served[slug]}, which has to serve it before gateways hear of that "
        "(docs/kubernetes.md, A shard that moves)"
        for slug, before in rendering.moved.items()
    ]
    if not len(lines) > 1:
        lines.append("  as before")
    return "\n".join(lines)


def _tightness(rendering: "Rendering", name: str) -> str:
    share = rendering.tight.get(name)
    return f": its shards fill {share:.0%} of the memory that it has until this is applied" if share else ""


def _changes(rendering: "Rendering") -> list[tuple[str, str]]:
    signs = {"+": rendering.appeared, "-": rendering.vanished, "~": rendering.changed}
    return sorted(((sign, name) for sign, names in signs.items() for name in names), key=lambda change: change[1])
