"""What the daemons of a soak run hold: descriptors, threads, memory, over each one's life."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.faults.resources import held_by, more_than
from tests.support.cluster import Cluster, wait_for

DAEMONS = ("rendezvous", "prefill-0", "decode-0")
GROWTH_MIB = 64  # above what a daemon had when it was first looked at


def resident_mib(pid: int) -> float:
    """Resident memory without what is shared with engines, which the topology fixes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"/proc/{pid}/status has no RssAnon")


@dataclass
class Life:
    """One process of a daemon."""

    pid: int
    first_mib: float
    last_mib: float


class Programs:
    """The daemons of a cluster. Made when nothing but the engines has started."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.before = {name: held_by(cluster.agent(name).popen.pid) for name in DAEMONS}
        self.lives: dict[str, list[Life]] = {name: [] for name in DAEMONS}
        self.look()

    def look(self) -> None:
        """Takes note of the memory of those that live."""
        for name in DAEMONS:
            process, lives = self.cluster.agent(name), self.lives[name]
            if not process.alive():
                continue
            pid = process.popen.pid
            mib = resident_mib(pid)
            if not lives or lives[-1].pid != pid:
                lives.append(Life(pid, mib, mib))
            lives[-1].last_mib = mib

    def check_at_rest(self) -> None:
        """With no engine left: nothing is held that was not there with all of them."""
        self.look()
        for name in DAEMONS:
            pid = self.cluster.agent(name).popen.pid

            def extra(name: str = name, pid: int = pid) -> dict[str, int]:
                now: Counter[str] = held_by(pid)
                return more_than(now, self.before[name])

            try:
                wait_for(f"{name} holds no more than before", lambda: not extra())
            except TimeoutError as error:
                raise AssertionError(f"{error}: {extra()}") from None
            for life in self.lives[name]:
                grown = life.last_mib - life.first_mib
                if grown > GROWTH_MIB:
                    raise AssertionError(f"{name} grew by {grown:.1f} MiB (pid {life.pid})")

    def report(self) -> str:
        lines = []
        for name in DAEMONS:
            grown = max(life.last_mib - life.first_mib for life in self.lives[name])
            lines.append(
                f"  {name}: {len(self.lives[name])} lives seen, grew at most {grown:.1f} MiB"
            )
        return "\n".join(lines)
