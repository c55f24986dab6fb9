"""What the programs of a soak run hold: descriptors, threads, memory, over each one's life."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.faults.resources import held_by, more_than
from tests.soak.party import Party
from tests.support.cluster import Cluster, wait_for

DAEMONS = ("rendezvous", "prefill-0", "decode-0")
SETTLED_AFTER = 60.0  # seconds of life: caches and pools have been touched
GROWTH_MIB = 16  # after that


def resident_mib(pid: int) -> float:
    """Resident memory without what is shared with engines, which the topology fixes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"/proc/{pid}/status has no RssAnon")


@dataclass
class Life:
    """One process: what it held when it was settled, and when it was last looked at."""

    pid: int
    began: float
    first_mib: float
    last_mib: float
    settled: bool = False
    seconds: float = 0.0

    def look(self) -> None:
        self.last_mib = resident_mib(self.pid)
        self.seconds = time.monotonic() - self.began
        if not self.settled and self.seconds >= SETTLED_AFTER:
            self.settled = True
            self.first_mib = self.last_mib

    @property
    def grown(self) -> float:
        return self.last_mib - self.first_mib if self.settled else 0.0


class Programs:
    """The programs of a cluster. Made when nothing but the engines has started."""

    def __init__(self, cluster: Cluster, party: Party) -> None:
        self.cluster = cluster
        self.party = party
        self.before = {name: held_by(cluster.agent(name).popen.pid) for name in DAEMONS}
        self.lives: dict[str, list[Life]] = {}
        self.look()

    def _running(self) -> dict[str, int]:
        pids = {
            name: self.cluster.agent(name).popen.pid
            for name in DAEMONS
            if self.cluster.agent(name).alive()
        }
        for seat in self.party.all:
            if seat.engine.popen.poll() is None:
                pids[f"engine {seat.instance}"] = seat.engine.popen.pid
        return pids

    def look(self) -> None:
        """Takes note of the memory of those that live."""
        for name, pid in self._running().items():
            lives = self.lives.setdefault(name, [])
            if not lives or lives[-1].pid != pid:
                mib = resident_mib(pid)
                lives.append(Life(pid, time.monotonic(), mib, mib))
            lives[-1].look()

    def check_memory(self) -> None:
        """Nobody has grown, once settled."""
        self.look()
        for name, lives in self.lives.items():
            for life in lives:
                if life.grown > GROWTH_MIB:
                    raise AssertionError(
                        f"{name} (pid {life.pid}) grew by {life.grown:.1f} MiB"
                        f" in {life.seconds:.0f} s"
                    )

    def check_at_rest(self) -> None:
        """With no engine left: nothing is held that was not there with all of them."""
        for name in DAEMONS:
            pid = self.cluster.agent(name).popen.pid

            def extra(name: str = name, pid: int = pid) -> dict[str, int]:
                now: Counter[str] = held_by(pid)
                return more_than(now, self.before[name])

            try:
                wait_for(f"{name} holds no more than before", lambda: not extra())
            except TimeoutError as error:
                raise AssertionError(f"{error}: {extra()}") from None

    def report(self) -> str:
        lines = ["| Program | Lives | Longest life | MiB once settled | MiB at its end |"]
        lines.append("|---|---:|---:|---:|---:|")
        for name, lives in self.lives.items():
            longest = max(lives, key=lambda life: life.seconds)
            lines.append(
                f"| {name} | {len(lives)} | {longest.seconds:.0f} s"
                f" | {longest.first_mib:.1f} | {longest.last_mib:.1f} |"
            )
        return "\n".join(lines)
