"""Random faults: engines and agents die, stop for a while, are replaced.

In the second half of a run the daemons and the first engine of each node are spared: stopped for a
moment, but not killed. A leak needs a long life to be seen.
"""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable

from tests.soak.party import Party, Seat
from tests.support.cluster import Cluster, wait_for

AGENTS = ("prefill-0", "decode-0")
LONGEST_PAUSE = 4.0  # seconds between a fault and its end, and until the next: beyond a heartbeat
SHORT_PAUSE = 1.5  # well within one


class Chaos:
    """Does one fault at a time and undoes it when its time has come."""

    def __init__(self, cluster: Cluster, party: Party, chance: random.Random) -> None:
        self.cluster = cluster
        self.party = party
        self.chance = chance
        self.done: Counter[str] = Counter()
        self.next_at = 0.0
        self.spares = False
        self._undo: Callable[[], None] | None = None

    def step(self) -> None:
        """A fault when it is time for one, or the end of the last one."""
        if time.monotonic() < self.next_at:
            return
        self.next_at = time.monotonic() + self.chance.uniform(
            0.05, SHORT_PAUSE if self.spares else LONGEST_PAUSE
        )
        if self._undo is not None:
            self.calm()
        else:
            deaths_of_daemons = (0, 0) if self.spares else (2, 1)
            fault = self.chance.choices(
                (self.kill_engine, self.stop_engine, self.stop_agent, self.kill_agent, self.hide),
                (8, 4, 2, *deaths_of_daemons),
            )[0]
            self.done[fault.__name__] += 1
            fault()
            return
        self.replace_the_lost()

    def calm(self) -> None:
        """Undoes what is not undone yet."""
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()

    def kill_engine(self) -> None:
        mortal = [seat for seat in self.party.all if not (self.spares and seat.is_first)]
        if not mortal:
            return
        seat = self.chance.choice(mortal)
        seat.engine.kill()
        self._undo = lambda: self.party.replace(seat)

    def stop_engine(self) -> None:
        seat = self.chance.choice(self.party.all)
        seat.engine.stop()
        self._undo = seat.engine.resume

    def kill_agent(self) -> None:
        name = self.chance.choice(AGENTS)
        self.cluster.agent(name).kill()
        self._undo = lambda: self._start_agent(name)

    def _start_agent(self, name: str) -> None:
        self.cluster.agent(name).close()
        self.cluster.start_agent(name)

    def stop_agent(self) -> None:
        process = self.cluster.agent(self.chance.choice(AGENTS))
        process.send(signal.SIGSTOP)
        self._undo = lambda: process.send(signal.SIGCONT)

    def hide(self) -> None:
        """The rendezvous service dies and comes back."""
        self.cluster.agent("rendezvous").kill()

        def come_back() -> None:
            self.cluster.agent("rendezvous").close()
            self.cluster.start_rendezvous()

        self._undo = come_back

    def replace_the_lost(self) -> None:
        """Engines whose session ended get a successor once all their requests are judged."""
        if self._undo is not None:
            return
        for seat in self.party.all:
            if seat.answers and not self._is_alive(seat) and not seat.used_blocks:
                self.party.replace(seat)

    def _is_alive(self, seat: Seat) -> bool:
        return seat.engine.call("alive") is True

    def settle(self) -> None:
        """Everything runs and is linked."""
        self.calm()
        self.cluster.wait_linked()
        wait_for("both agents are registered", lambda: len(self.cluster.registered()) == 2)
