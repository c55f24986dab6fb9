"""The engines of a deployment: which may work together, whose turn it is, who is alive."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Engine:
    """One engine behind one URL. `node` is its name in the topology."""

    node: str
    url: str
    instance: str
    role: str  # prefill, decode or both
    alive: bool = False
    requests: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Pair:
    """Who serves a request. Without prefill, decode does all of it."""

    prefill: Engine | None
    decode: Engine


class Engines:
    """Takes the living in turn; prefill only over links that the topology allows."""

    def __init__(self, engines: Iterable[Engine], links: Iterable[tuple[str, str]]) -> None:
        self.all = tuple(engines)
        self._links = frozenset(links)
        self._turns = itertools.count()

    @staticmethod
    def of_topology(topology: Mapping[str, Any], named: Mapping[str, str]) -> Engines:
        """`named`: URL by NODE or NODE/INSTANCE; the instance is called like the node if left out.

        Raises ValueError for a node that the topology does not have.
        """
        roles = {node["name"]: node["role"] for node in topology["nodes"]}
        engines = []
        for name, url in named.items():
            node, _, instance = name.partition("/")
            if node not in roles:
                raise ValueError(
                    f"--engine {name}: no such node in the topology; it has {', '.join(roles)}"
                )
            engines.append(Engine(node, url.rstrip("/"), instance or node, roles[node]))
        links = ((link["from"], link["to"]) for link in topology["links"])
        made = Engines(engines, links)
        if not made.decoders():
            raise ValueError("no --engine is of a node whose role is decode or both")
        return made

    def decoders(self) -> list[Engine]:
        """All that may decode, dead or alive."""
        return [engine for engine in self.all if engine.role in ("decode", "both")]

    def pick(self, avoid: frozenset[str] = frozenset(), alone: bool = False) -> Pair | None:
        """The next pair. Nodes to `avoid` are taken only if there is no other; None: all are dead.

        `alone`: without prefill.
        """
        turn = next(self._turns)
        decode = _next([e for e in self.decoders() if e.alive], avoid, turn)
        if decode is None:
            return None
        sources = [
            engine
            for engine in self.all
            if engine.alive
            and engine.role in ("prefill", "both")
            and engine.node not in avoid
            and (engine.node, decode.node) in self._links
        ]
        return Pair(None if alone else _next(sources, avoid, turn), decode)


def _next(living: list[Engine], avoid: frozenset[str], turn: int) -> Engine | None:
    chosen = [engine for engine in living if engine.node not in avoid] or living
    return chosen[turn % len(chosen)] if chosen else None
