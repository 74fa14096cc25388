"""The tables of a snapshot: Arrow files that are mapped, so that all processes of a machine share one copy."""

from pathlib import Path

import pyarrow as pa

from services.snapshot.manifest import AttributeType

KEY_COLUMNS = ("image_id", "product_id", "category", "image_path")
"""What there is of every image: strings, never null."""


def attributes_of(schema: pa.Schema) -> dict[str, AttributeType]:
    """Return the free attributes of a table, which are all other columns, and their types."""
    return {field.name: _attribute_type(field.type) for field in schema if field.name not in KEY_COLUMNS}


def is_attribute(kind: pa.DataType) -> bool:
    """Return whether a column of this type can be a free attribute."""
    return bool(pa.types.is_string(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind))


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table as one batch that is not compressed: it can be used where it lies.

    Raises:
        OSError: the file can't be written.
    """
    table = table.combine_chunks()
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def read_table(path: Path) -> pa.Table:
    """Map a table into memory.

    Raises:
        pyarrow.ArrowException, OSError: it is no Arrow file, or can't be read.
    """
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all()


def _attribute_type(kind: pa.DataType) -> AttributeType:
    if pa.types.is_integer(kind):
        return "integer"
    return "float" if pa.types.is_floating(kind) else "string"
