"""The templates of reports: names are escaped, and every page has the same look and the same number formats."""

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from services.evaluation.words import count, ms, percent, signed

_LOOK = "services.evaluation"
"""The package whose `style.css` every page includes."""


def templates(package: str) -> Environment:
    """Return the templates of a package; those that it lacks are looked for beside the common style."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader(_LOOK)]),
        autoescape=True,  # names come from catalogues and callers
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": count, "ms": ms, "percent": percent, "signed": signed}
    return environment
