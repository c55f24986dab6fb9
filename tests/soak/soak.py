"""Lives through random requests and faults for a given time; see tools/soak.sh.

Invariants: no wrong byte; no byte of D's blocks changes after its result; every transfer ends once
and in time, with a typed reason; no program's memory grows over its life; at the end all slots are
free and no daemon holds more descriptors or threads than before.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.soak.chaos import Chaos
from tests.soak.party import Party
from tests.soak.programs import Programs
from tests.soak.traffic import Traffic, Violation
from tests.support.cluster import LINKS, Cluster, wait_for

SETTLE_SECONDS = 90.0
STEP_SECONDS = 0.005


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="soak.sh", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=180.0, help="how long; 180")
    parser.add_argument("--sources", type=int, default=3, help="P engines; 3")
    parser.add_argument("--sinks", type=int, default=3, help="D engines; 3")
    parser.add_argument("--link", choices=sorted(LINKS), default="direct", help="kind; direct")
    parser.add_argument("--live", type=int, default=24, help="most requests at once; 24")
    parser.add_argument("--seed", type=int, help="of all choices; a random one")
    parser.add_argument("--no-faults", action="store_true", help="requests only")
    return parser.parse_args(arguments)


def drain(traffic: Traffic) -> None:
    """No new requests: those that live end by themselves."""

    def ended() -> bool:
        traffic.step()
        return not traffic.live

    wait_for("all requests have ended", ended, SETTLE_SECONDS)


class Soak:
    """One run."""

    def __init__(self, options: argparse.Namespace, cluster: Cluster) -> None:
        self.options = options
        self.cluster = cluster
        self.chance = random.Random(options.seed)
        self.party = Party(cluster, options.sources, options.sinks, self.chance)
        self.traffic = Traffic(self.party, self.chance, options.live)
        self.chaos = Chaos(cluster, self.party, self.chance)
        self.programs = Programs(cluster, self.party)

    def run(self) -> None:
        began = time.monotonic()
        told = began
        while (now := time.monotonic()) - began < self.options.seconds:
            self.traffic.start_one()
            self.traffic.step()
            self.chaos.spares = now - began > self.options.seconds / 2
            if not self.options.no_faults:
                self.chaos.step()
            if now - told > 30:
                told = now
                print(f"{now - began:5.0f} s  {self.summary()}", flush=True)
                self.programs.check_memory()
            threading.Event().wait(STEP_SECONDS)
        self.finish()

    def finish(self) -> None:
        self.chaos.settle()
        drain(self.traffic)
        self.cluster.wait_all_free()
        self.programs.check_memory()
        for engine in self.cluster.engines:
            engine.close()
        self.programs.check_at_rest()

    def summary(self) -> str:
        outcomes = ", ".join(f"{n} {name}" for name, n in self.traffic.outcomes.most_common())
        faults = ", ".join(f"{n} {name}" for name, n in self.chaos.done.most_common())
        checked = self.traffic.bytes_checked >> 20
        return f"{checked} MiB right; ends: {outcomes}; faults: {faults or 'none'}"


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    print(f"soak: {options.link}, {options.seconds:.0f} s, --seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="pegaflow-soak-") as folder:
        cluster = Cluster(Path(folder), options.link, slots=32, window=8)
        try:
            cluster.start()
            soak = Soak(options, cluster)
            soak.run()
            print(f"soak: every invariant holds. {soak.summary()}")
            print(soak.programs.report())
            return 0 if soak.traffic.bytes_checked > 0 else 1
        except (Violation, AssertionError, TimeoutError) as error:
            print(cluster.logs())
            print(f"soak: FAILED: {error}")
            print(f"again: tools/soak.sh --link {options.link} --seed {options.seed}")
            return 1
        finally:
            cluster.close()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main(sys.argv[1:]))
