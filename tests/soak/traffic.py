"""Random requests between the engines of a party, and the judgement of how each one ends."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass

from tests.soak.party import Party, Seat
from tests.support.cluster import Json, new_key

LAYERS = 4
TOTAL_MS = 20_000
PATIENCE = 60.0  # seconds; over a receive's own deadline by what a stopped process may take
NEVER = {"checksum", "internal", "protocol", "plan", "content", "none", "transport"}


class Violation(AssertionError):
    """An invariant does not hold."""


@dataclass
class Request:
    """One transfer. An end is None until the party's engine told it."""

    key: str
    source: Seat
    sink: Seat
    tokens: int
    began: float
    source_life: int
    sink_life: int
    ready: int = 0
    offered: bool = False
    received: bool = False
    sink_end: Json | None = None
    source_end: Json | None = None

    @property
    def source_lives(self) -> bool:
        return self.source.lives == self.source_life and self.source.engine.popen.poll() is None

    @property
    def sink_lives(self) -> bool:
        return self.sink.lives == self.sink_life and self.sink.engine.popen.poll() is None


class Traffic:
    """Starts requests and follows each until both of its engines have told its end."""

    def __init__(self, party: Party, chance: random.Random, most: int) -> None:
        self.party = party
        self.chance = chance
        self.most = most
        self.live: dict[str, Request] = {}
        self.outcomes: Counter[str] = Counter()
        self.bytes_checked = 0
        self.looked = time.monotonic()

    def start_one(self) -> None:
        """One more request, if there is room for it and its engines answer."""
        source, sink = self.chance.choice(self.party.sources), self.chance.choice(self.party.sinks)
        tokens = self.chance.choice((1, 17, 300, self.chance.randint(1, 1500)))
        ready_for_it = all(seat.answers and seat.has_room(tokens) for seat in (source, sink))
        if len(self.live) >= self.most or not ready_for_it:
            return
        now = time.monotonic()
        request = Request(new_key(), source, sink, tokens, now, source.lives, sink.lives)
        self.live[request.key] = request
        steps = [self._offer, self._receive]
        self.chance.shuffle(steps)
        for step in steps:
            step(request)

    def _offer(self, request: Request) -> None:
        answer = request.source.engine.call("offer", request.key, tokens=request.tokens)
        request.offered = answer is True
        if request.offered:
            request.source.used_blocks += request.source.blocks_for(request.tokens)
        self._refused("offer", answer)

    def _receive(self, request: Request) -> None:
        answer = request.sink.engine.call(
            "receive",
            request.key,
            tokens=request.tokens,
            source=request.source.instance,
            total_ms=TOTAL_MS,
            offer_wait_ms=5000,
        )
        request.received = answer is True
        if request.received:
            request.sink.used_blocks += request.sink.blocks_for(request.tokens)
        self._refused("receive", answer)

    def _refused(self, what: str, answer: object) -> None:
        """Without its agent, or with one that drains or is full, a client may refuse."""
        if answer is True:
            return
        assert isinstance(answer, dict)
        if answer.get("code") not in ("unavailable", "resource_exhausted"):
            raise Violation(f"{what}: {answer}")
        self.outcomes[f"{what} refused: {answer['code']}"] += 1

    def step(self) -> None:
        """Moves every request on: more layers, now and then a change of mind, ends."""
        now = time.monotonic()
        away, self.looked = max(0.0, now - self.looked - 1), now
        for request in list(self.live.values()):
            request.began += away  # nobody looked; a new engine may have taken long to start
            self._compute(request)
            self._change_of_mind(request)
            self._look_for_ends(request)
            if request.key in self.live and now - request.began > PATIENCE:
                raise Violation(f"no end after {PATIENCE} s: {request}")

    def _compute(self, request: Request) -> None:
        if request.offered and request.ready < LAYERS and request.source_lives:
            if request.source.answers and self.chance.random() < 0.5:
                request.ready += 1
                request.source.engine.call("ready", request.key, layers=request.ready)

    def _change_of_mind(self, request: Request) -> None:
        if self.chance.random() > 0.004:
            return
        if request.received and request.sink_lives and request.sink.answers:
            request.sink.engine.call("cancel", request.key)
        elif request.offered and request.source_lives and request.source.answers:
            request.source.engine.call("withdraw", request.key)

    def _look_for_ends(self, request: Request) -> None:
        waits = False
        if request.received and request.sink_lives:
            waits |= not self._sink_ended(request)
        if request.offered and request.source_lives:
            waits |= not self._source_ended(request)
        if not waits:
            del self.live[request.key]

    def _end_at(self, seat: Seat, key: str, receive: bool) -> Json | None:
        ends = seat.engine.terminal(key, receive)
        if len(ends) > 1:
            raise Violation(f"{key} ended more than once: {ends}")
        return ends[0] if ends else None

    def _sink_ended(self, request: Request) -> bool:
        seat = request.sink
        if not seat.answers:
            return False
        if request.sink_end is None:
            request.sink_end = self._end_at(seat, request.key, receive=True)
            if request.sink_end is None:
                return False
            self._judge(request, request.sink_end)
            seat.engine.call("reuse", request.key)
            return False  # look again later: nothing may have changed by then
        changed = seat.engine.call("changed", request.key)
        if changed != 0:
            raise Violation(f"{changed} bytes changed after {request.sink_end}")
        self._free(seat, request)
        request.received = False
        return True

    def _judge(self, request: Request, end: Json) -> None:
        self.outcomes[end["event"] if end["event"] != "failed" else end["reason"]] += 1
        if end["event"] == "done":
            wrong = request.sink.engine.call("check", request.key)
            if wrong != 0:
                raise Violation(f"{wrong} wrong bytes of {request}")
            self.bytes_checked += end["bytes"]
        elif end["event"] == "failed" and end["reason"] in NEVER:
            raise Violation(f"{end} of {request}")

    def _source_ended(self, request: Request) -> bool:
        seat = request.source
        if not seat.answers:
            return False
        request.source_end = self._end_at(seat, request.key, receive=False)
        if request.source_end is None:
            # Nobody comes for it any more: not waiting for the lease's end.
            if not (request.received and request.sink_lives):
                seat.engine.call("withdraw", request.key)
            return False
        self._free(seat, request)
        request.offered = False
        return True

    def _free(self, seat: Seat, request: Request) -> None:
        seat.engine.call("free", request.key)
        seat.engine.forget(request.key)
        seat.used_blocks -= seat.blocks_for(request.tokens)
