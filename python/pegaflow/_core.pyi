"""PegaFlow's engine-side client; use the package pegaflow."""

# Written by make_stub.py from the extension. Arrays are whatever speaks DLPack or the buffer
# protocol, which no type expresses. flake8 wants blank lines where black takes them out:
# flake8: noqa: E301, E302

from collections.abc import Sequence
import enum
from typing import Any

class Code(enum.Enum):
    """What kind of failure it was; the message says the rest."""

    INVALID_ARGUMENT = 0
    """The values can never work."""

    NOT_FOUND = 1
    """The named thing does not exist."""

    ALREADY_EXISTS = 2
    """The name is taken."""

    FAILED_PRECONDITION = 3
    """Right values, wrong moment."""

    RESOURCE_EXHAUSTED = 4
    """A named limit is reached."""

    UNAVAILABLE = 5
    """The other side is not there (now)."""

    DEADLINE_EXCEEDED = 6
    """Waited as long as was allowed."""

    UNSUPPORTED = 7
    """This build, machine or peer cannot do it."""

    PROTOCOL = 8
    """Bytes from outside broke a rule of the format."""

    SYSTEM = 9
    """The operating system or a library refused."""

    INTERNAL = 10
    """A bug that was contained."""

class PegaflowError(RuntimeError):
    """An expected failure; `code` says of what kind."""

    code: Code

class MemoryKind(enum.Enum):
    HOST = 0

    CUDA = 1

class Rank:
    """Position of one engine process in its instance; indices are 0-based."""

    def __init__(
        self,
        *,
        dp: int = 0,
        dp_size: int = 1,
        pp: int = 0,
        pp_size: int = 1,
        tp: int = 0,
        tp_size: int = 1,
    ) -> None: ...
    @property
    def dp(self) -> int: ...
    @property
    def dp_size(self) -> int: ...
    @property
    def pp(self) -> int: ...
    @property
    def pp_size(self) -> int: ...
    @property
    def tp(self) -> int: ...
    @property
    def tp_size(self) -> int: ...

class KvGroupShape:
    """What of one KV group travels to other nodes; see kv_shape.h."""

    def __init__(self) -> None: ...
    @property
    def stage_bounds(self) -> list[int]:
        """
        Layers of the pipeline stages: stage s holds [bounds[s], bounds[s + 1]).
        """

    @stage_bounds.setter
    def stage_bounds(self, arg: Sequence[int], /) -> None: ...
    @property
    def heads_total(self) -> int:
        """KV heads of the whole model."""

    @heads_total.setter
    def heads_total(self, arg: int, /) -> None: ...
    @property
    def parts(self) -> int:
        """2: K and V; 1: one tensor."""

    @parts.setter
    def parts(self, arg: int, /) -> None: ...
    @property
    def part_bytes(self) -> list[int]:
        """Of one head of one token, per part."""

    @part_bytes.setter
    def part_bytes(self, arg: Sequence[int], /) -> None: ...
    @property
    def element_bytes(self) -> int: ...
    @element_bytes.setter
    def element_bytes(self, arg: int, /) -> None: ...
    @property
    def block_tokens(self) -> int: ...
    @block_tokens.setter
    def block_tokens(self, arg: int, /) -> None: ...
    @property
    def window(self) -> int:
        """Sliding window in tokens; 0: full attention."""

    @window.setter
    def window(self, arg: int, /) -> None: ...
    @property
    def opaque_block_bytes(self) -> int:
        """0: not opaque."""

    @opaque_block_bytes.setter
    def opaque_block_bytes(self, arg: int, /) -> None: ...
    @property
    def opaque_digest(self) -> bytes: ...
    @opaque_digest.setter
    def opaque_digest(self, arg: bytes, /) -> None: ...

class KvLayerLayout:
    """Addresses and byte strides of one layer; see kv_layout.h."""

    def __init__(
        self,
        part_base: Sequence[int],
        block_stride: int,
        token_stride: int = 0,
        head_stride: int = 0,
    ) -> None: ...
    @property
    def part_base(self) -> list[int]: ...
    @property
    def block_stride(self) -> int: ...
    @property
    def token_stride(self) -> int: ...
    @property
    def head_stride(self) -> int: ...

class KvGroupLayout:
    """This rank's layers of one group."""

    def __init__(self, layers: Sequence[KvLayerLayout], n_blocks: int) -> None: ...
    @property
    def layers(self) -> list[KvLayerLayout]: ...
    @property
    def n_blocks(self) -> int:
        """Valid block ids are below."""

