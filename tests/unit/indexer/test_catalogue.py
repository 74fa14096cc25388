"""The catalogue's reader: what it takes, and that a fault is named with file and row."""

import datetime as dt
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.common.errors import CatalogueInvalid
from services.indexer.catalogue import Catalogue, read_catalogue

HEADER = "image_id,product_id,category,image_path"


def _csv(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "catalogue.csv"
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return path


def _columns(catalogue: Catalogue) -> dict[str, list[object]]:
    columns: dict[str, list[object]] = catalogue.table.to_pydict()
    return columns


def test_keys_are_trimmed_strings_and_attributes_typed(tmp_path: Path) -> None:
    """An id that looks like a number stays as it was written; attributes become numbers where all of them are."""
    catalogue = read_catalogue(
        _csv(
            tmp_path,
            "007,1.50, Bag ,a/1.jpg,3,9.5,red,0123,0x1F",
            "8,1.50,Bag,a/2.jpg,,10,,0456,0x2A",
            header=HEADER + ",stock,price,colour,ean,code",
        )
    )
    assert _columns(catalogue) == {
        "image_id": ["007", "8"],
        "product_id": ["1.50", "1.50"],
        "category": ["Bag", "Bag"],
        "image_path": ["a/1.jpg", "a/2.jpg"],
        "stock": [3, None],
        "price": [9.5, 10.0],
        "colour": ["red", None],
        "ean": ["0123", "0456"],
        "code": ["0x1F", "0x2A"],
    }


def test_rows_have_the_numbers_of_their_lines(tmp_path: Path) -> None:
    """Blank lines and line breaks in quotes count, as in an editor; a byte order mark and CRLF do no harm."""
    path = tmp_path / "catalogue.csv"
    path.write_bytes(f'\ufeff{HEADER}\r\n1,p,Bag,"a\r\nb"\r\n\r\n2,p,Bag,c\r\n'.encode())
    assert read_catalogue(path).row_numbers == [2, 5]


def test_parquet_reads_like_csv(tmp_path: Path) -> None:
    """Whole numbers may be ids, dictionaries and large strings are strings, and rows count from 1."""
    path = tmp_path / "catalogue.parquet"
    columns = {
        "image_id": pa.array([7, 8]),
        "product_id": pa.array(["p", "p"], pa.large_string()),
        "category": pa.array(["Bag", "Bag"]).dictionary_encode(),
        "image_path": ["1.jpg", "2.jpg"],
        "price": [9.5, None],
    }
    pq.write_table(pa.table(columns), path)
    catalogue = read_catalogue(path)
    assert _columns(catalogue)["image_id"] == ["7", "8"]
    assert _columns(catalogue)["price"] == [9.5, None]
    assert {str(catalogue.table[key].type) for key in ("image_id", "product_id", "category")} == {"string"}
    assert catalogue.row_numbers == [1, 2]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (("1,p,Bag,1.jpg", "2,p,Bag,2.jpg", "1,p,Bag,3.jpg"), "row 4: image_id '1' is already in row 2"),
        (("1,p,Bag,1.jpg", ",p,Bag,2.jpg"), "row 3: image_id is empty"),
        (("1,p,Bag,1.jpg", "2, ,Bag,2.jpg"), "row 3: product_id is empty"),
        (("1,p,Bag,1.jpg", "2,p,,2.jpg"), "row 3: category is empty"),
        (("1,p,Bag,1.jpg", "2,p,Bag,"), "row 3: image_path is empty"),
        (("1,p,Bag,1.jpg", "2,p,Coat,2.jpg"), "row 3: product 'p' is in category 'Coat', but in 'Bag' in row 2"),
        (("1,p,Bag,/etc/hostname",), "row 2: image_path '/etc/hostname' leads outside the image root"),
        (("1,p,Bag,a/../../b.jpg",), r"row 2: image_path 'a/\.\./\.\./b\.jpg' leads outside the image root"),
        (("1,p,Bag,a\0b.jpg",), "row 2: image_path"),
        (("1,p,Bag,1.jpg", "2\x1b[2J,p,Bag,2.jpg"), r"row 3: image_id '2\\x1b\[2J' has a control character"),
        (('1,"p\nq",Bag,1.jpg',), r"row 2: product_id 'p\\nq' has a control character"),
        (("1,p,Bag,1.jpg", "2,q,Co\x9bat,2.jpg"), r"row 3: category 'Co\\x9bat' has a control character"),
        (("1,p,Bag,1.jpg", "2,p,Bag"), "row 3: 3 fields, but the header has 4"),
        (("1,p,Bag,1.jpg", '2,p,Bag,"2.jpg'), "row 3: unexpected end of data"),
        (("",), "the catalogue has no rows"),
    ],
)
def test_a_fault_is_named_with_its_row(tmp_path: Path, lines: tuple[str, ...], words: str) -> None:
    """Whoever wrote the catalogue can go straight to the line, counted as the editor counts (the header is row 1)."""
    with pytest.raises(CatalogueInvalid, match=rf"^catalogue\.csv(, |: ){words}"):
        read_catalogue(_csv(tmp_path, *lines))


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("image_id,product_id,image_path", "row 1: column 'category' is missing"),
        (HEADER + ",image_id", "row 1: column 'image_id' is there twice"),
        (HEADER + ",", "row 1: column 5 has no name"),
        ("", "the catalogue is empty"),
    ],
)
def test_a_fault_of_the_header_is_named(tmp_path: Path, header: str, words: str) -> None:
    """A missing, doubled or nameless column."""
    with pytest.raises(CatalogueInvalid, match=words):
        read_catalogue(_csv(tmp_path, header=header))


