"""TTFT, inter-token latency and stages of prefill/decode with vLLM, PegaFlow and NixlConnector.

    measure.py --out FOLDER [--targets alone,layer-concurrent,…] [--seconds 300]

Needs the programs below $PEGAFLOW_BIN_DIR and, importable, pegaflow, vLLM, aiohttp. All targets
(servers.py) run at once; requests go to one after the other, in another order each round, so that
whatever else the machine does meets all of them. Writes FOLDER/NAME.jsonl, a line for each result,
as soon as it is there; report.py makes tables of it. What does not fit into `--seconds` is left
out, last things first. bench/README.md says what is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench.vllm import model, stages  # noqa: E402
from bench.vllm.client import Client, Question, Sample  # noqa: E402
from bench.vllm.servers import TARGETS, Servers  # noqa: E402

WARM, OUTPUT = 2, 8
CHECKED = (512, 4096, 16384)
ROUNDS = {512: 24, 1024: 16, 2048: 16, 4096: 20, 8192: 10, 16384: 12}
AT_ONCE = 8
# As many engines as fit into two GPUs.
DEFAULT = tuple(name for name in TARGETS if not name.startswith("layer"))
STREAM_TOKENS = 4000
GIVE_UP = 2  # failures of a target
Json = dict[str, Any]
Part = Callable[[int], Awaitable[None]]


class Measurement:
    """Runs the parts, in the order of their weight, and writes what comes out."""

    def __init__(self, servers: Servers, options: argparse.Namespace) -> None:
        self.servers, self.options = servers, options
        self.client = Client(model.vocabulary(servers.shape), options.seed, options.limit)
        self.order = random.Random(options.seed)
        self.end = time.monotonic() + options.seconds
        self.numbers = itertools.count()
        self.lines = (options.out / f"{options.name}.jsonl").open("w")
        self.failed: Counter[str] = Counter()

    def write(self, part: str, **line: Any) -> None:
        self.lines.write(json.dumps({"part": part, **line}) + "\n")
        self.lines.flush()

    def targets(self) -> list[str]:
        """Those that answer."""
        return [name for name in self.servers.targets if self.failed[name] < GIVE_UP]

    def rest(self) -> float:
        return self.end - time.monotonic()

    def sample(self) -> Sample:
        return Sample(f"pf{next(self.numbers)}")

    def question(self, length: int) -> Question:
        """With a prompt that nobody has seen."""
        return self.client.question(self.client.prompt(length), OUTPUT)

    async def ask(self, target: str, question: Question) -> Sample:
        url = self.servers.url(target)
        sample = await self.client.ask(url, question, self.sample())
        if sample.error:
            self.failed[target] += 1
            self.write("error", target=target, prompt=question.length, error=sample.error)
            print(f"{target}, {question.length} tokens: {sample.error[:300]}", flush=True)
        return sample

    def checked(self) -> list[int]:
        """One token more than whole blocks: all engines compute just that one."""
        return [length + 1 for length in self.options.lengths if length in CHECKED]

    # ---- parts
    async def tokens(self) -> None:
        """Greedy tokens are those of an engine alone, which has the prompt in its prefix cache."""
        for target in self.targets():
            for length in self.checked() if target != "alone" else ():
                question = self.client.question(self.client.prompt(length), 16)
                await self.ask("alone", question)
                alone = await self.ask("alone", question)
                got = await self.ask(target, question)
                equal = not got.error and got.tokens == alone.tokens
                self.write("tokens", target=target, prompt=length, equal=equal, got=got.tokens)
                print(f"tokens {target} {length}: {'equal' if equal else 'differ'}", flush=True)
                if got.error:
                    break

    async def ttft(self, length: int) -> None:
        """One request at a time."""
        found: dict[str, list[Sample]] = {name: [] for name in self.targets()}
        for number in range(WARM + (self.options.rounds or ROUNDS[length])):
            names = self.targets()
            self.order.shuffle(names)
            for name in names:
                sample = await self.ask(name, self.question(length))
                if number >= WARM and not sample.error:
                    found[name].append(sample)
            if self.rest() < 0:
                break
        self._report(found, length, 1, 0.0)

    async def load(self, length: int) -> None:
        """Several requests at a time, all to one target."""
        for name in self.targets():
            questions = [self.question(length) for _ in range(3 * AT_ONCE)]
            begin = time.monotonic()
            queue = iter(questions)

            async def worker(name: str = name, queue: Any = queue) -> list[Sample]:
                return [await self.ask(name, question) for question in queue]

            done = await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
            samples = [one for some in done for one in some if not one.error]
            self._report({name: samples}, length, AT_ONCE, time.monotonic() - begin)
            if self.rest() < 0:
                break

    def _report(
        self, found: dict[str, list[Sample]], length: int, at_once: int, seconds: float
    ) -> None:
        notes = stages.Notes(stages.read(self.servers.folder / "notes"))
        for name, samples in found.items():
            if not samples:
                continue
            ttft = [round(sample.ttft_ms, 3) for sample in samples]
            gaps = [gap for sample in samples for gap in sample.gaps_ms]
            parts = stages.medians([notes.parts_ms(sample) for sample in samples])
            line: Json = {"target": name, "prompt": length, "at_once": at_once, "ttft_ms": ttft}
            line |= {"gap_ms_p50": round(statistics.median(gaps), 3) if gaps else None}
            line |= {"stages_ms": parts, "seconds": round(seconds, 3)}
            self.write("ttft", **line)
            print(
                f"ttft {name:<17} {length:>6} x{at_once}: p50 {statistics.median(ttft):8.2f}"
                f" max {max(ttft):8.2f} ms  {parts}",
                flush=True,
            )

    async def gaps(self, length: int) -> None:
        """A stream decodes on the decode engine while one long prompt arrives."""
        for name in self.targets():
            rows = []
            for _ in range(4):
                question = self.question(length)
                async with self._stream(TARGETS[name].decode) as stream:
                    sample = await self.ask(name, question)
                    until = time.monotonic_ns()
                if sample.error or len(stream.came) < 2:
                    break
                pairs = list(zip(stream.came, stream.came[1:]))
                during = [(b - a) / 1e6 for a, b in pairs if b > sample.sent and a < until]
                before = [(b - a) / 1e6 for a, b in pairs if b <= sample.sent]
                rows.append([round(max(during), 3), round(statistics.median(before), 3)])
            if len(rows) > 1:
                longest, usual = zip(*rows[1:])
                self.write("gaps", target=name, prompt=length, longest_ms=longest, usual_ms=usual)
                print(f"gaps {name:<17} {length:>6}: longest {longest} usual {usual}", flush=True)
            if self.rest() < 0:
                break

    @contextlib.asynccontextmanager
    async def _stream(self, engine: str) -> AsyncIterator[Sample]:
        """A running stream of tokens; its sample is complete afterwards."""
        url = f"http://127.0.0.1:{self.servers.ports[engine]}"
        sample = self.sample()
        question = self.client.question(self.client.prompt(200), STREAM_TOKENS)
        job = asyncio.create_task(self.client.ask(url, question, sample))
        while len(sample.events) < 50 and not job.done():
            await asyncio.sleep(0.01)  # poll interval
        try:
            yield sample
            await asyncio.sleep(0.05)  # what came meanwhile
        finally:
            job.cancel()
            await asyncio.wait({job})

    async def run(self) -> None:
        async with self.client:
            await self.tokens()
            for part, length in self._parts():
                if self.rest() < 0:
                    print(f"no time for {part.__name__} {length}", flush=True)
                else:
                    await part(length)
        self.lines.close()

    def _parts(self) -> list[tuple[Part, int]]:
        lengths = self.options.lengths
        first = [length for length in (512, 4096, 16384) if length in lengths]
        parts: list[tuple[Part, int]] = [(self.ttft, length) for length in first]
        parts.append((self.gaps, max(lengths)))
        parts += [(self.load, length) for length in first if length < 16384]
        parts += [(self.ttft, length) for length in lengths if length not in first]
        return parts + [(self.load, length) for length in first if length == 16384]


def about(servers: Servers) -> Json:
    """What the figures were measured with."""
    versions = {}
    for name in ("vllm", "torch", "nixl", "nixl-cu13", "transformers"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    cards = ""
    if servers.gpus:
        query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
        cards = "; ".join(subprocess.check_output(query, text=True).splitlines())
    return {
        "machine": f"{os.cpu_count()} cores, {cards or 'no GPU'}, Linux {platform.release()}",
        "versions": versions,
        "shape": servers.shape,
        "weights": servers.load_format,
        "detokenize": servers.detokenize,
        "targets": list(servers.targets),
        "command": sys.argv[1:],
    }


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--name", default="vllm")
    parser.add_argument("--targets", default=",".join(DEFAULT), help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--shape", default="qwen3-8b", choices=model.SHAPES)
    parser.add_argument("--load-format", default="random", choices=("random", "dummy"))
    parser.add_argument(
        "--detokenize", action="store_true", help="vLLM makes text of tokens, as it comes"
    )
    parser.add_argument("--lengths", default=",".join(map(str, ROUNDS)))
    parser.add_argument("--rounds", type=int, help="instead of the usual number")
    parser.add_argument("--seconds", type=float, default=300.0, help="from when all servers serve")
    parser.add_argument("--limit", type=float, default=20.0, help="seconds, of one request")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("/dev/shm/pegaflow-bench-vllm"))
    chosen = parser.parse_args()
    chosen.lengths = [int(length) for length in chosen.lengths.split(",")]
    return chosen


def main() -> int:
    chosen = options()
    chosen.out.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(chosen.folder, ignore_errors=True)
    chosen.folder.mkdir(parents=True)
    targets = chosen.targets.split(",")
    servers = Servers(
        chosen.folder, targets, chosen.shape, chosen.load_format, detokenize=chosen.detokenize
    )
    try:
        begin = time.monotonic()
        servers.start()
        print(f"{list(servers.targets)} serve after {time.monotonic() - begin:.0f} s", flush=True)
        if "alone" not in servers.targets:
            return 1
        measurement = Measurement(servers, chosen)
        measurement.write("about", **about(servers))
        asyncio.run(measurement.run())
    finally:
        servers.close()
        logs = [str(path.name) for path in chosen.folder.glob("*.log")]
        subprocess.run(
            ["tar", "czf", str(chosen.out / "logs.tgz"), "-C", str(chosen.folder), "notes", *logs],
            check=False,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
