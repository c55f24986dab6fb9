"""`kv_transfer_params`: what routers carry between a prefill and a decode engine.

Serial routers send the six usual keys to prefill and pass its answer on to decode. Routers that
send both at once (pegaflow-proxy) mint the transfer key and name the prefill instance instead.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

VERSION = 1
HASH_VERSION = b"\x01"
MAX_INSTANCE_BYTES = 64
# What routers that know vLLM's connectors, and not this one, ask of prefill.
SIX_KEYS: Mapping[str, Any] = {
    "do_remote_decode": True,
    "do_remote_prefill": False,
    "remote_engine_id": None,
    "remote_block_ids": None,
    "remote_host": None,
    "remote_port": None,
}


@dataclass(frozen=True)
class Produce:
    """The request is prefill's part. `key`: the router's, if it minted one."""

    key: bytes | None


@dataclass(frozen=True)
class Fetch:
    """The request is decode's part: its KV is at `source`.

    What only a router that calls prefill first can know is left out by the others: reference,
    n_tokens, content, fingerprint.
    """

    key: bytes
    source: str
    dp: int = 0
    reference: int = 0
    n_tokens: int | None = None
    content: bytes | None = None
    fingerprint: bytes | None = None


@dataclass(frozen=True)
class Answer:
    """What prefill tells decode."""

    key: bytes
    instance: str
    dp: int
    reference: int
    n_tokens: int
    content: bytes
    fingerprint: bytes
    tp_size: int
    pp_size: int

    def params(self) -> dict[str, Any]:
        """The keys that routers know, and ours; they pass on what they don't know."""
        return {
            "do_remote_prefill": True,
            "do_remote_decode": False,
            "remote_engine_id": self.instance,
            "remote_request_id": self.key.hex(),
            "remote_block_ids": [[0]],
            "remote_host": "pegaflow",
            "remote_port": 0,
            "tp_size": self.tp_size,
            "pp_size": self.pp_size,
            "pegaflow": {
                "v": VERSION,
                "key": self.key.hex(),
                "instance": self.instance,
                "dp": self.dp,
                "reference": self.reference,
                "n_tokens": self.n_tokens,
                "hash": self.content.hex(),
                "fp": self.fingerprint.hex(),
            },
        }


def parse(params: Mapping[str, Any] | None) -> Produce | Fetch | None:
    """None: not a prefill/decode request. Raises ValueError for one that cannot be understood."""
    if not params:
        return None
    ours = params.get("pegaflow")
    if ours is not None and not isinstance(ours, Mapping):
        raise ValueError(f"pegaflow: expected an object, not {ours!r}")
    if ours and ours.get("v") != VERSION:
        raise ValueError(f"pegaflow.v: expected {VERSION}, not {ours.get('v')!r}")
    if params.get("do_remote_decode"):
        return Produce(_hex(ours, "key", 32) if ours and "key" in ours else None)
    if not params.get("do_remote_prefill"):
        return None
    return _ours(ours) if ours else _usual(params)


def _ours(ours: Mapping[str, Any]) -> Fetch:
    n_tokens = _number(ours, "n_tokens", 1 << 31) if "n_tokens" in ours else None
    return Fetch(
        _hex(ours, "key", 32),
        _instance(ours, "instance"),
        _number(ours, "dp", 1 << 16) if "dp" in ours else 0,
        _number(ours, "reference", 1 << 64) if "reference" in ours else 0,
        n_tokens,
        _hex(ours, "hash", 16) if "hash" in ours else None,
        _hex(ours, "fp", 32) if "fp" in ours else None,
    )


def _usual(params: Mapping[str, Any]) -> Fetch:
    """A router passed on only the keys that it knows."""
    return Fetch(_hex(params, "remote_request_id", 32), _instance(params, "remote_engine_id"))


def _hex(values: Mapping[str, Any], name: str, size: int) -> bytes:
    text = values.get(name)
    try:
        if not isinstance(text, str) or len(text) != 2 * size:
            raise ValueError
        return bytes.fromhex(text)
    except ValueError:
        raise ValueError(f"{name}: expected {2 * size} hexadecimal digits, not {text!r}") from None


def _number(values: Mapping[str, Any], name: str, below: int) -> int:
    value = values[name]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < below:
        raise ValueError(f"{name}: expected a whole number from 0 to {below - 1}, not {value!r}")
    return value


def _instance(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str) or not 0 < len(value.encode()) <= MAX_INSTANCE_BYTES:
        raise ValueError(f"{name}: expected 1 to {MAX_INSTANCE_BYTES} bytes, not {value!r}")
    return value


def content_hash(
    tokens: Sequence[int],
    media: Sequence[str] = (),
    lora: str | None = None,
    salt: str | None = None,
) -> bytes:
    """16 bytes that are equal exactly for prompts whose KV is the same."""
    digest = hashlib.sha256(HASH_VERSION)
    digest.update(array("I", tokens).tobytes())
    for text in (*media, lora or "", salt or ""):
        data = text.encode()
        digest.update(len(data).to_bytes(4, "little") + data)
    return digest.digest()[:16]
