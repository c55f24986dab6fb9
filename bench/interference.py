"""What transfers cost engines that compute, on two GPUs: steps/s with and without them.

D decodes (memory-bound kernels in a CUDA graph) while KV arrives; P computes prefill (bf16 matrix
products, attention) while it leaves; for several launch widths and ways. Prints a line of JSON for
each case as soon as it is measured; progress and failures go to stderr. With --plot, draws such
lines instead, and prints them as a table.

    PEGAFLOW_BIN_DIR=build/release PYTHONPATH=python bench/interference.py >LINES.jsonl
    bench/interference.py --plot LINES.jsonl PICTURE.svg
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.interference_setups import (  # noqa: E402
    CASES,
    COPY_ENGINE,
    SETUPS,
    TOKEN_BYTES,
    VARIABLES,
    Case,
    Seat,
    Setup,
)
from bench.interference_table import plot, table  # noqa: E402
from tests.gpu.deployment import GpuDeployment  # noqa: E402
from tests.gpu.torture import machine  # noqa: E402
from tests.support.cluster import Engine, Json  # noqa: E402

ANSWER_LIMIT = 15.0  # seconds, for what an engine is asked beyond what it is told to compute
LEAD_IN = 0.2  # seconds that transfers run before steps count


def note(text: str) -> None:
    print(f"{time.monotonic() - BEGAN:6.1f} s  {text}", file=sys.stderr, flush=True)


BEGAN = time.monotonic()


def ask(engine: Engine, do: str, **arguments: Any) -> Any:
    """The engine's answer; raises if there is none, or an error."""
    engine.patience = ANSWER_LIMIT + float(arguments.get("seconds", 0))
    try:
        answer = engine.call(do, **arguments)
    except Empty:
        raise TimeoutError(f"{do}: no answer in {engine.patience} s") from None
    if isinstance(answer, dict) and "error" in answer:
        raise RuntimeError(f"{do}: {answer['error']}")
    return answer


def ignored_settings() -> list[str]:
    """Variables that the installed pegaflow does not know: it was built before there were any."""
    from pegaflow import _core

    module = Path(str(_core.__file__)).read_bytes()
    return [name for name in (*VARIABLES.values(), COPY_ENGINE) if name.encode() not in module]


class Fleet:
    """A deployment, and an engine for each seat."""

    def __init__(self, folder: Path, layer_tokens: int) -> None:
        self.layer_tokens = layer_tokens
        self.engines: dict[Seat, Engine] = {}
        self.deployment = GpuDeployment(folder, slots=72, slot_bytes=4 << 20, window=32)

    def start(self, seats: list[Seat]) -> None:
        """All of it at once, before anything is measured. An engine that does not start is tried
        again when it is needed."""
        try:
            self.deployment.start()
        except Exception:
            print(self.deployment.logs(), file=sys.stderr, flush=True)
            raise
        note(f"the deployment runs; starting {len(seats)} engines")
        with ThreadPoolExecutor(len(seats)) as threads:
            list(threads.map(self._try, seats))

    def _try(self, seat: Seat) -> None:
        try:
            self.engine(seat)
        except Exception as error:
            note(f"{seat.instance}: {error!r}")

    def engine(self, seat: Seat) -> Engine:
        found = self.engines.get(seat)
        if found is not None and found.popen.poll() is None:
            return found
        most = max(case.places * case.layers for case in CASES)
        engine = self.deployment.torch_engine(
            seat.node,
            own=seat.way == "agent",  # P's engine sees no GPU but its own: its agent must copy
            script=ROOT / "bench" / "interference_engine.py",
            environment=dict(seat.environment),
            instance=seat.instance,
            sends=seat.node == "prefill-0",
            layers=1,
            block_tokens=seat.page_tokens,
            n_blocks=most * self.layer_tokens // seat.page_tokens,
        )
        self.engines[seat] = engine
        return engine

    def drop(self, seat: Seat) -> None:
        """Ends an engine whose state is not known; the next who needs it gets another one."""
        engine = self.engines.pop(seat, None)
        if engine is not None:
            engine.close()

    def log(self, seat: Seat) -> str:
        """The ends of an engine's log and of its agent's."""
        engine = self.engines.get(seat)
        paths = [Path(engine.file.name)] if engine is not None else []
        paths.append(self.deployment.folder / f"{seat.node}.log")
        texts = [path.read_text(errors="replace") for path in paths if path.exists()]
        return "\n".join(text[-1500:] for text in texts)

    def close(self) -> None:
        self.deployment.close()


