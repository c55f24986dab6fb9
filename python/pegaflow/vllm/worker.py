"""The connector's part in a vLLM worker: carries out steps, reports ends.

Knows neither vLLM nor torch. All calls are the worker thread's and none waits for the agent. Every
request that the scheduler parked (or whose blocks it keeps) is reported exactly once, whatever
happens to agent, session or peer.
"""

from __future__ import annotations

import logging
from array import array
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .. import _core
from .._core import Code, EventKind, PegaflowError, Reason
from .settings import Settings
from .stats import Stats
from .steps import Offer, Receive, Step, Table

log = logging.getLogger("vllm.pegaflow")
MAX_UNOFFERED = 1024  # remembered while there is no agent


class WorkerSession(Protocol):
    """A worker's session with its pool."""

    pool: int
    session: _core.Session

    @property
    def alive(self) -> bool: ...

    def close(self) -> None: ...


class Workers(Protocol):
    """Where the session comes from: a Connection."""

    @property
    def session(self) -> WorkerSession | None: ...


@dataclass
class Results:
    """What ended since the last call; failed ones are in `received`, too."""

    sent: set[str] = field(default_factory=set)
    received: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    bad_blocks: set[int] = field(default_factory=set)


@dataclass
class _Offered:
    settled: bool = False  # the blocks may be reused, or nobody will read them any more
    req: str | None = None  # whose blocks the scheduler keeps


