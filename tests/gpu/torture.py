"""Many slots, and many dead writers, on two GPUs; prints one JSON line each.

    torture.py [--slots N] [--deployments N] [--kills N]

Slots: several deployments at once, each other's load, move numbered words through N slots in all
and compare every word (tests/gpu/torch_engine.py). Kills: the test program that kills a writer
while it fills another process's slots, as often as asked; 10 ms after its pidfd nothing may
be written. The exit status is 1 when a word was wrong or anything else failed.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.gpu.deployment import LAYERS, WAYS, GpuDeployment  # noqa: E402
from tests.support.cluster import Engine, program  # noqa: E402

SLOT_BYTES = 65536
TOKENS = 2048  # of a transfer
SLOTS_OF_A_TRANSFER = TOKENS * LAYERS * 4096 // SLOT_BYTES
WAYS_OF_WRITING = 4  # kernels and copy engines, to a GPU's and to host memory
KILLS_A_RUN = 5 * WAYS_OF_WRITING
PROGRAMS_AT_ONCE = 10
PATIENCE = 3600.0  # seconds


def machine() -> str:
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    return "; ".join(subprocess.check_output(query, text=True).split("\n")).strip("; ")


def run_both(source: Engine, sink: Engine, count: int) -> list[Any]:
    """What the two engines' runs answered: how many words were wrong at each."""
    with ThreadPoolExecutor(2) as threads:
        runs = [
            threads.submit(engine.call, "run", count=count, tokens=TOKENS)
            for engine in (source, sink)
        ]
        return [run.result() for run in runs]


def through_slots(number: int, slots: int, folder: Path) -> dict[str, Any]:
    """One deployment's share. They take all ways in turn."""
    folder.mkdir()
    way = WAYS[number % len(WAYS)]
    deployment = GpuDeployment(folder, way, slot_bytes=SLOT_BYTES, slots=512, window=192)
    transfers = -(-slots // SLOTS_OF_A_TRANSFER)
    try:
        deployment.start()
        source, sink = deployment.torch_engines({"n_blocks": 1024}, {"n_blocks": 1024})
        source.patience = sink.patience = PATIENCE
        started = time.monotonic()
        wrong = run_both(source, sink, transfers)
        seconds = time.monotonic() - started
        deployment.wait_all_free()
    except Exception:
        print(deployment.logs(), file=sys.stderr)
        raise
    finally:
        deployment.close()
    return {
        "way": way,
        "slots": transfers * SLOTS_OF_A_TRANSFER,
        "words": transfers * TOKENS * LAYERS * 1024,
        "wrong": wrong,
        "seconds": round(seconds, 1),
    }


def torture_slots(options: argparse.Namespace) -> bool:
    share = -(-options.slots // options.deployments)
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(options.deployments) as threads:
        parts = list(
            threads.map(
                lambda number: through_slots(number, share, Path(name) / str(number)),
                range(options.deployments),
            )
        )
    line = {
        "what": "numbered words",
        "machine": machine(),
        "slot_bytes": SLOT_BYTES,
        "slots": sum(part["slots"] for part in parts),
        "words": sum(part["words"] for part in parts),
        "deployments": parts,
    }
    print(json.dumps(line), flush=True)
    return all(part["wrong"] == [0, 0] for part in parts)


def kill_writers(number: int) -> str:
    command = [program("memory_cuda_killed_writer_test")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=600)
    return run.stdout + run.stderr


def torture_kills(options: argparse.Namespace) -> bool:
    with ThreadPoolExecutor(PROGRAMS_AT_ONCE) as threads:
        outputs = list(threads.map(kill_writers, range(-(-options.kills // KILLS_A_RUN))))
    passed = [re.findall(r"^(\d+) kills, no late write", text, re.M) for text in outputs]
    kills = sum(int(count) for counts in passed for count in counts)
    ok = all(len(counts) == WAYS_OF_WRITING for counts in passed)
    for text, counts in zip(outputs, passed):
        if len(counts) != WAYS_OF_WRITING:
            print(text, file=sys.stderr)
    line = {"what": "killed writers", "machine": machine(), "kills": kills, "late_writes": not ok}
    print(json.dumps(line), flush=True)
    return ok


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--slots", type=int, default=10_000_000)
    parser.add_argument("--deployments", type=int, default=6)
    parser.add_argument("--kills", type=int, default=200)
    options = parser.parse_args()
    ok = torture_slots(options) if options.slots > 0 else True
    ok &= torture_kills(options) if options.kills > 0 else True
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
