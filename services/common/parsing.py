"""From a request's bytes to its message, on the event loop: what would keep that for long is refused by its bytes.

A photo of 20 MB is parsed in 5 ms, for it is copied as one piece. As many bytes of small fields, the empty values of a
filter say, take more than half a second, in which nothing else is done. So only fields of type `bytes` may be large.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError

from services.common.errors import InvalidArgument

MAX_OTHER_BYTES: Final = 262_144
"""Of a message besides what its `bytes` fields hold: parsed in 10 ms. A filter has 64 KiB at most, all else is less."""
_MOST_FIELDS: Final = 1_000
"""A message has a dozen; what follows on so many is not looked at one by one."""
_MOST_BITS: Final = 70
"""Of a number, seven in each byte; longer ones no parser takes, and to read one of megabytes would take hours."""
_DELIMITED: Final = 2
"""The wire type of what has a length: texts, bytes, messages, packed numbers."""


def tolerant(method: str, deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Return what parses the requests of a method, or gives the error that the call is to end with.

    Raised here, gRPC would end the call UNKNOWN or INTERNAL.

    Args:
        method: its full name, as in `/aisle.search.v1.SearchService/Search`.
        deserialize: parses a message; raises DecodeError.
    """

    def parse(data: bytes) -> Any:
        if len(data) > MAX_OTHER_BYTES and (others := other_bytes(data, _request_of(method))) > MAX_OTHER_BYTES:
            return InvalidArgument(
                f"the message has {others:,} bytes besides the picture or vectors in it; {MAX_OTHER_BYTES:,} may be"
            )
        try:
            return deserialize(data)
        except DecodeError:
            return InvalidArgument("the bytes sent are no message of this method; use the stubs of its proto")

    return parse


def other_bytes(data: bytes, message: Descriptor) -> int:
    """Return how many bytes a message has besides what its `bytes` fields hold.

    Looks at a thousand fields at most, and counts whatever follows on these. Of bytes that can't be a
    message all count from the first that is wrong: where a photo would end after these, nobody can tell.

    Args:
        data: the message as it was sent.
        message: its type.
    """
    others, position = 0, 0
    within = [(len(data), message)]
    for _ in range(_MOST_FIELDS):
        while within and position >= within[-1][0]:
            within.pop()
        if not within:
            return others
        began = position
        try:
            tag, position = _varint(data, position)
            length, position = _length(data, position, tag & 7)
        except IndexError:
            return others + len(data) - began
        field = within[-1][1].fields_by_number.get(tag >> 3) if tag & 7 == _DELIMITED else None
        if field is not None and field.message_type is not None and _leads_to_bytes(field.message_type):
            within.append((position + length, field.message_type))  # its fields come next
            length = 0
        position, others = position + length, others + position - began
        if field is None or field.type != FieldDescriptor.TYPE_BYTES:
            others += length
    return others + len(data) - position


def _length(data: bytes, position: int, wire_type: int) -> tuple[int, int]:
    """Return how long a field's value is, and where it begins.

    Raises:
        IndexError: it can't be told: the message ends before, or it is of a kind that no proto of ours has.
    """
    match wire_type:
        case 0:
            return 0, _varint(data, position)[1]
        case 1:
            return 8, position
        case _ if wire_type == _DELIMITED:
            return _varint(data, position)
        case 5:
            return 4, position
    raise IndexError


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, the lowest first, and where it ends.

    Raises:
        IndexError: it does not end, or not within the ten bytes that 64 bits take.
    """
    number = 0
    for shift in range(0, _MOST_BITS, 7):
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return number, position
    raise IndexError


@cache
def _request_of(method: str) -> Descriptor:
    return descriptor_pool.Default().FindMethodByName(method.removeprefix("/").replace("/", ".")).input_type


@cache
def _leads_to_bytes(message: Descriptor) -> bool:
    """Return whether a message has a `bytes` field, or one of those that it may consist of."""
    pending, known = [message], {message.full_name}
    while pending:
        for field in pending.pop().fields:
            if field.type == FieldDescriptor.TYPE_BYTES:
                return True
            if field.message_type is not None and field.message_type.full_name not in known:
                known.add(field.message_type.full_name)
                pending.append(field.message_type)
    return False
