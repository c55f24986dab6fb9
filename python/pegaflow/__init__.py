"""PegaFlow: moves KV cache between the nodes of a disaggregated LLM deployment.

This package is the engine's side. A `Session` connects an engine process to its node's agent:

>>> session = pegaflow.Session("/run/pegaflow/agent.sock", "prefill-0")  # doctest: +SKIP
>>> pool = session.add_pool(pegaflow.Pool([group]))                      # doctest: +SKIP

Keys are 32 bytes (`new_key`), durations are seconds, block ids are buffers of 32-bit integers.
Expected failures raise `PegaflowError`, whose `code` says of what kind they are.
"""

from ._core import (
    Code,
    Event,
    EventKind,
    KvLayout,
    MemoryKind,
    PegaflowError,
    Rank,
    Reason,
    SessionRole,
    TransferStats,
    new_key,
)
from .arrays import ArrayView, view_of
from .pools import Group, Pool
from .session import Session

__all__ = [
    "ArrayView",
    "Code",
    "Event",
    "EventKind",
    "Group",
    "KvLayout",
    "MemoryKind",
    "PegaflowError",
    "Pool",
    "Rank",
    "Reason",
    "Session",
    "SessionRole",
    "TransferStats",
    "new_key",
    "view_of",
]
