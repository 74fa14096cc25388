"""Calls in frames of HTTP/2 written by hand: with headers that no client library would send."""

import asyncio
import re
import ssl
from pathlib import Path

_HEADERS, _DATA, _SETTINGS = 1, 0, 4
_END_STREAM, _END_HEADERS = 1, 4
EMPTY = object()
"""In place of a message: the call ends without one."""


async def status_of(
    port: int, path: bytes, *headers: tuple[bytes, bytes], message: object = b"", tls_ca: Path | None = None
) -> int | None:
    """Return the number of the status that a call ends with; None when there is none.

    Args:
        port: of a server on this machine.
        path: the method's full name, any bytes.
        headers: what else goes along, any bytes.
        message: the bytes that are sent; `EMPTY` to end the call without any, None to leave it at its headers.
        tls_ca: the authority of its certificate; None without TLS.

    Raises:
        TimeoutError: there was none within seconds.
    """
    usual = (
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", path),
        (b":authority", b"localhost"),
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc"),
    )
    block = b"".join(_literal(name, value) for name, value in (*usual, *headers))
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=_tls(tls_ca))
    writer.write(
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(_SETTINGS, 0, 0, b"") + _frame(_HEADERS, _END_HEADERS, 1, block)
    )
    if message is EMPTY:
        writer.write(_frame(_DATA, _END_STREAM, 1, b""))
    elif isinstance(message, bytes):
        writer.write(_frame(_DATA, _END_STREAM, 1, b"\x00" + len(message).to_bytes(4, "big") + message))
    try:
        async with asyncio.timeout(2):
            heard = b""
            while (found := re.search(rb"grpc-status.(\d+)\x00", heard, re.DOTALL)) is None:
                more = await reader.read(65_536)
                if not more:
                    return None
                heard += more
            return int(found[1])
    finally:
        writer.close()


def _tls(ca: Path | None) -> ssl.SSLContext | None:
    if ca is None:
        return None
    context = ssl.create_default_context(cafile=str(ca))
    context.set_alpn_protocols(["h2"])
    return context


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def _literal(name: bytes, value: bytes) -> bytes:
    """Return a header as it is, without any of the compression."""
    return b"\x00" + _sized(name) + _sized(value)


def _sized(text: bytes) -> bytes:
    length = len(text)
    if length < 127:
        return bytes((length,)) + text
    length -= 127
    size = bytearray(b"\x7f")
    while length >= 128:
        size.append(length % 128 + 128)
        length //= 128
    return bytes((*size, length)) + text
