"""The connector's part in vLLM's scheduler: which requests hand over KV, and when.

Knows neither vLLM nor torch: requests and steps come as the plain dataclasses below. All calls are
the scheduler thread's. A request fetches at most once, so a load that failed is never offered to
vLLM again.
"""

from __future__ import annotations

import enum
import logging
import time
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from .. import _core
from .._core import EventKind, PegaflowError
from . import params
from .params import Answer, Fetch, Produce
from .settings import Settings
from .steps import Offer, Receive, ReceiveGroup, Step, Table

log = logging.getLogger("vllm.pegaflow")
MAX_USED_KEYS = 65_536
# How long a step waits, once, for the answer about an offer that surely exists. It takes a fraction
# of a millisecond; the next step may be some milliseconds away.
ANSWER_SECONDS = 0.001


@dataclass(frozen=True)
class RequestView:
    """What a request is, as far as transfers go."""

    id: str
    tokens: Sequence[int] | None  # the prompt; None: it was given as embeddings
    params: Mapping[str, Any] | None
    media: Sequence[str] = ()
    lora: str | None = None
    salt: str | None = None


@dataclass(frozen=True)
class Scheduled:
    """One request's share of a step. `blocks`: per group; whole table if new or resumed."""

    id: str
    blocks: Sequence[Sequence[int]] | None
    computed: int
    scheduled: int
    whole_table: bool


@dataclass(frozen=True)
class GroupView:
    """A KV group that is transferred."""

    block_tokens: int
    window: int = 0  # sliding window in tokens; 0: full attention


@dataclass(frozen=True)
class Identity:
    """What this instance is to others."""

    instance: str
    dp: int
    tp_size: int
    pp_size: int
    fingerprint: bytes
    produces: bool
    consumes: bool


class ControlSession(Protocol):
    """The calls of a control session that are used here."""

    def poll(self) -> list[_core.Event]: ...

    def wait(self, timeout: float) -> list[_core.Event]: ...

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
    ) -> None: ...

    def release(
        self, key: bytes, source: str, *, source_dp: int = 0, reference: int = 0
    ) -> None: ...


class Control(Protocol):
    """Where the control session comes from; None while there is no agent."""

    @property
    def session(self) -> ControlSession | None: ...


@dataclass
class _Producing:
    key: bytes
    n_tokens: int
    content: bytes
    offered: bool = False
    computed: int = 0  # tokens whose computation has been scheduled
    filled: list[int] = field(default_factory=list)  # table entries told, per group


class _State(enum.Enum):
    INTENDED = 1
    OFFERED = 2
    TAKEN = 3  # blocks are reserved, the workers fetch
    NO_MATCH = 4


@dataclass
class _Fetching:
    fetch: Fetch
    n_tokens: int
    counted: int  # by vLLM, when they are there
    content: bytes
    state: _State
    asked: float = 0.0  # when the source was asked
    awaited: bool = False  # a step has waited for its answer
    begin: int = 0  # tokens that were there when the match was last given
    parked: bool = False


