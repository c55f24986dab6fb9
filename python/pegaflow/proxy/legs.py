"""What each of the two engines is asked: the client's bytes, and who hands the KV to whom."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from . import members
from .engines import Pair

VERSION = 1
# Prefill computes the prompt and one token; what it answers is thrown away.
PREFILL_DROPS = frozenset(
    ("stream_options", "min_tokens", "logprobs", "top_logprobs", "return_token_ids", "n", "best_of")
)


@dataclass(frozen=True)
class Request:
    """A client's request. `found` is None when the body is not a JSON object."""

    path: str
    body: bytes
    found: dict[str, bytes] | None

    @staticmethod
    def read(path: str, body: bytes) -> Request:
        try:
            return Request(path, body, members.members(body))
        except members.NotAnObject:
            return Request(path, body, None)

    @property
    def streams(self) -> bool:
        return self.found is not None and members.scalar(self.found, "stream") is True

    @property
    def alone(self) -> bool:
        """Decode must do it without prefill.

        One key names one sequence, so several prompts or samples cannot share it; who wants
        logprobs of the prompt, or it echoed, gets nothing from a cache; what is not understood
        is for the engine to refuse.
        """
        if self.found is None or "kv_transfer_params" in self.found:
            return True
        several = [members.scalar(self.found, name, 1) for name in ("n", "best_of")]
        return (
            any(value not in (None, 1) for value in several)
            or members.is_many(self.found.get("prompt", b""))
            or self.found.get("prompt_logprobs", b"null") != b"null"
            or members.scalar(self.found, "echo") is True
            or "prompt_embeds" in self.found
        )


@dataclass(frozen=True)
class Legs:
    """The two bodies; prefill's is None where there is none."""

    prefill: bytes | None
    decode: bytes


def bodies(request: Request, pair: Pair) -> Legs:
    """Mints a key and writes both bodies."""
    if pair.prefill is None or request.found is None:
        return Legs(None, request.body)
    key = secrets.token_hex(32)
    limit = "max_completion_tokens" if request.path.endswith("/chat/completions") else "max_tokens"
    produce = {
        "do_remote_decode": True,
        "do_remote_prefill": False,
        "pegaflow": {"v": VERSION, "key": key},
    }
    fetch = {
        "do_remote_decode": False,
        "do_remote_prefill": True,
        "pegaflow": {"v": VERSION, "key": key, "instance": pair.prefill.instance},
    }
    one_token = {"stream": False, limit: 1, "kv_transfer_params": produce}
    other = "max_tokens" if limit == "max_completion_tokens" else "max_completion_tokens"
    return Legs(
        members.changed(request.found, one_token, PREFILL_DROPS | {other}),
        members.changed(request.found, {"kv_transfer_params": fetch}, frozenset()),
    )