class Measurement:
    def __init__(self, fleet: Fleet, options: argparse.Namespace, about: Json) -> None:
        self.fleet, self.options, self.about = fleet, options, about
        self.first = 0  # number of the next transfer; never used twice

    def measure(self, setup: Setup) -> None:
        """All cases of a setup; one that fails is told, and the next one gets new engines."""
        undisturbed: float | None = None
        for case in CASES:
            if case.busy != setup.busy.node:
                continue
            if time.monotonic() - BEGAN > self.options.limit:
                note(f"left out, no time: {setup.name}, {case.name}")
                continue
            try:
                if undisturbed is None:
                    undisturbed = self._first_look(setup)
                line = self._case(setup, case)
                after = self._steps(setup)
                line |= {"undisturbed": [round(undisturbed, 2), round(after, 2)]}
                line |= {"share": round(2 * line["steps_per_s"] / (undisturbed + after), 4)}
                undisturbed = after
                print(json.dumps(line | self.about), flush=True)
                note(f"{setup.name}, {case.name}: {line['share']:.1%} at {line['gbps']} GB/s")
            except Exception as error:
                undisturbed = None
                note(f"FAILED: {setup.name}, {case.name}: {error!r}")
                for seat in setup.seats():
                    print(self.fleet.log(seat), file=sys.stderr, flush=True)
                    self.fleet.drop(seat)

    def _first_look(self, setup: Setup) -> float:
        engine = self.fleet.engine(setup.busy)
        if not self.about:
            self.about |= {"versions": ask(engine, "about"), "machine": machine()}
            self.about |= {"command": " ".join(sys.argv), "ignored_settings": ignored_settings()}
            if self.about["ignored_settings"]:
                note(f"WARNING: this pegaflow ignores {self.about['ignored_settings']}")
        ask(engine, "compute_for", seconds=2 * self.options.seconds)  # its clock falls
        return self._steps(setup)

    def _steps(self, setup: Setup) -> float:
        engine = self.fleet.engine(setup.busy)
        return float(ask(engine, "compute_for", seconds=self.options.seconds)["steps_per_s"])

    def _tokens(self, setup: Setup, case: Case) -> int:
        layer = setup.busy.page_tokens if case.only_pages else self.fleet.layer_tokens
        return case.layers * layer

    def _case(self, setup: Setup, case: Case) -> Json:
        source, sink = (self.fleet.engine(seat) for seat in (setup.source, setup.sink))
        busy = self.fleet.engine(setup.busy)
        product = ask(busy, "product_ms") if busy is source else None
        tokens = self._tokens(setup, case)
        plan = {
            "source": setup.source.instance,
            "tokens": tokens,
            "places": case.places,
            "pieces": case.pieces,
            "period": case.period,
            "first": self.first,
        }
        self.first += 10_000_000
        for engine in (sink, source):
            ask(engine, "start_moving", **plan)
        time.sleep(LEAD_IN)
        computed = ask(busy, "compute_for", seconds=self.options.seconds * case.longer)
        window = {"began": computed["began"], "ended": computed["ended"]}
        left, arrived = (ask(engine, "stop_moving", **window) for engine in (source, sink))
        if left["unexpected"] or arrived["unexpected"] or arrived["wrong_words"]:
            raise RuntimeError(f"wrong: P {left}, D {arrived}")
        size = tokens * TOKEN_BYTES
        moved = arrived["transfers"] * size / (computed["ended"] - computed["began"])
        line: Json = {"busy": setup.busy.node, "setup": setup.name, "case": case.name}
        line |= {"way": setup.source.way}
        line |= {"page": setup.busy.page_tokens * TOKEN_BYTES}
        line |= {"environment": dict(setup.busy.environment), "transfer_bytes": size}
        line |= {"steps_per_s": round(computed["steps_per_s"], 2), "gbps": round(moved / 1e9, 1)}
        line |= {"transfers": arrived["transfers"], "wrong_words": arrived["wrong_words"]}
        if product is not None:
            line["product_ms"] = round(product, 3)
        for what, times in (("ready_to_sent", left), ("ready_to_done", arrived)):
            line |= {f"{what}_{name}": ms for name, ms in times.items() if name[:3] == "ms_"}
        return line


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=0.9, help="of a case")
    parser.add_argument("--limit", type=float, default=135.0, help="seconds; no case begins later")
    parser.add_argument("--layer-tokens", type=int, default=8192, help="32 MiB")
    parser.add_argument("--only", default="", help="setups whose name has this in it")
    parser.add_argument("--plot", nargs=2, type=Path, metavar=("LINES", "SVG"))
    options = parser.parse_args()
    if options.plot:
        text = options.plot[0].read_text(encoding="utf-8").splitlines()
        lines = [json.loads(line) for line in text if line.startswith("{")]
        plot(lines, options.plot[1])
        print(table(lines))
        return 0
    setups = [setup for setup in SETUPS if options.only in setup.name]
    with tempfile.TemporaryDirectory() as name:
        fleet = Fleet(Path(name), options.layer_tokens)
        try:
            fleet.start(sorted({seat for setup in setups for seat in setup.seats()}))
            measurement = Measurement(fleet, options, {})
            for setup in setups:
                measurement.measure(setup)
        finally:
            fleet.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