class PdScheduler:
    """Prefill and decode parts of one instance's scheduler."""

    def __init__(
        self,
        settings: Settings,
        identity: Identity,
        groups: Sequence[GroupView],
        control: Control,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._identity = identity
        self._groups = tuple(groups)
        self._windows = any(group.window for group in groups)
        self._control = control
        self._session: ControlSession | None = control.session
        self._producing: dict[str, _Producing] = {}
        self._fetching: dict[str, _Fetching] = {}
        self._intents: dict[bytes, _Fetching] = {}
        self._used: OrderedDict[bytes, None] = OrderedDict()
        self._step = Step()
        self._complaints: set[str] = set()
        self.references: dict[int, int] = {}  # of the worker ranks, by number

    # ---- a request arrives
    def on_new_request(self, request: RequestView) -> bool:
        """Takes note of what the router wants; a second call does nothing. True: the prompt's last
        token is to be left to decode."""
        if request.id in self._producing or request.id in self._fetching:
            return False
        try:
            wanted = params.parse(request.params)
        except ValueError as error:
            log.warning("pegaflow: request %s: kv_transfer_params: %s", request.id, error)
            return False
        if wanted is None or not request.tokens:
            return False
        content = params.content_hash(request.tokens, request.media, request.lora, request.salt)
        n_tokens = self._handed_over(len(request.tokens))
        if isinstance(wanted, Produce):
            self._new_produce(request.id, wanted, n_tokens, content)
        else:
            counted = self._counted(len(request.tokens))
            self._new_fetch(request.id, wanted, n_tokens, counted, content)
        return request.id in self._producing and n_tokens < len(request.tokens)

    def _handed_over(self, n_tokens: int) -> int:
        """Of a prompt. Decode computes the last token in any case, and for that the window has to
        reach back from the token before it (ADR 114)."""
        return n_tokens - 1 if self._windows and n_tokens > 1 else n_tokens

    def _counted(self, n_tokens: int) -> int:
        """Of a prompt's tokens, how many vLLM is told are loaded: the last one, too, where it is
        alone in its block, which is reserved with the others' then (ADR 114)."""
        groups = self._groups
        alone = any((n_tokens - 1) % group.block_tokens == 0 for group in groups)
        # Not if it fills a block, which others would find, or if a window lost one by it.
        fills = any(n_tokens % group.block_tokens == 0 for group in groups)
        loses = any(
            group.window and (n_tokens - group.window + 1) % group.block_tokens == 0
            for group in groups
        )
        return n_tokens if alone and not fills and not loses else self._handed_over(n_tokens)

    def _new_produce(self, req: str, wanted: Produce, n_tokens: int, content: bytes) -> None:
        if not self._identity.produces:
            return self._complain("do_remote_decode, but kv_role is kv_consumer")
        if self._current() is None:  # the router gets no parameters, and so need not wait
            if wanted.key is not None:  # decode may have it, and wait
                self._step.disowns.append(wanted.key)
            return self._complain("no agent to hand KV to")
        key = wanted.key or _core.new_key()
        if self._first_use(key):
            self._producing[req] = _Producing(key, n_tokens, content)

    def _new_fetch(
        self, req: str, wanted: Fetch, n_tokens: int, counted: int, content: bytes
    ) -> None:
        fetching = _Fetching(wanted, n_tokens, counted, content, _State.NO_MATCH)
        self._fetching[req] = fetching
        if not self._identity.consumes:
            return self._complain("do_remote_prefill, but kv_role is kv_producer")
        if wanted.fingerprint not in (None, self._identity.fingerprint):
            return self._complain(
                f"{wanted.source} has another model, KV cache type or engine: its fingerprint is"
                f" {_short(wanted.fingerprint)}, ours {_short(self._identity.fingerprint)}"
            )
        # Other prompts of the same HTTP request share its parameters; only one of them fits.
        same = wanted.n_tokens in (None, n_tokens) and wanted.content in (None, content)
        if same and self._first_use(wanted.key):
            self._intend(fetching)

    def _intend(self, fetching: _Fetching) -> None:
        session = self._current()
        if session is None:
            return
        wanted = fetching.fetch
        try:
            session.intend(
                wanted.key,
                wanted.source,
                fetching.n_tokens,
                source_dp=wanted.dp,
                content=fetching.content,
                fingerprint=self._identity.fingerprint,
                reference=wanted.reference,
            )
        except PegaflowError as error:
            return self._complain(f"intend: {error}")
        fetching.state = _State.INTENDED
        fetching.asked = self._clock()
        self._intents[wanted.key] = fetching

    def _first_use(self, key: bytes) -> bool:
        if key in self._used:
            return False
        self._used[key] = None
        if len(self._used) > MAX_USED_KEYS:
            self._used.popitem(last=False)
        return True

    # ---- matching
    def matched(self, req: str, computed: int) -> tuple[int | None, bool]:
        """How many tokens beyond `computed` can be fetched; None: ask again later."""
        fetching = self._fetching.get(req)
        if fetching is None:
            return 0, False
        self._poll(self._patience(fetching))
        missing = fetching.n_tokens - computed
        if fetching.state in (_State.NO_MATCH, _State.TAKEN) or missing <= 0:
            return 0, False
        if fetching.state == _State.INTENDED and self._settings.reserve == "on_offer":
            return self._await_offer(fetching)
        fetching.begin = computed
        return fetching.counted - computed, True

    def _patience(self, fetching: _Fetching) -> float:
        """Who brings prefill's answer comes after the offer was made; nobody else is waited for."""
        waits = fetching.state == _State.INTENDED and self._settings.reserve == "on_offer"
        if not waits or fetching.awaited or fetching.fetch.content is None:
            return 0.0
        fetching.awaited = True
        return ANSWER_SECONDS

    def _await_offer(self, fetching: _Fetching) -> tuple[int | None, bool]:
        """The topology's deadline is the agents'; a shorter one of this engine is kept here."""
        limit = self._settings.offer_wait
        if not limit or self._clock() - fetching.asked < limit:
            return None, False
        self._complain(f"{fetching.fetch.source} made no offer within offer_wait ({limit} s)")
        self._release(fetching)
        return 0, False

    def _current(self) -> ControlSession | None:
        """The session; what a lost one was asked will not be answered."""
        session = self._control.session
        if session is not self._session:
            for fetching in self._intents.values():
                fetching.state = _State.NO_MATCH
            self._intents.clear()
            self._session = session
        return session

    def _poll(self, seconds: float = 0.0) -> None:
        session = self._current()
        if session is None or not self._intents:
            return
        for event in session.wait(seconds) if seconds else session.poll():
            fetching = self._intents.pop(event.key, None)
            if fetching is None or fetching.state != _State.INTENDED:
                continue
            if event.kind == EventKind.OFFERED:
                fetching.state = _State.OFFERED
            else:
                fetching.state = _State.NO_MATCH
                self._complain(
                    f"{fetching.fetch.source} refused: {event.reason.name.lower()} {event.detail}"
                )

    # ---- blocks are there
    def allocated(self, req: str, blocks: Sequence[Sequence[int]], external: int) -> None:
        """`blocks`: the request's whole table per group; `external`: tokens to be fetched."""
        fetching = self._fetching.get(req)
        if fetching is None or fetching.state in (_State.TAKEN, _State.NO_MATCH):
            return
        if external == 0:
            self._release(fetching)
            return
        wanted, begin = fetching.fetch, fetching.begin
        fetching.state = _State.TAKEN
        fetching.parked = True
        self._step.receives.append(
            Receive(
                req,
                wanted.key,
                wanted.source,
                wanted.dp,
                wanted.reference,
                fetching.n_tokens,
                fetching.content,
                [
                    _receive_group(group, ids, begin, min(begin + external, fetching.n_tokens))
                    for group, ids in zip(self._groups, blocks)
                ],
            )
        )

    def _release(self, fetching: _Fetching) -> None:
        fetching.state = _State.NO_MATCH
        self._intents.pop(fetching.fetch.key, None)
        session = self._current()
        if session is None:
            return
        wanted = fetching.fetch
        try:
            session.release(
                wanted.key, wanted.source, source_dp=wanted.dp, reference=wanted.reference
            )
        except PegaflowError as error:
            self._complain(f"release: {error}")

    # ---- a step
    def wants(self, req: str) -> bool:
        """Whether the steps of this request matter here."""
        return req in self._producing

    def build(self, scheduled: Iterable[Scheduled], preempted: Iterable[str]) -> Step:
        """What the workers are to do in the step that was just scheduled."""
        for req in preempted:
            self._preempt(req)
        for share in scheduled:
            producing = self._producing.get(share.id)
            if producing is not None:
                self._advance(producing, share)
        step, self._step = self._step, Step()
        return step

    def _preempt(self, req: str) -> None:
        producing = self._producing.get(req)
        if producing is not None and producing.offered:
            producing.computed = 0
            self._step.rewinds.append(producing.key)

    def _advance(self, producing: _Producing, share: Scheduled) -> None:
        step, key = self._step, producing.key
        if not producing.offered:
            step.offers.append(Offer(key, producing.n_tokens, producing.content))
        if share.blocks is not None:
            self._extend(producing, share.blocks, share.whole_table)
        # A prefix that vLLM found in its cache counts as computed in this step: another request of
        # the same step may be computing it (ADR 113).
        first = 0 if share.whole_table else share.computed
        end = min(share.computed + share.scheduled, producing.n_tokens)
        if end > first:
            step.spans.append((key, first, end))
            step.completes |= end == producing.n_tokens
        producing.computed = max(producing.computed, end)
        producing.offered = True

    def _extend(
        self, producing: _Producing, blocks: Sequence[Sequence[int]], whole_table: bool
    ) -> None:
        replace = whole_table and producing.offered
        if whole_table:
            producing.filled = [0] * len(self._groups)
        for group, ids in enumerate(blocks[: len(self._groups)]):
            if ids or replace:
                first = producing.filled[group]
                table = Table(producing.key, group, first, array("i", ids), replace)
                self._step.tables.append(table)
            producing.filled[group] += len(ids)

    # ---- the end
    def update(self, received: Iterable[str], references: Mapping[int, int]) -> None:
        """What the workers reported."""
        for req in received:
            if req in self._fetching:
                self._fetching[req].parked = False
        self.references.update(references)

    def finished(self, req: str, complete: bool) -> tuple[bool, dict[str, Any] | None]:
        """`complete`: it ended as asked, not aborted. → (blocks stay until sent, parameters)"""
        fetching = self._fetching.pop(req, None)
        if fetching is not None:
            if fetching.parked:
                self._step.cancels.append(fetching.fetch.key)
            elif fetching.state in (_State.INTENDED, _State.OFFERED):
                self._release(fetching)
        producing = self._producing.pop(req, None)
        if producing is None:
            return False, None
        if not producing.offered:
            self._step.disowns.append(producing.key)
            return False, None
        if not complete or producing.computed < producing.n_tokens:
            self._step.withdraws.append(producing.key)
            return False, None
        self._step.finishes.append((producing.key, req))
        return True, self._answer(producing).params()

    def _answer(self, producing: _Producing) -> Answer:
        own = self._identity
        # A reference names one process; with several ranks there is none that speaks for all.
        single = own.tp_size * own.pp_size == 1
        return Answer(
            producing.key,
            own.instance,
            own.dp,
            self.references.get(0, 0) if single else 0,
            producing.n_tokens,
            producing.content,
            own.fingerprint,
            own.tp_size,
            own.pp_size,
        )

    def _complain(self, text: str) -> None:
        """Once per text: requests go on without a match, so this is the only trace."""
        if text not in self._complaints and len(self._complaints) < 1000:
            self._complaints.add(text)
            log.warning("pegaflow: computing locally: %s", text)


def _receive_group(group: GroupView, ids: Sequence[int], begin: int, end: int) -> ReceiveGroup:
    size = group.block_tokens
    if group.window:  # of the token at `end`; what lies before will never be read
        oldest = max(0, end - group.window + 1) // size * size
        begin = max(begin, oldest)
    first, last = begin // size, -(-end // size)
    return ReceiveGroup(begin, end, array("i", ids[first:last]))


def _short(digest: bytes | None) -> str:
    return digest.hex()[:12] if digest else "unknown"
