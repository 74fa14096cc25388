"""Settings of a process: one frozen model, filled from the command line and the environment in `__main__` only."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from services.common.errors import SettingsInvalid
from services.common.misfits import first_misfit, meant


class Settings(BaseModel):
    """Base of every process's settings: frozen, and closed to keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


S = TypeVar("S", bound=Settings)


def load_settings(cls: type[S], service: str, argv: Sequence[str]) -> S:
    """Read a process's settings: command line first, then environment, then defaults.

    Args:
        cls: the settings model; its attribute docstrings become the `--help`.
        service: the process's name; `gateway` reads `AISLE_GATEWAY_PORT` for `port`.
        argv: the command line without the program's name.

    Raises:
        SettingsInvalid: an unknown key or a value that does not fit; the message names it.
        SystemExit: `--help` was asked for, or the command line can't be parsed (status 2).
    """
    prefix = f"AISLE_{service.upper()}_"
    _refuse_unknown_keys(cls, prefix, os.environ)
    source: Any = type(
        cls.__name__,
        (BaseSettings, cls),
        {
            "__module__": cls.__module__,
            "__doc__": cls.__doc__,
            "model_config": SettingsConfigDict(
                env_prefix=prefix,
                cli_parse_args=list(argv),
                cli_prog_name=f"python -m services.{service}",
                cli_kebab_case=True,
                cli_implicit_flags=True,
                frozen=True,
                extra="forbid",
            ),
        },
    )
    try:
        return cls.model_validate(source().model_dump())
    except ValidationError as invalid:
        name, why = first_misfit(invalid, cls)
        raise SettingsInvalid(f"{f'setting {name}' if name else 'settings'}: {why}", field=name) from None
    except SettingsError as invalid:
        raise SettingsInvalid(f"settings: {invalid}") from None


def _refuse_unknown_keys(cls: type[Settings], prefix: str, environ: Mapping[str, str]) -> None:
    known = {prefix + name.upper() for name in cls.model_fields}
    for key in environ:
        if key.upper().startswith(prefix) and key.upper() not in known:
            hint = meant(key.upper(), known)
            raise SettingsInvalid(f"unknown environment variable {key}{'; ' + hint if hint else ''}", field=key)
