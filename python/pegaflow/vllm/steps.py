"""What crosses from the scheduler to the workers in each engine step: plain, small, picklable."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field


@dataclass
class Offer:
    """A prompt whose KV this instance is about to compute."""

    key: bytes
    n_tokens: int
    content: bytes


@dataclass
class Table:
    """Block ids of one group, from block index `first` on."""

    key: bytes
    group: int
    first: int
    ids: array[int]
    replace: bool


@dataclass
class ReceiveGroup:
    """Tokens [begin, end) of one group, and the blocks that take them."""

    begin: int
    end: int
    ids: array[int]


@dataclass
class Receive:
    """KV to fetch for a request that waits for it."""

    req: str
    key: bytes
    source: str
    dp: int
    reference: int
    n_tokens: int
    content: bytes
    groups: list[ReceiveGroup]


@dataclass
class Step:
    """The worker carries these out in the order of the fields."""

    withdraws: list[bytes] = field(default_factory=list)
    disowns: list[bytes] = field(default_factory=list)  # decode may wait for an offer of these
    rewinds: list[bytes] = field(default_factory=list)
    offers: list[Offer] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    finishes: list[tuple[bytes, str]] = field(default_factory=list)  # key, request
    receives: list[Receive] = field(default_factory=list)
    cancels: list[bytes] = field(default_factory=list)
    # key, first, end token: what is in the blocks once this step is computed, and was not told
    spans: list[tuple[bytes, int, int]] = field(default_factory=list)
    completes: bool = False  # one of the spans is the last of its prompt
