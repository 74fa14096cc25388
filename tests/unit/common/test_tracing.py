"""Spans follow the request through tasks and calls; who is not traced pays nothing and sends nothing."""

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from services.common.errors import SettingsInvalid
from services.common.tracing import Running, span, trace_headers, tracing_to
from services.models.client import TritonModels


class FakeSpan:
    """Remembers its steps, and how they ended."""

    trace_id = "t"

    def __init__(self, name: str, journal: list[str]) -> None:
        self.name = name
        self._journal = journal

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Its name, in place of a context."""
        return (("traceparent", self.name),)

    def child(self, name: str, *, calls: bool) -> "FakeSpan":
        """Begin a step."""
        self._journal.append(f"{self.name} > {name}{' calls' if calls else ''}")
        return FakeSpan(name, self._journal)

    def tell(self, name: str, value: object) -> None:
        """Note it."""
        self._journal.append(f"{self.name}: {name}={value}")

    def end(self, failure: str) -> None:
        """Note it."""
        self._journal.append(f"{self.name} ends {failure or 'well'}")


@pytest.fixture
def journal() -> list[str]:
    """What spans did."""
    return []


async def test_a_task_s_spans_belong_under_what_it_was_begun_in(journal: list[str]) -> None:
    """Two shards side by side under one stage; one fails, and says with what."""

    async def ask(shard: str) -> None:
        with span("shard", calls=True, shard=shard):
            await asyncio.sleep(0)
            if shard == "coat":
                raise ValueError("gone")

    with Running(FakeSpan("root", journal)), span("scatter"):
        await asyncio.gather(ask("bag"), ask("coat"), return_exceptions=True)
    assert sorted(journal) == sorted(
        [
            "root > scatter",
            *["scatter > shard calls"] * 2,
            "shard: aisle.shard=bag",
            "shard: aisle.shard=coat",
            "shard ends well",
            "shard ends gone",
            "scatter ends well",
            "root ends well",
        ]
    )


async def test_the_context_goes_along_with_a_call_to_triton_and_only_then(journal: list[str]) -> None:
    """As metadata of the call, under the call's own span; nothing where the request is not traced."""
    sent: list[Any] = []

    async def method(_request: object, *, timeout: float, metadata: object) -> str:  # noqa: ASYNC109
        sent.append((timeout, metadata))
        return "answer"

    models = TritonModels("127.0.0.1:9")
    await models._call(method, None, "embedder", 1.0)
    with Running(FakeSpan("embed", journal)):
        await models._call(method, None, "embedder", 1.0)
    await models.close()
    assert sent == [(1.0, None), (1.0, (("traceparent", "model"),))]


def test_nothing_is_traced_or_imported_without_an_endpoint() -> None:
    """Neither by what decides, nor by what would be a step."""
    assert tracing_to("", "gateway", 1.0) is None
    with span("stage") as none:
        assert none is None
        assert trace_headers(none) is None
    program = "import sys, services.common.lifecycle; sys.exit('opentelemetry' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the extra that brings it."""
    monkeypatch.setitem(sys.modules, "services.common.otlp", None)
    with pytest.raises(SettingsInvalid, match=r"pip install '\.\[telemetry\]'") as refused:
        tracing_to("http://collector:4317", "gateway", 0.5)
    assert refused.value.field == "trace_endpoint"
