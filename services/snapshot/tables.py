"""The item tables of a snapshot: Arrow files that are mapped, so that all processes of a machine share one copy."""

from pathlib import Path

import pyarrow as pa


def write_items(path: Path, items: pa.Table) -> None:
    """Write items as one batch that is not compressed: it can be used where it lies.

    Raises:
        OSError: the file can't be written.
    """
    table = items.combine_chunks()
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def read_items(path: Path) -> pa.Table:
    """Map items into memory.

    Raises:
        pyarrow.ArrowException, OSError: it is no Arrow file, or can't be read.
    """
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all()
