"""Many transfers of one engine, one after the other, in its own time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

AHEAD = 4  # transfers of a run that are open at once


def run_key(number: int) -> str:
    """A run's keys: their numbers are far apart."""
    return f"{number * 2654435761 % 2**32:08x}{number:056x}"


class Run:
    """Transfers one after the other, AHEAD of them open at once."""

    def __init__(self, engine: Any, tokens: int) -> None:
        self.engine, self.tokens = engine, tokens
        self.wrong = engine.torch.zeros((), dtype=engine.torch.int64, device=engine.device)
        self.open = 0

    def go(self, count: int) -> int:
        producing = self.engine.config["instance"] == "prefill"
        begin: Callable[[str], None] = self._produce if producing else self._consume
        for number in range(count):
            while self.open >= AHEAD:
                self._take_events()
            begin(run_key(number))
            self.open += 1
        while self.open > 0:
            self._take_events()
        self.engine.torch.cuda.synchronize(self.engine.device)
        return int(self.wrong)

    def _produce(self, key: str) -> None:
        self.engine._compute(key, self.tokens)

    def _consume(self, key: str) -> None:
        # Behind the comparison of what these blocks held before.
        self.engine._receive(key, self.tokens, self.engine.stream.cuda_stream)

    def _take_events(self) -> None:
        events = self.engine.session.wait(timeout=30.0)
        if not events:
            raise TimeoutError("no event in 30 s")
        for event in events:
            if event.kind.name == "SENT":
                continue
            if event.kind.name != "DONE":
                raise RuntimeError(repr(event))
            self._end(event.key.hex(), event.receive)

    def _end(self, key: str, received: bool) -> None:
        if received:
            with self.engine.torch.cuda.stream(self.engine.stream):
                self.wrong += self.engine._wrong(key)
        self.engine._give_back(key)
        self.open -= 1
