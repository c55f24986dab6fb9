"""Brings a transfer into a phase and keeps it there, with real means only.

The engines' own copies wait inside an access to a page of their pool (engine_host's `hold`); a put
or a copy between slots waits because the agent that must serve it is stopped.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from typing import Any

from tests.faults.cases import NODE_OF, Case
from tests.support.cluster import Cluster, Engine, Json, new_key, wait_for

TOKENS = 2048  # 4 MiB: 64 chunks of 64 KiB
MIDDLE = TOKENS // 2
TOTAL_MS = 30_000
ATTEMPTS = 4


@dataclass
class Transfer:
    """A transfer that stands still in a phase."""

    cluster: Cluster
    phase: str
    source: Engine
    sink: Engine
    key: str = field(default_factory=new_key)
    stopped: str = ""  # the agent that is stopped to keep the phase
    received: bool = False
    reference: int = 0  # of P's engine

    def receive(self) -> None:
        assert self.receive_now() is True

    def receive_now(self, **arguments: Any) -> Any:
        """Starts the receive; what its call answered."""
        answer = self.sink.call(
            "receive",
            self.key,
            tokens=TOKENS,
            source="prefill",
            total_ms=TOTAL_MS,
            reference=self.reference,
            **arguments,
        )
        self.received = answer is True
        return answer

    def let_go_agents(self, case: Case) -> None:
        """Continues the agent that was stopped to keep the phase, unless that is the fault."""
        victim = NODE_OF.get(case.victim)
        if self.stopped and not (victim == self.stopped and case.fault == "stop"):
            self.cluster.agent(self.stopped).send(signal.SIGCONT)


def progress_at(cluster: Cluster, node: str, key: str) -> Json | None:
    """The transfer as an agent tells of it."""
    status = cluster.status(node)
    found = [t for t in status["transfers"] if t["key"] == key] if status else []
    return found[0] if found else None


class PhaseIsOver(Exception):
    """The machine was too slow: a deadline ended the phase before it was seen."""


def begin(cluster: Cluster, phase: str, link: str) -> Transfer:
    """A transfer in that phase."""
    source = cluster.engine("prefill-0", n_blocks=600)
    sink = cluster.engine("decode-0", n_blocks=600, block_tokens=32)
    for attempt in range(ATTEMPTS):
        transfer = Transfer(cluster, phase, source, sink)
        transfer.reference = source.call("reference")
        try:
            _ENTER[phase](transfer, link)
            return transfer
        except PhaseIsOver:
            assert attempt + 1 < ATTEMPTS, f"{phase} was over {ATTEMPTS} times before it was seen"
            give_up(transfer)
    raise AssertionError("unreachable")


def give_up(transfer: Transfer) -> None:
    """Ends a transfer whose phase was missed."""
    transfer.cluster.agent(transfer.stopped).send(signal.SIGCONT)
    transfer.source.call("withdraw", transfer.key)
    transfer.sink.wait_end(transfer.key)
    transfer.source.wait_end(transfer.key, receive=False)
    for engine in (transfer.source, transfer.sink):
        engine.call("free", transfer.key)
    transfer.cluster.wait_linked()


def _before_grant(transfer: Transfer, _: str) -> None:
    transfer.source.offer(transfer.key, TOKENS)


def _hold_gather(transfer: Transfer) -> None:
    source, key = transfer.source, transfer.key
    source.offer(key, TOKENS, ready=0)
    assert source.call("hold", key, token=MIDDLE, layer=1) is True
    transfer.receive()
    assert source.call("ready", key, layers=4) is True
    wait_for("the gather is held", lambda: source.call("holding") is True)


def _gathering(transfer: Transfer, _: str) -> None:
    _hold_gather(transfer)


def _put(transfer: Transfer, link: str) -> None:
    """The slot is filled at P and stays so: its put is not answered, or its copy not begun."""
    _hold_gather(transfer)
    # Hardware puts without its peer's help: there P's agent is stopped before it can put.
    transfer.stopped = "prefill-0" if link in ("agent", "rc_verbs") else "decode-0"
    transfer.cluster.agent(transfer.stopped).send(signal.SIGSTOP)
    transfer.source.call("let_go")
    if transfer.stopped == "decode-0":

        def in_flight() -> bool:
            if not transfer.cluster.is_up("prefill-0"):
                raise PhaseIsOver
            slots = transfer.cluster.slots("prefill-0")
            return bool(slots["filled"] + slots["draining"] > 0)

        wait_for("a put is in flight", in_flight)


def _between_chunks(transfer: Transfer, _: str) -> None:
    transfer.source.offer(transfer.key, TOKENS, ready=2)
    transfer.receive()

    def at_rest() -> bool:
        """All that is ready has arrived; perhaps one slot is out, ahead of what is ready."""
        seen = progress_at(transfer.cluster, "decode-0", transfer.key)
        return seen is not None and 0 < seen["chunks_done"] == seen["chunks_total"] // 2

    wait_for("the ready half has arrived", at_rest)


def _hold_scatter(transfer: Transfer, token: int, layer: int) -> None:
    source, sink, key = transfer.source, transfer.sink, transfer.key
    source.offer(key, TOKENS, ready=0)
    transfer.receive()
    assert sink.call("hold", key, token=token, layer=layer) is True
    assert source.call("ready", key, layers=4) is True
    wait_for("the scatter is held", lambda: sink.call("holding") is True)


def _scattering(transfer: Transfer, _: str) -> None:
    _hold_scatter(transfer, MIDDLE, 1)


def _before_done(transfer: Transfer, _: str) -> None:
    """Everything has left P; D has yet to scatter the last chunk."""
    _hold_scatter(transfer, TOKENS - 1, 3)
    wait_for(
        "P has sent everything",
        lambda: transfer.source.of_key(transfer.key, receive=False),
    )


_ENTER = {
    "before-grant": _before_grant,
    "gathering": _gathering,
    "put": _put,
    "between-chunks": _between_chunks,
    "scattering": _scattering,
    "before-done": _before_done,
}
