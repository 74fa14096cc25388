"""`aisle token`: a new token for a caller."""

from pathlib import Path
from typing import Annotated

import typer


def token(
    file: Annotated[Path, typer.Argument(help="Where to write the token; for the caller's eyes, and nobody else's.")],
) -> None:
    """Make a token: write it to a file, and print its digest, which goes into the access file.

    Nobody can call with the digest. A file that is there already is not overwritten.

    Example: aisle token shop.token
    """
    import os

    from services.common.errors import SettingsInvalid
    from services.common.security.tokens import digest_of, new_token

    fresh = new_token()
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise SettingsInvalid(f"{file} is there already: remove it, or name another file", field="file") from None
    with os.fdopen(descriptor, "w", encoding="ascii") as written:
        written.write(fresh + "\n")
    typer.echo(digest_of(fresh))