class PdWorker:
    """One rank's transfers. `layers`: (group, index within it) by vLLM's layer name."""

    def __init__(
        self,
        settings: Settings,
        workers: Workers,
        layers: dict[str, tuple[int, int]],
        stream: Callable[[], int],
        ratios: Sequence[int] = (),
    ) -> None:
        self._settings = settings
        self._workers = workers
        self._layers = layers
        self._stream = stream
        self._ratios = tuple(ratios)
        self._current = workers.session
        self._offers: dict[bytes, _Offered] = {}
        self._receives: dict[bytes, Receive] = {}
        self._results = Results()
        self._stepping = False
        self._by_layer = False  # the step that is open, or was last
        self._told_reference = 0
        self._unoffered: deque[bytes] = deque(maxlen=MAX_UNOFFERED)  # and somebody may wait for it
        self.stats = Stats()

    # ---- a step
    def begin(self, step: Step) -> None:
        """Before the forward: everything that the scheduler decided."""
        self._unoffered.extend(step.disowns)
        worker = self._live()
        if worker is None:
            return self._without_agent(step)
        session, stream = worker.session, self._stream()
        for key in step.withdraws:
            self._offers.pop(key, None)
            self._try(session.withdraw, key, stream=stream)
        for key in step.rewinds:
            self._try(session.rewind, key, 0, stream)
        for offer in step.offers:
            self._offer(worker, offer)
        for table in step.tables:
            self._table(session, table)
        for key, req in step.finishes:
            self._finish(session, key, req)
        for receive in step.receives:
            self._receive(worker, receive, stream)
        for key in step.cancels:
            self._try(session.cancel, key)
        if step.spans:
            self._stepping = self._try(session.begin_step, step.spans)
            self._by_layer = self._goes_by_layer(step)

    def _without_agent(self, step: Step) -> None:
        for offer in step.offers:
            self._offers[offer.key] = _Offered(settled=True)
            self._unoffered.append(offer.key)
        for key in step.withdraws:
            self._offers.pop(key, None)
        for key, req in step.finishes:
            self._keep_until_sent(key, req)
        for receive in step.receives:
            self._fail(receive, "no_agent")

    def _offer(self, worker: WorkerSession, offer: Offer) -> None:
        made = self._try(
            worker.session.offer,
            offer.key,
            worker.pool,
            offer.n_tokens,
            content=offer.content,
            lease=self._settings.lease,
        )
        self._offers[offer.key] = _Offered(settled=not made)
        if not made:
            self._unoffered.append(offer.key)

    def _table(self, session: _core.Session, table: Table) -> None:
        ratio = self._ratio(table.group)
        ids = _expanded(table.ids, ratio)
        self._try(session.table, table.key, table.group, table.first * ratio, ids, table.replace)

    def _finish(self, session: _core.Session, key: bytes, req: str) -> None:
        self._try(session.finish, key)
        self._keep_until_sent(key, req)

    def _keep_until_sent(self, key: bytes, req: str) -> None:
        offered = self._offers.get(key)
        if offered is None or offered.settled:
            self._offers.pop(key, None)
            self._results.sent.add(req)
        else:
            offered.req = req

    def _receive(self, worker: WorkerSession, receive: Receive, stream: int) -> None:
        groups = [
            (group.begin, group.end, _expanded(group.ids, self._ratio(number)))
            for number, group in enumerate(receive.groups)
        ]
        self._receives[receive.key] = receive
        made = self._try(
            worker.session.receive,
            receive.key,
            worker.pool,
            receive.source,
            receive.n_tokens,
            groups,
            source_dp=receive.dp,
            content=receive.content,
            reference=receive.reference,
            after=stream,
            offer_wait=self._settings.offer_wait,
            total=self._settings.total,
        )
        if not made:
            self._fail(receive, "refused_here")

    def _goes_by_layer(self, step: Step) -> bool:
        """Of a prompt that takes several steps only the last one's KV is waited for (ADR 111)."""
        push = self._settings.push
        return push == "layer" or (push == "auto" and step.completes)

    def _ratio(self, group: int) -> int:
        return self._ratios[group] if group < len(self._ratios) else 1

    def layer_done(self, name: str) -> None:
        """The layer's KV of this step is computed, once the stream gets there."""
        by_layer = self._stepping and self._by_layer
        if by_layer and name in self._layers and self._current is not None:
            group, layer = self._layers[name]
            self._try(self._current.session.layer_done, group, layer, self._stream())

    def end(self) -> None:
        """After the forward: what no hook marked is marked now."""
        if self._stepping and self._current is not None:
            self._try(self._current.session.end_step, self._stream())
        self._stepping = False

    # ---- ends
    def results(self) -> Results:
        """What ended; each request once."""
        self._live()
        if self._current is not None:
            self._read(self._current.session)
        results, self._results = self._results, Results()
        return results

    def _live(self) -> WorkerSession | None:
        """The live session. When one was lost, all that it had ends here."""
        worker = self._workers.session
        if worker is not self._current or worker is None:
            if self._current is not None:
                self._drop(self._current)
            self._current = worker
        if worker is not None:
            self._disown(worker.session)
        return worker

    def renewed(self, worker: WorkerSession) -> None:
        """The session after a lost one, before it is used; in any thread. The engine may be idle
        for long: what it had offered is disowned here."""
        lost = [key for key, offered in list(self._offers.items()) if not offered.settled]
        self._unoffered.extend(lost)
        self._disown(worker.session)

    def _disown(self, session: _core.Session) -> None:
        while True:
            try:
                key = self._unoffered.popleft()
            except IndexError:
                return
            self._try(session.disown, key)

    def _drop(self, lost: WorkerSession) -> None:
        self._stepping = False
        self._read(lost.session)
        for key, offered in self._offers.items():
            if not offered.settled:
                self._unoffered.append(key)
            self._settle(offered)
        for receive in list(self._receives.values()):
            self._fail(receive, "agent_lost")
        for key in [key for key, offered in self._offers.items() if offered.req is not None]:
            del self._offers[key]

    def _read(self, session: _core.Session) -> None:
        try:
            events = session.poll()
        except PegaflowError:
            return  # closed: what it had is ended by _drop
        for event in events:
            if event.receive:
                self._received(event)
            else:
                self._offer_ended(event)

    def _received(self, event: _core.Event) -> None:
        receive = self._receives.get(event.key)
        if receive is None:
            return
        if event.kind == EventKind.DONE:
            del self._receives[event.key]
            self._results.received.add(receive.req)
            self.stats.received(event.stats.bytes, event.stats.total_ns)
            return
        if event.kind == EventKind.CANCELLED:  # its client left; vLLM wants its blocks back
            self._end_badly(receive)
            return
        log.warning("pegaflow: request %s: load failed: %r", receive.req, event)
        self._fail(receive, event.reason.name.lower())

    def _fail(self, receive: Receive, reason: str) -> None:
        self._end_badly(receive)
        self.stats.failed(reason)

    def _end_badly(self, receive: Receive) -> None:
        self._receives.pop(receive.key, None)
        self._results.received.add(receive.req)
        self._results.failed.add(receive.req)
        for group in receive.groups:
            self._results.bad_blocks.update(group.ids)

    def _offer_ended(self, event: _core.Event) -> None:
        offered = self._offers.get(event.key)
        if offered is None or offered.settled:
            return
        if event.kind not in (EventKind.SENT, EventKind.DONE, EventKind.WITHDRAWN):
            log.warning("pegaflow: offer not taken: %r", event)
        if event.reason == Reason.AGENT_LOST:
            self._unoffered.append(event.key)
        self.stats.offer_ended(event.kind.name.lower())
        self._settle(offered)
        if offered.req is not None:
            del self._offers[event.key]

    def _settle(self, offered: _Offered) -> None:
        if not offered.settled and offered.req is not None:
            self._results.sent.add(offered.req)
        offered.settled = True

    # ---- what the scheduler wants to know
    def new_reference(self) -> int:
        """This process's incarnation, once after each connect; 0: as before."""
        reference = self._current.session.reference if self._current is not None else 0
        if reference == self._told_reference:
            return 0
        self._told_reference = reference
        return reference

    def _try(self, call: Callable[..., None], *arguments: object, **named: object) -> bool:
        """False: refused. An offer or receive that is over says so by its event."""
        try:
            call(*arguments, **named)
        except PegaflowError as error:
            if error.code not in (Code.NOT_FOUND, Code.UNAVAILABLE):
                log.warning("pegaflow: %s: %s", getattr(call, "__name__", "call"), error)
            return False
        return True


def _expanded(ids: array[int], ratio: int) -> array[int]:
    """Ids of kernel blocks, where vLLM's manager counts in blocks of several of them."""
    if ratio == 1:
        return ids
    return array("i", (number * ratio + part for number in ids for part in range(ratio)))
