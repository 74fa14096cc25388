"""YAML as Kubernetes means it, for all that people write by hand."""

from pathlib import Path
from typing import Any

import pytest

from services.common.errors import SettingsInvalid
from services.common.yaml_documents import MOST_BYTES, documents, read_document


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2024-01-01", "2024-01-01"),
        ("1:30", "1:30"),
        ("yes", "yes"),
        ("0.1.0", "0.1.0"),
        ("true", True),
        ("0440", 0o440),
        ("1e3", 1000.0),
        ("1_000", 1000),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("~", None),
        ("", None),
    ],
)
def test_plain_text_is_what_kubernetes_takes_it_for(text: str, value: Any) -> None:
    """Dates, sexagesimal numbers and `yes` are texts to it."""
    (found,) = documents(f"a: {text}\n".encode(), "a.yaml")
    assert found == {"a": value}
    assert type(found["a"]) is type(value)


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("a: 1\nb: !!timestamp x\n", 2, "tag !!timestamp"),
        ("a: !!binary aGk=\n", 1, "tag !!binary"),
        ("a: !!set {b, c}\n", 1, "tag !!set"),
        ("a: !own b\n", 1, "tag !own"),
        ("a: !!int b\n", 1, "not of the type that its tag !!int says"),
        ("a: 1\nb: 2\na: 3\n", 3, "'a' is there twice"),
        ("? [a]\n: b\n", 1, "a key that is no text"),
        ("a: &a [*a]\n", 1, "alias within itself"),
        ("[" * 100 + "]" * 100, 1, "64 levels deep"),
        ("[" * 3_000, 1, "not YAML: exceeded maximum nesting depth"),
        ("a: *b\n", 1, "not YAML: found undefined alias"),
        ("a:\n\t- b\n", 2, "not YAML: found character"),
    ],
)
def test_what_it_is_not_is_refused_by_its_line(text: str, line: int, why: str) -> None:
    """The message is one line, with the name of the file."""
    with pytest.raises(SettingsInvalid) as refused:
        list(documents(text.encode(), "a.yaml"))
    assert refused.value.message.startswith(f"a.yaml, line {line}: ")
    assert why in refused.value.message
    assert "\n" not in refused.value.message


def test_a_few_lines_that_mean_billions_are_refused() -> None:
    """Aliases count as what they stand for, and are not written out first."""
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    with pytest.raises(SettingsInvalid, match="more than 1,000,000 values, aliases written out"):
        list(documents("\n".join(lines).encode(), "a.yaml"))


def test_other_encodings_are_refused() -> None:
    """A mark of UTF-8 is none; the line is that of the first byte which does not fit."""
    assert list(documents(b"\xef\xbb\xbfa: 1\n", "a.yaml")) == [{"a": 1}]
    for content, line in (("a: b\nc: ü\n".encode("latin-1"), 2), ("a: b\n".encode("utf-16"), 1)):
        with pytest.raises(SettingsInvalid, match=f"^a.yaml, line {line}: not UTF-8: save it in that encoding$"):
            list(documents(content, "a.yaml"))
    with pytest.raises(SettingsInvalid, match="not YAML: control characters"):
        list(documents(b"a: \x07\n", "a.yaml"))


def test_a_file_that_is_too_large_is_not_parsed() -> None:
    """It is hardly what was meant."""
    with pytest.raises(SettingsInvalid, match=r"has 33,554,433 bytes.*is it the right file\?"):
        list(documents(b" " * (MOST_BYTES + 1), "a.yaml"))


def test_a_file_has_one_document(tmp_path: Path) -> None:
    """Nothing is None, and what can't be read is named."""
    path = tmp_path / "a.yaml"
    path.write_text("# nothing\n")
    assert read_document(path) is None
    path.write_text("a: 1\n---\nb: 2\n")
    with pytest.raises(SettingsInvalid, match=f"^{path} has 2 documents"):
        read_document(path)
    with pytest.raises(SettingsInvalid, match=f"^{tmp_path} can't be read: Is a directory"):
        read_document(tmp_path)