def test_another_encoding_is_named_with_its_row(tmp_path: Path) -> None:
    """A Latin-1 export is refused where it stops being UTF-8, instead of filling the shop with question marks."""
    path = tmp_path / "catalogue.csv"
    path.write_bytes(f"{HEADER}\n1,p,Bag,1.jpg\n2,p,Crème,2.jpg\n".encode("latin-1"))
    with pytest.raises(CatalogueInvalid, match="row 3: not UTF-8"):
        read_catalogue(path)


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("tags", pa.array([["a"]]), "column 'tags' holds list"),
        ("since", pa.array([dt.date(2026, 1, 31)]), "column 'since' holds date32"),
        ("product_id", pa.array([1.0]), "column 'product_id' holds double, not strings"),
        ("image_id", pa.array([b"1"]), "column 'image_id' holds binary; it has to hold strings"),
    ],
)
def test_a_parquet_column_of_another_kind_is_refused(tmp_path: Path, column: str, values: pa.Array, words: str) -> None:
    """Lists and dates are no attributes, and 1.0 is no id."""
    columns = {"image_id": ["1"], "product_id": ["p"], "category": ["Bag"], "image_path": ["1.jpg"], column: values}
    pq.write_table(pa.table(columns), tmp_path / "catalogue.parquet")
    with pytest.raises(CatalogueInvalid, match=words):
        read_catalogue(tmp_path / "catalogue.parquet")


def test_a_flipped_bit_is_a_fault_of_the_file(tmp_path: Path) -> None:
    """Wherever it is, in a column's name, too: the catalogue is read or refused, and that is all."""
    names = HEADER.split(",")
    pq.write_table(pa.table({name: ["1"] for name in names}), tmp_path / "catalogue.parquet")
    content = (tmp_path / "catalogue.parquet").read_bytes()
    refused = 0
    for place in [found.start() for name in names for found in re.finditer(name.encode(), content)]:
        for bit in range(8):
            damaged = bytearray(content)
            damaged[place] ^= 1 << bit
            (tmp_path / "catalogue.parquet").write_bytes(damaged)
            try:
                read_catalogue(tmp_path / "catalogue.parquet")
            except CatalogueInvalid as error:
                refused += error.message.startswith("catalogue.parquet")
    assert refused >= 8 * len(names)


def test_a_file_that_is_no_catalogue_is_refused(tmp_path: Path) -> None:
    """Not Parquet, not there, or of a format that nobody reads."""
    (tmp_path / "catalogue.parquet").write_bytes(b"PAR1 or so")
    with pytest.raises(CatalogueInvalid, match=r"catalogue\.parquet: not a Parquet file"):
        read_catalogue(tmp_path / "catalogue.parquet")
    with pytest.raises(CatalogueInvalid, match=r"missing\.csv: No such file"):
        read_catalogue(tmp_path / "missing.csv")
    with pytest.raises(CatalogueInvalid, match=r"catalogue\.xlsx: a catalogue's name ends in"):
        read_catalogue(tmp_path / "catalogue.xlsx")


@pytest.mark.parametrize("column", ["category", "colour"])
def test_parquet_strings_that_are_not_utf8_are_refused(tmp_path: Path, column: str) -> None:
    """Arrow writes any bytes as strings; the message names column and row."""
    columns: dict[str, pa.Array] = dict.fromkeys((*HEADER.split(","), "colour"), pa.array(["1", "2", "3"]))
    damaged = pa.array([b"1", b"caf\xe9", None], pa.binary())
    columns[column] = pa.StringArray.from_buffers(3, *damaged.buffers()[1:], damaged.buffers()[0])
    pq.write_table(pa.table(columns), tmp_path / "catalogue.parquet")
    with pytest.raises(CatalogueInvalid, match=rf"catalogue\.parquet, row 2: column '{column}' is not UTF-8"):
        read_catalogue(tmp_path / "catalogue.parquet")
