"""Pages of a list that is held in memory. Pure.

A token names the list it is of (a snapshot's id) and the position of the page's first entry, so that pages of two
snapshots are never put together by mistake.
"""

from services.common.errors import InvalidArgument

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1_000


def page_of(list_id: str, entries: int, page_size: int, page_token: str) -> tuple[slice, str]:
    """Return which entries make up a page, and the token of the next one.

    Args:
        list_id: what the list is of.
        entries: length of the whole list.
        page_size: entries wanted; 0 means 100, more than 1,000 is cut to 1,000.
        page_token: a token returned before; empty for the first page.

    Returns:
        The page as a slice, and the next page's token; empty when this is the last page.

    Raises:
        InvalidArgument: a negative size, or a token that was not given for this list.
    """
    if page_size < 0:
        raise InvalidArgument(f"page_size {page_size} is negative", field="page_size")
    first = _position(list_id, page_token, entries) if page_token else 0
    end = first + min(page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
    return slice(first, end), f"{end}@{list_id}" if end < entries else ""


def _position(list_id: str, page_token: str, entries: int) -> int:
    digits, _, token_of = page_token.partition("@")
    # The digits alone: int() would also take "+1", "1_0" and digits of other scripts.
    if not (digits.isascii() and digits.isdigit() and token_of == list_id and 0 < int(digits[:20]) < entries):
        raise InvalidArgument(
            f"page_token was not given for snapshot {list_id}; start again from the first page", field="page_token"
        )
    return int(digits)
