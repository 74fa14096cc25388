"""Pages of a list that is held in memory: the token is the position of the page's first entry. Pure."""

from services.common.errors import InvalidArgument

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1_000


def page_of(entries: int, page_size: int, page_token: str) -> tuple[slice, str]:
    """Return which entries make up a page, and the token of the next one.

    Args:
        entries: length of the whole list.
        page_size: entries wanted; 0 means 100, more than 1,000 is cut to 1,000.
        page_token: a token returned before; empty for the first page.

    Returns:
        The page as a slice, and the next page's token; empty when this is the last page.

    Raises:
        InvalidArgument: a negative size, or a token that is no position in the list.
    """
    if page_size < 0:
        raise InvalidArgument(f"page_size {page_size} is negative", field="page_size")
    # The digits alone: int() would also take "+1", "1_0" and digits of other scripts.
    if page_token and not (page_token.isascii() and page_token.isdigit() and 0 < int(page_token[:20]) < entries):
        raise InvalidArgument("page_token was not given by this service", field="page_token")
    first = int(page_token or 0)
    end = first + min(page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
    return slice(first, end), str(end) if end < entries else ""
