"""Mooncake's transfer engine between two processes of this host: tcp, or NVLink between GPUs.

Timed: from the first call until the last has returned: what the initiator knows. The engine tells
the target nothing, so the target's time is taken to be the same.

tcp needs the wheel mooncake-transfer-engine-non-cuda and host memory; nvlink_intra the wheel
mooncake-transfer-engine-cuda13 and --memory cuda. Both wheels bring the same module: one of them
is installed.
"""

from __future__ import annotations

import importlib.metadata
import os
import time
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from driver import Driver, isolated
from workload import (
    SINK_GPU,
    SOURCE_GPU,
    Options,
    Pages,
    Times,
    Workload,
    arrived,
    make_pool,
    parse_options,
    report,
)


@dataclass(frozen=True)
class Variant:
    """How the engine is asked for a transport, and how many pages a call gets."""

    protocol: str
    package: str
    memory: str
    pages_per_call: int | None = None  # none: all of a transfer
    environment: dict[str, str] = field(default_factory=dict)


# The transport is chosen by the environment, the protocol's name only chooses an allocator.
NVLINK = Variant(
    "nvlink_intra",
    "mooncake-transfer-engine-cuda13",
    "cuda",
    environment={"MC_INTRANODE_NVLINK": "1"},
)
VARIANTS = {
    "tcp": Variant("tcp", "mooncake-transfer-engine-non-cuda", "host", 1024),
    "nvlink_intra": NVLINK,
    "nvlink_intra-1024": replace(NVLINK, pages_per_call=1024),
}


def make_engine(variant: Variant) -> Any:
    os.environ.update(variant.environment)
    os.environ.setdefault("MC_LOG_LEVEL", "WARNING")
    from mooncake import engine as module

    # Without it the engine would take another transport and say so only in its log.
    if variant.protocol == "nvlink_intra" and not module.SUPPORT_INTRA_NVLINK:
        raise RuntimeError(f"expected {variant.package}, got an engine without nvlink_intra")
    engine = module.TransferEngine()
    if engine.initialize("127.0.0.1", "P2PHANDSHAKE", variant.protocol, "") != 0:
        raise RuntimeError("the engine did not start")
    return engine


def register(engine: Any, pool: Any) -> None:
    if engine.register_memory(pool.address, pool.size) != 0:
        raise RuntimeError("memory was not registered")


def serve(pipe: Connection, variant: Variant, workload: Workload) -> None:
    """The target process: its engine does all; it compares at the end."""
    engine = make_engine(variant)
    pool = make_pool(workload, SINK_GPU)  # leaves its GPU current, as registering needs
    register(engine, pool)
    pipe.send((f"127.0.0.1:{engine.get_rpc_port()}", pool.address))
    while (command := pipe.recv()) != "quit":
        if command == "clear":
            pool.clear()
            pipe.send("cleared")
        else:
            pipe.send(arrived(workload, pool, *command))


class Initiator(Driver):
    """P's side."""

    def __init__(self, variant: Variant, workload: Workload) -> None:
        super().__init__(serve, variant, workload)
        self._workload = workload
        self._pages_per_call = variant.pages_per_call or workload.fragments
        self._engine = make_engine(variant)
        self._pool = make_pool(workload, SOURCE_GPU)
        self._pool.store(workload.content())
        register(self._engine, self._pool)
        self._target, self._address = self.hear("its address")
        self._source, self._sink = workload.picks(0), workload.picks(1)

    def transfer(self, times: Times | None) -> tuple[Pages, Pages]:
        page, step = self._workload.page, self._pages_per_call
        source, sink = next(self._source), next(self._sink)
        calls = []
        for first in range(0, len(source), step):
            part = slice(first, first + step)
            own = [self._pool.address + int(i) * page for i in source[part]]
            peer = [self._address + int(i) * page for i in sink[part]]
            calls.append((own, peer, [page] * len(own)))
        started = time.monotonic_ns()
        for own, peer, lengths in calls:
            if self._engine.batch_transfer_sync_write(self._target, own, peer, lengths) != 0:
                raise RuntimeError("a transfer failed")
        took_us = (time.monotonic_ns() - started) / 1e3
        if times is not None:
            times.total_us.append(took_us)
            times.target_us.append(took_us)
        return source, sink


def measure(name: str, workload: Workload, options: Options) -> None:
    variant = VARIANTS[name]
    if workload.memory != variant.memory:
        raise RuntimeError(f"expected --memory {variant.memory}, got {workload.memory}")
    initiator = Initiator(variant, workload)  # taken down after the report only
    times, right = initiator.run(options.iterations, options.warmup)
    version = importlib.metadata.version(variant.package)
    report("mooncake", version, name, variant.protocol, workload, times, right)


def main() -> None:
    options = parse_options(str(__doc__), list(VARIANTS))
    options.measure_each(partial(isolated, measure))


if __name__ == "__main__":
    main()