class MemoryRange:
    """A run of memory that the engine owns."""

    def __init__(self, address: int, bytes: int) -> None: ...
    @property
    def address(self) -> int: ...
    @property
    def bytes(self) -> int: ...

class KvLayout:
    """A pool: its shape, and where it lies."""

    def __init__(
        self,
        rank: Rank,
        shapes: Sequence[KvGroupShape],
        groups: Sequence[KvGroupLayout],
        allocations: Sequence[MemoryRange],
        fingerprint: bytes,
        memory: MemoryKind = MemoryKind.HOST,
    ) -> None: ...
    @property
    def rank(self) -> Rank: ...
    @property
    def shapes(self) -> list[KvGroupShape]: ...
    @property
    def groups(self) -> list[KvGroupLayout]: ...
    @property
    def allocations(self) -> list[MemoryRange]: ...
    @property
    def memory(self) -> MemoryKind: ...

def describe_array(array: Any) -> tuple[int, list[int], list[int], int, int]:
    """
    Address, shape, strides in bytes, bytes per element and GPU (-1: host memory) of a
    writable array that speaks DLPack or the buffer protocol.
    """

class EventKind(enum.Enum):
    """What an event reports."""

    OFFERED = 1
    """intend: every rank of the source holds the offer."""

    REFUSED = 2
    """intend: see reason."""

    SENT = 3
    """Offer: its blocks may be reused; the end comes later."""

    DONE = 4
    """Offer or receive: the end; all bytes verified."""

    FAILED = 5
    """Offer or receive: the end; see reason."""

    CANCELLED = 6
    """Receive: the end; the caller cancelled."""

    UNCONFIRMED = 7
    """
    Offer: the end; the link ended after the last chunk. Do not send again.
    """

    EXPIRED = 8
    """Offer: the end; its lease ended."""

    WITHDRAWN = 9
    """Offer: the end; the engine withdrew."""

class Reason(enum.Enum):
    """Why a transfer failed or was refused."""

    NONE = 0

    BUSY = 1

    RELEASED = 2

    GONE = 3

    PLAN = 4

    CONTENT = 5

    FINGERPRINT = 6

    POOL = 7

    EXPIRED = 8

    DRAINING = 9

    OVERLOAD = 10

    OFFER_TIMEOUT = 11

    COMPUTE_TIMEOUT = 12

    SOURCE_STALLED = 13

    SCATTER_TIMEOUT = 14

    TOTAL_TIMEOUT = 15

    NO_PEER = 16

    LINK_LOST = 17

    AGENT_LOST = 18

    ENGINE_LOST = 19

    CHECKSUM = 20

    SIBLING = 21

    CANCELLED = 22

    WITHDRAWN = 23

    PROTOCOL = 24

    NO_SLOTS = 25

    TRANSPORT = 26

    INTERNAL = 27

class TransferStats:
    """What a receive that ended DONE took; times in nanoseconds."""

    @property
    def bytes(self) -> int: ...
    @property
    def chunks(self) -> int: ...
    @property
    def streams(self) -> int: ...
    @property
    def offer_wait_ns(self) -> int:
        """receive() until the source said that the offer exists."""

    @property
    def grant_ns(self) -> int:
        """receive() until the source's first answer."""

    @property
    def gather_ns(self) -> int:
        """Copying at the source, all chunks."""

    @property
    def wire_ns(self) -> int:
        """Slot to slot, all chunks; 0 where the source writes the slot itself."""

    @property
    def scatter_ns(self) -> int:
        """Copying here, all chunks."""

    @property
    def total_ns(self) -> int:
        """receive() until done."""

    @property
    def last_ready_ns(self) -> int:
        """When the last chunk became ready: the source's CLOCK_MONOTONIC."""

class Event:
    """
    One report of poll() or wait(). Every offer and every receive ends with exactly one event.
    """

    @property
    def kind(self) -> EventKind: ...
    @property
    def key(self) -> bytes: ...
    @property
    def receive(self) -> bool:
        """Of a receive; otherwise of an offer or an intend."""

    @property
    def reason(self) -> Reason: ...
    @property
    def detail(self) -> str:
        """For people; may be empty."""

    @property
    def valid_tokens(self) -> int:
        """Receive: how many tokens, from the range's start, are in place."""

    @property
    def stats(self) -> TransferStats: ...
    def __repr__(self) -> str: ...

class SessionRole(enum.Enum):
    WORKER = 1
    """Has pools, and moves them."""

    CONTROL = 2
    """A scheduler's: asks, never moves."""

