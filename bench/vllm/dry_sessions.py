"""Sessions that move nothing, in place of those with an agent: dry_run.py says what for.

They have the calls that the connector's scheduler and worker make, and know nothing of vLLM.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from pegaflow import EventKind, Reason

LOOK_SECONDS = 20e-6


@dataclass
class Event:
    """What the connector reads of an event."""

    kind: EventKind
    key: bytes
    receive: bool
    reason: Reason = Reason.NONE
    detail: str = ""
    last_ready_ns: int = 0

    @property
    def stats(self) -> Any:
        """As of a transfer of nothing."""
        return SimpleNamespace(bytes=0, total_ns=0, last_ready_ns=self.last_ready_ns)


class DryControl:
    """A scheduler's session: whatever is asked for has been offered."""

    alive = True

    def __init__(self) -> None:
        self._events: list[Event] = []

    def intend(self, key: bytes, source: str, n_tokens: int, **more: Any) -> None:
        self._events.append(Event(EventKind.OFFERED, key, False))

    def release(self, key: bytes, source: str, **more: Any) -> None:
        pass

    def poll(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def wait(self, timeout: float) -> list[Event]:
        return self.poll()

    def close(self) -> None:
        pass


class DryWorker:
    """A worker's session and pool in one."""

    alive = True
    pool = 0
    reference = 1

    def __init__(self) -> None:
        self.session = self
        self._signs = os.environ["PEGAFLOW_BENCH_SIGNS"]
        self._tokens: dict[bytes, int] = {}
        self._last: list[bytes] = []  # whose last step this is
        self._waiting: set[bytes] = set()
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._launched: queue.SimpleQueue[tuple[Any, list[bytes]]] = queue.SimpleQueue()
        threading.Thread(target=self._signal, daemon=True).start()

    # ---- prefill
    def offer(self, key: bytes, pool: int, n_tokens: int, **more: Any) -> None:
        self._tokens[key] = n_tokens

    def begin_step(self, spans: list[tuple[bytes, int, int]]) -> None:
        self._last = [key for key, _, end in spans if end >= self._tokens[key]]

    def end_step(self, stream: int = 0) -> None:
        if self._last:
            self._launched.put((_mark(stream), self._last))

    def _signal(self) -> None:
        while True:
            mark, keys = self._launched.get()
            while mark is not None and not mark.query():
                time.sleep(LOOK_SECONDS)
            for key in keys:
                os.symlink(str(time.monotonic_ns()), self._sign(key))
                self._events.put(Event(EventKind.SENT, key, False))
                self._events.put(Event(EventKind.DONE, key, False))
                self._tokens.pop(key, None)

    def withdraw(self, key: bytes, **more: Any) -> None:
        self._tokens.pop(key, None)

    def _ignored(self, *arguments: Any, **more: Any) -> None:
        """Nothing moves, so nobody needs to know."""

    table = layer_done = rewind = finish = disown = _ignored

    # ---- decode
    def receive(self, key: bytes, *arguments: Any, **more: Any) -> None:
        self._waiting.add(key)

    def cancel(self, key: bytes) -> None:
        if key in self._waiting:
            self._waiting.remove(key)
            self._events.put(Event(EventKind.CANCELLED, key, True, Reason.CANCELLED))

    def poll(self) -> list[Event]:
        for key in list(self._waiting):
            with contextlib.suppress(FileNotFoundError):
                ready = int(os.readlink(self._sign(key)))
                os.unlink(self._sign(key))
                self._waiting.remove(key)
                self._events.put(Event(EventKind.DONE, key, True, last_ready_ns=ready))
        return [self._events.get() for _ in range(self._events.qsize())]

    def _sign(self, key: bytes) -> str:
        return os.path.join(self._signs, key.hex())

    def close(self) -> None:
        pass


def _mark(stream: int) -> Any:
    """An event after all that was launched; None where there is no GPU."""
    if not stream:
        return None
    import torch

    mark = torch.cuda.Event()
    mark.record()
    return mark
