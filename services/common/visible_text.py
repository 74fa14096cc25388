"""Text from elsewhere on a terminal: what would steer it, or turn lines around, is made visible. Pure.

A name in a catalogue or another process's error may hold anything. A terminal obeys control characters: it is cleared,
renamed, or made to type. Bidirectional marks show one name as another.
"""

import re
from typing import Final

_CONTROL: Final = r"\x00-\x08\x0b-\x1f\x7f-\x9f"
"""C0 without tab and line feed, DEL, and C1, of which terminals take one for ESC [, too."""
_BIDIRECTIONAL: Final = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_SEPARATORS: Final = r"\u2028\u2029"
"""Ends of lines to some, so that one line of JSON becomes two."""
_SURROGATES: Final = r"\ud800-\udfff"
"""Of file names that are no UTF-8; no stream takes them."""
_INVISIBLE: Final = re.compile(f"[{_CONTROL}{_BIDIRECTIONAL}{_SEPARATORS}{_SURROGATES}]")


def visible(text: str) -> str:
    """Return text for people, with a replacement character for each that steers instead of being shown."""
    return _INVISIBLE.sub("\N{REPLACEMENT CHARACTER}", text)


def visible_json(text: str) -> str:
    r"""Return JSON that says the same, with such characters as escapes (`\u202e`): nothing is lost."""
    return _INVISIBLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
