"""A catalogue of additions in the form of the snapshot that takes them: its columns, and its image root."""

import os
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc

from services.common.errors import CatalogueInvalid
from services.indexer.catalogue import Catalogue
from services.indexer.catalogue_files import LEADING_ZERO


def as_items_of(catalogue: Catalogue, schema: pa.Schema) -> pa.Table:
    """Return a catalogue's table with the columns of a snapshot's item tables, in their order and of their types.

    Words of a text file become what the snapshot has, strings to the letter. Typed numbers become it as long as nothing
    is lost, and a column without any value can be of any type.

    Args:
        catalogue: what is added.
        schema: of the snapshot's item tables.

    Raises:
        CatalogueInvalid: an attribute is missing, is new, or has values of another type; names it.
    """
    name = catalogue.path.name
    for column in schema.names:
        if column not in catalogue.table.column_names:
            raise CatalogueInvalid(f"{name}: column {column!r} is missing; the snapshot has it", field=column)
    for column in catalogue.table.column_names:
        if column not in schema.names:
            raise CatalogueInvalid(
                f"{name}: the snapshot has no attribute {column!r}; a whole catalogue with it has to be indexed first",
                field=column,
            )
    form = _parsed if catalogue.is_text else _cast
    return pa.table({field.name: form(catalogue, field) for field in schema}, schema=schema)


def path_prefix(image_root: Path, snapshots_image_root: str) -> str:
    """Return what leads from the snapshot's image root to that of the additions, with a slash at its end, or nothing.

    Args:
        image_root: where the pictures to add lie.
        snapshots_image_root: where those of the snapshot lie; empty when that is not known.

    Raises:
        CatalogueInvalid: the additions lie elsewhere: their paths would mean nothing beside the others.
    """
    if not snapshots_image_root:
        return ""
    resolved, root = image_root.resolve(), Path(snapshots_image_root)
    if not resolved.is_relative_to(root):
        raise CatalogueInvalid(
            f"image root {resolved} does not lie in {root}, where the snapshot's pictures are: paths in a snapshot are "
            "relative to one folder, so put the new pictures there",
            field="image_root",
        )
    inner = PurePosixPath(os.path.relpath(resolved, root))
    return "" if inner == PurePosixPath() else f"{inner}/"


def _parsed(catalogue: Catalogue, field: pa.Field) -> pa.ChunkedArray:
    words = catalogue.table[field.name]
    if pa.types.is_string(field.type):
        return words
    try:
        return _numbers(words, field.type)
    except pa.ArrowInvalid:
        row = next(row for row in range(len(catalogue)) if not _is_number(words.slice(row, 1), field.type))
        raise CatalogueInvalid(
            f"{catalogue.place(row)}: attribute {field.name!r} is {words[row].as_py()!r}, but in the snapshot it is "
            f"{field.type}",
            field=field.name,
        ) from None


def _numbers(words: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    words = pc.utf8_trim_whitespace(words)
    if pc.any(pc.match_substring_regex(words, LEADING_ZERO)).as_py():
        raise pa.ArrowInvalid("a name that looks like a number")
    if pa.types.is_integer(kind):  # many programs write whole numbers so as soon as one value is missing
        words = pc.replace_substring_regex(words, r"\.0*$", "")
    return words.cast(kind)


def _is_number(word: pa.ChunkedArray, kind: pa.DataType) -> bool:
    try:
        _numbers(word, kind)
    except pa.ArrowInvalid:
        return False
    return True


def _cast(catalogue: Catalogue, field: pa.Field) -> pa.ChunkedArray:
    values = catalogue.table[field.name]
    if values.null_count == len(values):
        return pa.chunked_array([pa.nulls(len(values), field.type)])
    is_number = pa.types.is_integer(values.type) or pa.types.is_floating(values.type)
    if values.type == field.type or (is_number and _takes(field.type, values.type)):
        try:
            return pc.cast(values, field.type)
        except pa.ArrowInvalid:  # a fraction where whole numbers are, or a number that is too large
            pass
    raise CatalogueInvalid(
        f"{catalogue.path.name}: attribute {field.name!r} holds {values.type}, but in the snapshot it is {field.type}",
        field=field.name,
    )


def _takes(wanted: pa.DataType, given: pa.DataType) -> bool:
    """Return whether numbers of a type may become another: strings are only made of whole ones, 1.50 would be 1.5."""
    return not pa.types.is_string(wanted) or pa.types.is_integer(given)
