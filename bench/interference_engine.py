"""An engine process of bench/interference.py: a torch engine (tests/gpu/torch_engine.py) that
computes, in steps as a prefill engine's or a decode engine's, while it moves KV.

Transfers go from place to place: what lies in place i of P, numbered words, goes to place i of D,
again and again, so that all that was moved can be compared afterwards. No event is reported.
"""

from __future__ import annotations

import select
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "gpu"))

from engine_run import run_key  # noqa: E402
from torch_engine import Output, TorchEngine, main  # noqa: E402

LIMIT = 6.0  # seconds, until what is under way has ended
TURN = 0.02  # seconds: the longest wait of a loop that may have to end
EXPECTED = ("WITHDRAWN", "CANCELLED")  # ends and reasons of what is called off


@dataclass(frozen=True)
class Plan:
    """What moves: transfers of `tokens` tokens from the instance `source`, numbered from `first`.
    P marks one's next piece ready every `period` seconds; 0: as soon as it can."""

    source: str
    tokens: int
    places: int
    pieces: int
    period: float
    first: int


class Moves(threading.Thread):
    """The transfers at one end. `tables`: the block ids of each place."""

    def __init__(self, engine: Any, plan: Plan, tables: list[Any]) -> None:
        super().__init__(daemon=True)
        self.session, self.pool, self.plan, self.tables = engine.session, engine.pool, plan, tables
        self.sends = engine.sends
        self.ending = threading.Event()
        self.error = ""
        self.ends: Counter[str] = Counter()  # other ends than DONE
        self.done: set[int] = set()  # places
        # When a transfer was sent (at P) or done (at D), and how many ms after it was ready.
        self.times: list[tuple[float, float]] = []
        self.live: dict[int, float] = {}  # number → when it was marked ready last
        self.next = self.next_ready = plan.first
        self.pieces = 0  # of next_ready that are
        self.due = 0.0

    def run(self) -> None:
        try:
            self._move()
        except Exception:  # whatever it is, stop_moving tells it
            self.error = traceback.format_exc()

    def _move(self) -> None:
        self.due = time.monotonic()
        while not self.ending.is_set():
            self._begin()
            wait = self._mark() if self.sends else TURN
            self._take_events(wait)
        patience = time.monotonic() + LIMIT
        if self.sends:  # D still receives what is ready
            while min(self.live, default=self.next) < self.next_ready:
                self._take_events(TURN)
                if time.monotonic() > patience:
                    raise TimeoutError(f"not all that was ready has left: {sorted(self.live)}")
        call_off = self.session.withdraw if self.sends else self.session.cancel
        for number in list(self.live):
            self._call_off(call_off, number)
        while self.live:
            self._take_events(TURN)
            if time.monotonic() > patience:
                raise TimeoutError(f"called off, but without an end: {sorted(self.live)}")

    @staticmethod
    def _call_off(call: Callable[[bytes], None], number: int) -> None:
        import pegaflow

        try:
            call(bytes.fromhex(run_key(number)))
        except pegaflow.PegaflowError as error:
            if error.code != pegaflow.Code.NOT_FOUND:  # it has ended: its event is there
                raise

    def _begin(self) -> None:
        """Offers, or asks for, what has a free place."""
        busy = {number % self.plan.places for number in self.live}
        while (place := self.next % self.plan.places) not in busy:
            key, tokens = bytes.fromhex(run_key(self.next)), self.plan.tokens
            if self.sends:
                self.session.offer(key, self.pool, tokens)
                self.session.table(key, 0, 0, self.tables[place])
            else:
                whole = [(0, tokens, self.tables[place])]
                self.session.receive(
                    key, self.pool, self.plan.source, tokens, whole, offer_wait=25.0
                )
            self.live[self.next] = 0.0
            busy.add(place)
            self.next += 1

    def _mark(self) -> float:
        """Marks ready what is due; returns how long nothing will be."""
        while self.next_ready < self.next:
            now = time.monotonic()
            if now < self.due:
                return min(self.due - now, TURN)
            self.due = max(self.due + self.plan.period, now - self.plan.period)
            key = bytes.fromhex(run_key(self.next_ready))
            self.live[self.next_ready] = now
            tokens = self.plan.tokens // self.plan.pieces
            begin = self.pieces * tokens
            self.session.mark_ready(key, 0, (0, 1), (begin, begin + tokens))
            self.pieces = (self.pieces + 1) % self.plan.pieces
            self.next_ready += self.pieces == 0
        return TURN

    def _take_events(self, timeout: float) -> None:
        # Not wait(), whose timeout is in whole milliseconds.
        select.select([self.session.fileno()], [], [], timeout)
        for event in self.session.poll():
            kind, now = event.kind.name, time.monotonic()
            number = int(event.key.hex()[8:], 16)
            if number not in self.live or kind == "OFFERED":
                continue
            if kind == "SENT":
                self.times.append((now, (now - self.live[number]) * 1e3))
                continue
            del self.live[number]
            if kind == "DONE":
                self.done.add(number % self.plan.places)
                if event.receive:
                    self.times.append((now, now * 1e3 - event.stats.last_ready_ns / 1e6))
            else:
                self.ends[f"{kind} {event.reason.name} {event.detail}"] += 1

    def report(self, began: float, ended: float) -> dict[str, Any]:
        """Of the transfers that this end was through with in that time."""
        took = sorted(ms for at, ms in self.times if began <= at <= ended)
        unexpected = {
            what: count
            for what, count in self.ends.items()
            if not any(word in EXPECTED for word in what.split(" ")[:2])
        }
        line: dict[str, Any] = {"transfers": len(took), "unexpected": unexpected}
        if took:
            line |= {f"ms_p{p}": round(took[p * (len(took) - 1) // 100], 3) for p in (50, 99)}
        return line


class ComputingEngine(TorchEngine):
    """Commands: compute_for, product_ms, about; start_moving, then stop_moving."""

    def __init__(self, config: dict[str, Any], output: Output) -> None:
        super().__init__(config, output)
        # All events are the moves': the reporter sleeps from now on.
        self.reporting.clear()
        self.taking_events.acquire()
        self.sends: bool = config["sends"]
        self.moves: Moves | None = None
        self.step = self._prefill() if self.sends else self._decode()
        self.computing = self.torch.cuda.Stream(self.device)

    def _randn(self, *shape: int) -> Any:
        return self.torch.randn(*shape, dtype=self.torch.bfloat16, device=self.device)

    def _decode(self) -> Callable[[], Any]:
        """Weights that few rows read: bound by memory; a CUDA graph."""
        torch = self.torch
        weights, rows = [self._randn(4096, 14336) for _ in range(16)], self._randn(8, 4096)

        def once() -> None:
            for weight in weights:
                torch.matmul(rows, weight)

        once()
        torch.cuda.synchronize(self.device)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for _ in range(2):
                once()
        replay: Callable[[], Any] = graph.replay
        return replay

    def _prefill(self) -> Callable[[], Any]:
        """Matrix products that fill the GPU, and attention."""
        torch = self.torch
        self.left, self.right = self._randn(12288, 8192), self._randn(8192, 4096)
        heads = self._randn(1, 32, 4096, 128)
        attention = torch.nn.functional.scaled_dot_product_attention

        def step() -> None:
            for _ in range(4):
                torch.matmul(self.left, self.right)
            attention(heads, heads, heads, is_causal=True)

        step()
        torch.cuda.synchronize(self.device)
        return step

    # ---- commands
    def about(self, key: str) -> dict[str, Any]:
        return {"torch": self.torch.__version__, "cuda": self.torch.version.cuda}

    def product_ms(self, key: str) -> float:
        """How long one of prefill's matrix products takes."""
        torch = self.torch
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.matmul(self.left, self.right)
        first.record()
        for _ in range(20):
            torch.matmul(self.left, self.right)
        last.record()
        last.synchronize()
        return float(first.elapsed_time(last)) / 20

    def compute_for(self, key: str, seconds: float) -> dict[str, float]:
        """Steps, two of them queued at most, as engines do that schedule ahead."""
        ends = [self.torch.cuda.Event() for _ in range(2)]
        count = 0
        with self.torch.cuda.stream(self.computing):
            self.computing.synchronize()
            began = time.monotonic()
            while time.monotonic() - began < seconds:
                self.step()
                ends[count % 2].record(self.computing)
                count += 1
                if count > 1:
                    ends[count % 2].synchronize()
            self.computing.synchronize()
            ended = time.monotonic()
        return {"steps_per_s": count / (ended - began), "began": began, "ended": ended}

    def start_moving(self, key: str, **plan: Any) -> bool:
        """Plan's fields. P's places are filled with numbers, D's with zeros."""
        assert self.moves is None
        it = Plan(**plan)
        if not self.sends:
            self.layers[0].zero_()
        tables = []
        for place in map(run_key, range(it.places)):
            tables.append(self._take(place, it.tokens))
            if self.sends:
                self._fill(place, 0, self._rows(place))
        self.torch.cuda.synchronize(self.device)
        self.moves = Moves(self, it, tables)
        self.moves.start()
        return True

    def stop_moving(self, key: str, began: float, ended: float) -> dict[str, Any]:
        """First at P, then at D. What moved in that time, and how many words of D's are wrong."""
        moves = self.moves
        assert moves is not None
        moves.ending.set()
        moves.join(2 * LIMIT)
        if moves.is_alive() or moves.error:
            return {"error": moves.error or "the moving thread does not end"}
        self.moves = None
        line = moves.report(began, ended)
        if not self.sends:
            line["wrong_words"] = sum(int(self._wrong(run_key(place))) for place in moves.done)
        for place in range(moves.plan.places):
            self._give_back(run_key(place))
        return line


if __name__ == "__main__":
    sys.exit(main(ComputingEngine))
