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
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from services.common.errors import SettingsInvalid
from services.common.security.tokens import digest_of

MOST_CALLERS: Final = 10_000
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_DIGEST_START: Final = len("sha256:") + 8
NOBODY: Final = "unknown"
"""What a caller is called who could not be told."""
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
    if value == digest_of(""):
        raise ValueError("this is the digest of nothing at all, as of an empty file; `aisle token` makes a token")
    return value


def _name(value: str) -> str:
    if value in {NOBODY, "other"}:
        raise ValueError(f"{value!r} is what metrics call those without a name of their own: choose another one")
    return value


class _Closed(BaseModel):
    # What does not fit may be a secret: errors must not show it.
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)


class Caller(_Closed):
    """One of those who may call."""

    name: Annotated[str, AfterValidator(_name)] = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    """For logs and metrics."""
    certificates: tuple[str, ...] = ()
    """Names in a certificate, any of which will do: DNS names and URIs, or the common name where it has neither."""
    tokens: tuple[Annotated[str, AfterValidator(_digest)], ...] = ()
    """Digests of its tokens, any of which will do."""
    rights: tuple[Right, ...] = Field(min_length=1)
    """What it may do."""
    calls_per_second: float | None = Field(default=None, ge=0.001, allow_inf_nan=False)
    """Photos, or calls, a second in the long run, at least one in a thousand seconds; None for any number."""
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

    callers: tuple[Caller, ...] = Field(min_length=1, max_length=MOST_CALLERS)
    """They, 10,000 at most; their names, certificates and tokens are theirs alone."""

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
        from services.common.yaml_documents import only_document  # noqa: PLC0415 - who has no file starts the sooner

        try:
            return cls.model_validate(only_document(text, source))
        except ValidationError as invalid:
            first = invalid.errors(include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            message = first["msg"].removeprefix("Value error, ")
            raise SettingsInvalid(f"{source}: {where + ': ' if where else ''}{message}", field="access_file") from None

    def with_token(self, token: str) -> Caller | None:
        """Return the caller with a token; None when it is nobody's.

        The comparison takes as long whether it is the right one or not. Which digests are compared goes by how that of
        the token begins, so that ten thousand callers cost a call no more than one does. That tells nobody how to come
        closer: whoever changes a token changes all of its digest.
        """
        presented = digest_of(token)
        for known, caller in self.by_digest_start.get(presented[:_DIGEST_START], ()):
            if hmac.compare_digest(presented, known):
                return caller
        return None

    def with_certificate(self, names: Iterable[str]) -> Caller | None:
        """Return the caller that one of a certificate's names stands for; None when it is nobody's."""
        return next((self.by_certificate[name] for name in names if name in self.by_certificate), None)

    @cached_property
    def by_digest_start(self) -> Mapping[str, Sequence[tuple[str, Caller]]]:
        """Digests and whose they are, by how they begin."""
        found = defaultdict[str, list[tuple[str, Caller]]](list)
        for caller in self.callers:
            for digest in caller.tokens:
                found[digest[:_DIGEST_START]].append((digest, caller))
        return found

    @cached_property
    def by_certificate(self) -> Mapping[str, Caller]:
        """Callers by the names in their certificates."""
        return {name: caller for caller in self.callers for name in caller.certificates}
