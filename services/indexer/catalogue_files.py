"""The two formats of a catalogue, CSV and Parquet, as Arrow tables with the row numbers that people see."""

import csv
import io
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from services.common.errors import CatalogueInvalid
from services.snapshot.tables import KEY_COLUMNS, is_attribute

LEADING_ZERO = r"^[+-]?0[0-9xX]"
"""007 and 0x1F are names: as numbers they would come back as 7 and 31."""


@dataclass(frozen=True, slots=True)
class RawCatalogue:
    """A table as read; no column is checked but for its type.

    Attributes:
        table: all columns.
        row_numbers: of each row, for messages.
        is_text: whether free attributes are the file's own words, whatever they look like.
    """

    table: pa.Table
    row_numbers: list[int]
    is_text: bool = False


def read_csv(name: str, content: bytes, *, is_text: bool = False) -> RawCatalogue:
    """Read CSV: UTF-8 (with or without a byte order mark), commas, double quotes, a header.

    A free attribute becomes int64 when it has only whole numbers, float64 when it has only numbers, and else strings;
    its empty fields are null. The key columns stay strings. A row's number is the line where it begins, as an editor
    shows it.

    Args:
        name: the file's, for messages.
        content: its bytes.
        is_text: leave all free attributes strings.

    Raises:
        CatalogueInvalid: not UTF-8, no header, a column twice, or a row of another length than the header.
    """
    reader = csv.reader(io.StringIO(_decode(name, content), newline=""), strict=True)
    columns: list[list[str]] = []
    row_numbers: list[int] = []
    header: list[str] = []
    line = 1
    try:
        for record in reader:
            if not header:
                header = _checked_header(name, record)
                columns = [[] for _ in header]
            elif record:  # a blank line is no row
                _append(columns, record, f"{name}, row {line}")
                row_numbers.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        raise CatalogueInvalid(f"{name}, row {line}: {error}") from None
    if not header:
        raise CatalogueInvalid(f"{name}: the catalogue is empty")
    table = {}
    for key, values in zip(header, columns, strict=True):
        strings = pa.chunked_array([pa.array(values, pa.string())])
        if key not in KEY_COLUMNS:
            strings = _without_blanks(strings)
        table[key] = strings if is_text or key in KEY_COLUMNS else _typed(strings)
    return RawCatalogue(pa.table(table), row_numbers, is_text)


def read_parquet(name: str, content: bytes) -> RawCatalogue:
    """Read Parquet; a row's number is its position, counted from 1.

    Raises:
        CatalogueInvalid: not Parquet, a column twice, one whose values are neither strings nor numbers, or a string
            that is not UTF-8.
    """
    try:
        table = pq.read_table(pa.BufferReader(content))
        names = table.column_names
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise CatalogueInvalid(f"{name}: not a Parquet file: {error}") from error
    _checked_header(name, names)
    plain = pa.table({field.name: _plain(name, field, table[field.name]) for field in table.schema})
    return RawCatalogue(plain, list(range(1, table.num_rows + 1)))


def _decode(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        raise CatalogueInvalid(f"{name}, row {row}: not UTF-8; save the catalogue with that encoding") from None


def _checked_header(name: str, columns: list[str]) -> list[str]:
    names = [column.strip() for column in columns]
    for position, column in enumerate(names):
        if not column:
            raise CatalogueInvalid(f"{name}, row 1: column {position + 1} has no name")
        if column in names[:position]:
            raise CatalogueInvalid(f"{name}, row 1: column {column!r} is there twice", field=column)
    return names


def _append(columns: list[list[str]], record: list[str], place: str) -> None:
    if len(record) != len(columns):
        raise CatalogueInvalid(f"{place}: {len(record)} fields, but the header has {len(columns)}")
    for column, value in zip(columns, record, strict=True):
        column.append(value)


def _without_blanks(strings: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.equal(pc.utf8_trim_whitespace(strings), ""), pa.scalar(None, pa.string()), strings)


def _typed(strings: pa.ChunkedArray) -> pa.ChunkedArray:
    if strings.null_count == len(strings) or pc.any(pc.match_substring_regex(strings, LEADING_ZERO)).as_py():
        return strings
    for kind in (pa.int64(), pa.float64()):
        try:
            return strings.cast(kind)
        except pa.ArrowInvalid:
            continue
    return strings


def _plain(name: str, field: pa.Field, values: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        kind = pa.string()
    if not is_attribute(kind):
        wanted = "it has to hold strings" if field.name in KEY_COLUMNS else "only strings and numbers can be attributes"
        raise CatalogueInvalid(f"{name}: column {field.name!r} holds {field.type}; {wanted}", field=field.name)
    try:
        plain = values.cast(kind)
    except pa.ArrowInvalid as error:
        raise CatalogueInvalid(f"{name}: column {field.name!r}: {error}", field=field.name) from None
    if pa.types.is_string(kind):
        _refuse_other_encodings(name, field.name, plain)
    return plain


def _refuse_other_encodings(name: str, column: str, strings: pa.ChunkedArray) -> None:
    try:
        strings.validate(full=True)
    except pa.ArrowInvalid:
        values = strings.cast(pa.binary()).to_pylist()
        row = next((row for row, value in enumerate(values, start=1) if not _is_utf8(value)), 0)
        place = f", row {row}" if row else ""
        raise CatalogueInvalid(f"{name}{place}: column {column!r} is not UTF-8", field=column) from None


def _is_utf8(value: bytes | None) -> bool:
    try:
        (value or b"").decode()
    except UnicodeDecodeError:
        return False
    return True
