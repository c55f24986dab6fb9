"""What every peer is measured with: random pages, chosen as pegaflow-bench does."""

from __future__ import annotations

import argparse
import ctypes
import json
import mmap
import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import gpu
import numpy as np
from numpy.typing import NDArray

POOL_FACTOR = 4  # a pool holds so many times what moves
Pages = NDArray[np.int32]


@dataclass(frozen=True)
class Workload:
    """`total` bytes in random pages of `page` bytes, out of a pool four times as large."""

    page: int
    total: int
    seed: int
    memory: str = "host"  # or "cuda"

    @property
    def fragments(self) -> int:
        return self.total // self.page

    @property
    def pool_pages(self) -> int:
        return POOL_FACTOR * self.fragments

    @property
    def pool_bytes(self) -> int:
        return POOL_FACTOR * self.total

    def picks(self, side: int) -> Iterator[Pages]:
        """Distinct random pages, others for each transfer; the sides are independent."""
        random = np.random.default_rng((self.seed, side, self.page))
        while True:
            pages = random.choice(self.pool_pages, self.fragments, replace=False)
            yield pages.astype(np.int32)

    def content(self, pages: Pages | None = None) -> NDArray[np.uint64]:
        """What those pages of the source's pool hold, or all: one row a page, in words.

        No two words of a pool are the same, so that a page in a wrong place is seen.
        """
        words = self.page // 8
        key = np.random.default_rng((self.seed, 7, self.page)).integers(0, 2**64, dtype=np.uint64)
        if pages is None:
            found = np.arange(self.pool_pages * words, dtype=np.uint64).reshape(-1, words)
        else:
            within = np.arange(words, dtype=np.uint64)
            found = pages.astype(np.uint64)[:, np.newaxis] * np.uint64(words) + within
        found += key
        found *= np.uint64(0x9E3779B97F4A7C15)  # odd: different words stay different
        return found


class Pool:
    """Touched private memory, as an engine's."""

    def __init__(self, size: int) -> None:
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_POPULATE", 0x8000)
        self._map = mmap.mmap(-1, size, flags=flags)
        self.bytes = np.frombuffer(self._map, dtype=np.uint8)
        self.bytes[::4096] = 0
        self.address = int(self.bytes.ctypes.data)
        self.size = size

    def clear(self) -> None:
        self.bytes[:] = 0

    def store(self, data: NDArray[np.uint64]) -> None:
        self.bytes.view(np.uint64)[:] = data.reshape(-1)

    def load(self) -> NDArray[np.uint64]:
        return self.bytes.view(np.uint64)


SOURCE_GPU, SINK_GPU = 0, 1


def make_pool(workload: Workload, device: int) -> Pool | gpu.Memory:
    """In this process's host memory, or on that GPU, whose context it makes current."""
    if workload.memory == "host":
        return Pool(workload.pool_bytes)
    gpu.use(device)
    return gpu.Memory(workload.pool_bytes)


def arrived(workload: Workload, pool: Pool | gpu.Memory, source: Pages, sink: Pages) -> bool:
    """Whether those pages of the sink's pool hold what those of the source's do."""
    found = pool.load().reshape(-1, workload.page // 8)[sink]
    return bool(np.array_equal(found, workload.content(source)))


@dataclass
class Times:
    """Microseconds of each transfer, until the source and the target know that all is there."""

    total_us: list[float] = field(default_factory=list)
    target_us: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Options:
    """What a peer's command line says."""

    variants: list[str]
    pages: list[int]
    total: int
    iterations: int
    warmup: int
    seed: int
    memory: str

    def workloads(self) -> Iterator[Workload]:
        for page in self.pages:
            if page <= self.total:
                yield Workload(page, self.total, self.seed, self.memory)

    def measure_each(self, measure: Callable[[str, Workload, Options], None]) -> None:
        """Every variant at every size; one that fails says so and does not lose the others."""
        failed = False
        for workload in self.workloads():
            for variant in self.variants:
                try:
                    measure(variant, workload, self)
                except Exception as error:
                    what = f"{variant}, pages of {workload.page}: {type(error).__name__}: {error}"
                    print(what, file=sys.stderr, flush=True)
                    failed = True
        if failed:
            raise SystemExit(1)


def parse_options(description: str, variants: list[str]) -> Options:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--variants", default=",".join(variants))
    parser.add_argument("--pages", default="4096")
    parser.add_argument("--total", type=int, default=32 << 20)
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--warmup", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--memory", default="host", choices=("host", "cuda"))
    arguments = parser.parse_args()
    chosen = [name for name in arguments.variants.split(",") if name]
    unknown = set(chosen) - set(variants)
    if unknown:
        parser.error(f"--variants: expected some of {','.join(variants)}, got {unknown}")
    return Options(
        chosen,
        [int(page) for page in arguments.pages.split(",")],
        arguments.total,
        arguments.iterations,
        arguments.warmup,
        arguments.seed,
        arguments.memory,
    )


def machine() -> str:
    """As pegaflow-bench describes it."""
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    name = names[0] if names else "unknown processor"
    return f"{name}, {len(os.sched_getaffinity(0))} CPUs, Linux {platform.release()}"


def report(
    engine: str,
    version: str,
    variant: str,
    transport: str,
    workload: Workload,
    times: Times,
    verified: bool,
) -> None:
    """Prints a line like pegaflow-bench --samples."""

    def quantile(values: list[float], share: float) -> float:
        return float(np.quantile(values, share, method="inverted_cdf"))

    p50 = quantile(times.target_us, 0.5)
    line = {
        "engine": engine,
        "version": version,
        "variant": variant,
        "memory": workload.memory,
        "link": "peer",
        "transport": transport,
        "page": workload.page,
        "fragments": workload.fragments,
        "bytes": workload.total,
        "contiguous": workload.page,
        "iterations": len(times.target_us),
        "total_us_p50": quantile(times.total_us, 0.5),
        "total_us_p99": quantile(times.total_us, 0.99),
        "target_us_p50": p50,
        "target_us_p99": quantile(times.target_us, 0.99),
        "gbps": workload.total / p50 / 1e3,
        "us_per_fragment": p50 / workload.fragments,
        "verified": verified,
        "machine": machine(),
        "total_us": times.total_us,
        "target_us": times.target_us,
    }
    print(json.dumps(line), flush=True)


def libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
