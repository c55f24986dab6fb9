"""The members of a JSON object as byte ranges, so that a body can be changed without parsing it.

A prompt of 16k token ids is skipped by searches for single bytes, not built up and printed again.
The engines parse what they get; here only brackets, strings and commas matter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_TOKEN = re.compile(rb'[^"\[\]{}]+|"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
_SPACE = re.compile(rb"[ \t\r\n]*")
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_SCALAR = re.compile(rb"[^,}\]\s]+")


class NotAnObject(ValueError):
    """The bytes are not one JSON object."""


def members(body: bytes) -> dict[str, bytes]:
    """Name → the value's bytes, in order. A name given twice counts as its last value."""
    at = _open(body)
    found: dict[str, bytes] = {}
    if body[at : at + 1] == b"}":
        return _close(body, at, found)
    while True:
        name = _STRING.match(body, at)
        if name is None:
            raise NotAnObject("expected a member's name")
        at = _skip(body, name.end())
        if body[at : at + 1] != b":":
            raise NotAnObject("expected a colon")
        begin = _skip(body, at + 1)
        end = _value_end(body, begin)
        key = json.loads(name[0])
        found.pop(key, None)
        found[key] = body[begin:end]
        at = _skip(body, end)
        if body[at : at + 1] == b"}":
            return _close(body, at, found)
        if body[at : at + 1] != b",":
            raise NotAnObject("expected a comma or the end of the object")
        at = _skip(body, at + 1)


def changed(found: Mapping[str, bytes], changes: Mapping[str, Any], drop: frozenset[str]) -> bytes:
    """An object with the same bytes, but for what is dropped or changed."""
    kept = [
        json.dumps(name).encode() + b":" + value
        for name, value in found.items()
        if name not in drop and name not in changes
    ]
    added = [json.dumps({name: value})[1:-1].encode() for name, value in changes.items()]
    return b"{" + b",".join(kept + added) + b"}"


def scalar(found: Mapping[str, bytes], name: str, default: Any = None) -> Any:
    """A member's value, where it is small and valid; otherwise the default."""
    value = found.get(name, b"")
    if not value or len(value) > 64:
        return default
    try:
        return json.loads(value)
    except ValueError:
        return default


def is_many(value: bytes) -> bool:
    """Whether a `prompt` is a list of prompts: an array that holds strings or arrays."""
    if not value.startswith(b"["):
        return False
    first = _skip(value, 1)
    return value[first : first + 1] in (b'"', b"[")


def _open(body: bytes) -> int:
    at = _skip(body, 0)
    if body[at : at + 1] != b"{":
        raise NotAnObject("expected an object")
    return _skip(body, at + 1)


def _close(body: bytes, at: int, found: dict[str, bytes]) -> dict[str, bytes]:
    if _skip(body, at + 1) != len(body):
        raise NotAnObject("something follows the object")
    return found


def _skip(body: bytes, at: int) -> int:
    match = _SPACE.match(body, at)
    return match.end() if match else at


def _value_end(body: bytes, at: int) -> int:
    head = body[at : at + 1]
    if head == b'"':
        match = _STRING.match(body, at)
    elif head in (b"[", b"{"):
        return _flat_end(body, at) or _nested_end(body, at)
    else:
        match = _SCALAR.match(body, at)
    if match is None:
        raise NotAnObject("expected a value")
    return match.end()


def _flat_end(body: bytes, at: int) -> int:
    """The end of an array of numbers, found by searches for single bytes; 0: it is not one."""
    end = body.find(b"]", at)
    flat = body[at : at + 1] == b"[" and end > 0
    if flat and all(body.find(other, at + 1, end) < 0 for other in (b'"', b"[", b"{", b"}")):
        return end + 1
    return 0


def _nested_end(body: bytes, at: int) -> int:
    depth = 0
    while True:
        match = _TOKEN.match(body, at)
        if match is None:
            raise NotAnObject("the object does not end")
        token = match[0]
        if token in (b"[", b"{"):
            depth += 1
        elif token in (b"]", b"}"):
            depth -= 1
        at = match.end()
        if depth == 0:
            return at
