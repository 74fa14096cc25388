"""Names of categories that are safe as folder and DNS label. Pure."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable

from services.common.errors import CatalogueInvalid

# A DNS label has room for 63 characters; the rest is for what a deployment puts before and after the slug.
_MAX_CHARACTERS = 50
_DIGEST_CHARACTERS = 8


def slug(category: str) -> str:
    """Return a category's slug: lower-case letters, digits and inner hyphens, 1 to 50 characters.

    Accents are dropped. A name that is longer, or has letters that no accent explains, gets digits of its digest, so
    that "鞋" and "包" have slugs too, and different ones.
    """
    folded = unicodedata.normalize("NFKD", category).lower()
    plain = re.sub(r"[^a-z0-9]+", "-", "".join(c for c in folded if not unicodedata.combining(c))).strip("-")
    lost = any(c.isalnum() and not c.isascii() for c in folded)
    if plain and not lost and len(plain) <= _MAX_CHARACTERS:
        return plain
    digest = hashlib.sha256(category.encode()).hexdigest()[:_DIGEST_CHARACTERS]
    kept = plain[: _MAX_CHARACTERS - _DIGEST_CHARACTERS - 1].strip("-")
    return f"{kept or 'category'}-{digest}"


def slugs(categories: Iterable[str]) -> dict[str, str]:
    """Return the slug of each category.

    Raises:
        CatalogueInvalid: two different categories come out alike.
    """
    owners: dict[str, str] = {}
    for category in categories:
        owner = owners.setdefault(slug(category), category)
        if owner != category:
            raise CatalogueInvalid(
                f"categories {owner!r} and {category!r} are too alike: both would be {slug(category)!r}; rename one",
                field="category",
            )
    return {category: name for name, category in owners.items()}
