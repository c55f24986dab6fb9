"""The engines of a soak run, and what they may be asked for at any moment."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from tests.support.cluster import Cluster, Engine

BLOCKS = 1500
BLOCK_TOKENS = {"prefill-0": 16, "decode-0": 32}
STYLES = ("hnd", "nhd", "joined")


@dataclass
class Seat:
    """A place for one engine: when the engine dies, its successor takes the same place."""

    node: str
    instance: str
    engine: Engine
    used_blocks: int = 0
    lives: int = 1
    requests: set[str] = field(default_factory=set)

    @property
    def answers(self) -> bool:
        """It runs, and is not stopped."""
        return self.engine.popen.poll() is None and not self.engine.stopped

    @property
    def is_first(self) -> bool:
        """It is the one of its node that lives on when faults spare some (see chaos.py)."""
        return self.instance.endswith("-0")

    def blocks_for(self, tokens: int) -> int:
        return -(-tokens // BLOCK_TOKENS[self.node])

    def has_room(self, tokens: int) -> bool:
        return self.used_blocks + self.blocks_for(tokens) <= BLOCKS


class Party:
    """All seats of both nodes."""

    def __init__(self, cluster: Cluster, sources: int, sinks: int, chance: random.Random) -> None:
        self.cluster = cluster
        self.chance = chance
        self.sources = [self._seat("prefill-0", f"prefill-{n}") for n in range(sources)]
        self.sinks = [self._seat("decode-0", f"decode-{n}") for n in range(sinks)]

    @property
    def all(self) -> list[Seat]:
        return self.sources + self.sinks

    def at(self, node: str) -> list[Seat]:
        return [seat for seat in self.all if seat.node == node]

    def _seat(self, node: str, instance: str) -> Seat:
        return Seat(node, instance, self._start(node, instance))

    def _start(self, node: str, instance: str) -> Engine:
        return self.cluster.engine(
            node,
            instance=instance,
            n_blocks=BLOCKS,
            block_tokens=BLOCK_TOKENS[node],
            style=self.chance.choice(STYLES),
        )

    def replace(self, seat: Seat) -> None:
        """Ends the engine, if it lives, and starts its successor."""
        seat.engine.close()
        self.cluster.engines.remove(seat.engine)
        seat.engine = self._start(seat.node, seat.instance)
        seat.used_blocks = 0
        seat.lives += 1
