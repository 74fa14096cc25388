"""Who may call, and what: the access file. Pure.

callers:
- name: shop-frontend
tokens: ["sha256:…", "sha256:…"]        # the old one and the new one, while they change
rights: [search]
calls_per_second: 200
- name: gateway
certificates: [gateway.aisle.svc]       # a name in a certificate of the authority that is trusted
rights: [search]
- name: on-call
certificates: [spiffe://shop/on-call]
rights: [search, operate]
"""

import hmac
import re
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from services.common.errors import SettingsInvalid
from services.common.security.tokens import digest_of

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_SEARCHED_BY: Final = ("/aisle.search.v1.SearchService/", "/aisle.shard.v1.ShardService/")


class Right(StrEnum):
    """What a caller may do."""

    SEARCH = "search"
    """Search, and see what can be searched."""
    OPERATE = "operate"
    """Whatever else a process offers: to look into it, and what it may offer one day."""


def right_for(method: str) -> Right:
    """Return the right that a method asks for, given its full name with the leading slash."""
    return Right.SEARCH if method.startswith(_SEARCHED_BY) else Right.OPERATE


def _digest(value: str) -> str:
    if not _DIGEST.fullmatch(value):  # what it is instead may be a token: it is not said
        raise ValueError("the digest of a token, sha256:<64 hexadecimal digits>, is expected; `aisle token` makes both")
    return value


class _Closed(BaseModel):
    # What does not fit may be a secret: errors must not show it.
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)


class Caller(_Closed):
    """One of those who may call."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    """For logs and metrics."""
    certificates: tuple[str, ...] = ()
    """Names in a certificate, any of which will do: DNS names and URIs, or the common name where it has neither."""
    tokens: tuple[Annotated[str, AfterValidator(_digest)], ...] = ()
    """Digests of its tokens, any of which will do."""
    rights: tuple[Right, ...] = Field(min_length=1)
    """What it may do."""
    calls_per_second: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Photos, or calls, a second in the long run; None for any number."""
    burst: int | None = Field(default=None, ge=1)
    """How many may come at once; by default those of one second, and one at least."""

    @model_validator(mode="after")
    def _can_be_told(self) -> Self:
        if not self.certificates and not self.tokens:
            raise ValueError(f"caller {self.name} has neither certificates nor tokens: nobody could be told to be it")
        if self.burst is not None and self.calls_per_second is None:
            raise ValueError(f"caller {self.name} has a burst, but no calls_per_second")
        return self

    @property
    def most_at_once(self) -> float:
        """The burst that holds."""
        return float(self.burst) if self.burst is not None else max(1.0, self.calls_per_second or 1.0)


class Access(_Closed):
    """All who may call."""

    callers: tuple[Caller, ...] = Field(min_length=1)
    """They; their names, certificates and tokens are theirs alone."""

    @model_validator(mode="after")
    def _nothing_twice(self) -> Self:
        for what, values in (
            ("name", [caller.name for caller in self.callers]),
            ("certificate", [name for caller in self.callers for name in caller.certificates]),
            ("token", [digest for caller in self.callers for digest in caller.tokens]),
        ):
            twice = [value for value, times in Counter(values).items() if times > 1]
            if twice:
                raise ValueError(f"{what} {twice[0]} is there twice: it would not tell who calls")
        return self

    @classmethod
    def from_text(cls, text: bytes, source: str) -> "Access":
        """Parse and check an access file, YAML or JSON.

        Raises:
            SettingsInvalid: it is neither, or something in it can't be; names `source` and the place, and shows no
                token.
        """
        import yaml  # noqa: PLC0415 - whoever has no access file starts the sooner

        try:
            fields = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError) as error:  # 2024-99-99 is a date to it, and no YAMLError
            mark = getattr(error, "problem_mark", None)
            where = f", line {mark.line + 1}" if mark else ""
            raise SettingsInvalid(f"{source}{where}: neither YAML nor JSON", field="access_file") from None
        try:
            return cls.model_validate(fields)
        except ValidationError as invalid:
            first = invalid.errors(include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            message = first["msg"].removeprefix("Value error, ")
            raise SettingsInvalid(f"{source}: {where + ': ' if where else ''}{message}", field="access_file") from None

    def with_token(self, token: str) -> Caller | None:
        """Return the caller with a token; None when it is nobody's.

        It takes as long for any token: all digests are compared, each in constant time.
        """
        presented = digest_of(token)
        found = None
        for caller in self.callers:
            for known in caller.tokens:
                if hmac.compare_digest(presented, known):
                    found = caller
        return found

    def with_certificate(self, names: Iterable[str]) -> Caller | None:
        """Return the caller that one of a certificate's names stands for; None when it is nobody's."""
        presented = frozenset(names)
        return next((caller for caller in self.callers if presented.intersection(caller.certificates)), None)