class Session:
    """
    An engine process's connection to its node's agent. Thread safe; inert after fork().
    """

    def __init__(
        self,
        socket_path: str,
        instance: str,
        *,
        role: SessionRole = SessionRole.WORKER,
        rank: Rank = ...,
        gpu: str = "",
        connect_timeout: float = 5.0,
        max_offers: int = 1024,
        max_receives: int = 1024,
        max_events: int = 8192,
    ) -> None: ...
    def add_pool(self, layout: KvLayout) -> int:
        """
        Registers the memory that offers and receives name by the returned number.
        """

    @property
    def reference(self) -> int:
        """This process's incarnation, which travels to D with its offers."""

    @property
    def alive(self) -> bool:
        """
        False once the agent died or the session was closed; make a new one then.
        """

    def poll(self) -> list[Event]:
        """The unread events, oldest first."""

    def wait(self, timeout: float) -> list[Event]:
        """The unread events; waits up to `timeout` seconds until there is one."""

    def fileno(self) -> int:
        """
        A descriptor that is readable while events are unread, for selectors and asyncio.
        """

    def close(self) -> None:
        """Fails what is live without reporting it."""

    def __enter__(self) -> object: ...
    def __exit__(
        self, type: object | None, value: object | None, traceback: object | None
    ) -> None: ...
    def offer(
        self, key: bytes, pool: int, n_tokens: int, *, content: bytes = ..., lease: float = 0.0
    ) -> None:
        """
        Promises the KV of `n_tokens` tokens under `key`. Lease 0: the topology's default.
        """

    def table(
        self, key: bytes, group: int, first: int, ids: Any, replace: bool = False, stream: int = 0
    ) -> None:
        """
        Block ids of `group` from block index `first` on. Ids beyond the sequence are ignored.
        `replace` forgets what was there before.
        """

    def mark_cached(self, key: bytes, end: int, stream: int = 0) -> None:
        """
        Tokens [0, end) of all layers and groups are in the blocks after what `stream` has.
        What a step still to come computes is not, for whatever request: it belongs to it.
        """

    def mark_ready(
        self,
        key: bytes,
        group: int,
        layers: tuple[int, int],
        tokens: tuple[int, int],
        stream: int = 0,
    ) -> None:
        """Tokens [begin, end) of layers [begin, end) are in the blocks."""

    def begin_step(self, spans: Sequence[tuple[bytes, int, int]]) -> None:
        """The (key, first token, end token) that an engine step computes."""

    def layer_done(self, group: int, layer: int, stream: int = 0) -> None:
        """The layer is computed for all requests of the step."""

    def end_step(self, stream: int = 0) -> None:
        """Marks every layer of the step that was not marked."""

    def rewind(self, key: bytes, token: int, stream: int = 0) -> None:
        """
        Tokens from `token` on are not ready any more; no copy of them runs on return.
        """

    def withdraw(self, key: bytes, reason: Reason = Reason.WITHDRAWN, stream: int = 0) -> None:
        """Ends the offer; no copy of it runs on return."""

    def disown(self, key: bytes) -> None:
        """
        No offer of this key is to come: who asks is refused at once, not after offer_wait.
        """

    def finish(self, key: bytes) -> None:
        """
        No more tokens will become ready; no error when the offer has just ended.
        """

    def intend(
        self,
        key: bytes,
        source: str,
        n_tokens: int,
        *,
        source_dp: int = 0,
        content: bytes = ...,
        fingerprint: bytes = ...,
        reference: int = 0,
    ) -> None:
        """
        Asks whether the source instance has the offer; the event says OFFERED or REFUSED.
        """

    def receive(
        self,
        key: bytes,
        pool: int,
        source: str,
        n_tokens: int,
        groups: Sequence[tuple[int, int, Any]],
        *,
        source_dp: int = 0,
        content: bytes = ...,
        reference: int = 0,
        after: int = 0,
        offer_wait: float = 0.0,
        compute: float = 0.0,
        total: float = 0.0,
        trace_id: int = 0,
    ) -> None:
        """
        Fetches the KV of `key` from the instance `source`. `groups`: per group of the pool the
        tokens (begin, end) to fetch, and a buffer with the ids of the blocks that take them.
        Deadlines in seconds; 0: the topology's defaults.
        """

    def cancel(self, key: bytes) -> None:
        """Cancels a receive; its event tells how it ended."""

    def release(self, key: bytes, source: str, *, source_dp: int = 0, reference: int = 0) -> None:
        """The source need not hold the offer for this engine."""

def new_key() -> bytes:
    """A fresh random transfer key: 32 bytes."""
