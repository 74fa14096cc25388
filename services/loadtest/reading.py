"""Reads the report of an earlier load test."""

from pathlib import Path

from pydantic import ValidationError

from services.common.errors import InvalidArgument
from services.loadtest.run import REPORT_JSON
from services.loadtest.schema import Report


def read_report(path: Path) -> Report:
    """Return the report in a file, or in a folder that `aisle loadtest` wrote.

    Raises:
        InvalidArgument: there is none, or it is of another tool or version.
    """
    file = path / REPORT_JSON if path.is_dir() else path
    try:
        return Report.model_validate_json(file.read_bytes())
    except OSError as error:
        raise InvalidArgument(f"{file}: {error.strerror}", field="report") from None
    except ValidationError as invalid:
        first = invalid.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InvalidArgument(
            f"{file} is no report of a load test that this version can read: {place}: {first['msg']}", field="report"
        ) from None
