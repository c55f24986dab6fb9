"""Mooncake's transfer engine over tcp between two processes of this host.

Timed: from the first call until the last has returned: what the initiator knows. The engine tells
the target nothing, so the target's time is taken to be the same.
"""

from __future__ import annotations

import importlib.metadata
import time
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from workload import Driver, Options, Pages, Pool, Times, Workload, parse_options, report

PAGES_PER_CALL = 1024


def make_engine() -> Any:
    from mooncake.engine import TransferEngine

    engine = TransferEngine()
    if engine.initialize("127.0.0.1", "P2PHANDSHAKE", "tcp", "") != 0:
        raise RuntimeError("the engine did not start")
    return engine


def register(engine: Any, pool: Pool) -> None:
    if engine.register_memory(pool.address, pool.size) != 0:
        raise RuntimeError("memory was not registered")


def serve(pipe: Connection, workload: Workload) -> None:
    """The target process: its engine does all; it compares at the end."""
    engine = make_engine()
    pool = Pool(workload.pool_bytes)
    register(engine, pool)
    pipe.send((f"127.0.0.1:{engine.get_rpc_port()}", pool.address))
    while (command := pipe.recv()) != "quit":
        if command == "clear":
            pool.bytes[:] = 0
            pipe.send("cleared")
        else:
            source, own = command
            wanted = workload.content()[source]
            pipe.send(bool(np.array_equal(pool.words(workload.page)[own], wanted)))


class Initiator(Driver):
    """P's side."""

    def __init__(self, workload: Workload) -> None:
        super().__init__(serve, workload)
        self._workload = workload
        self._engine = make_engine()
        self._pool = Pool(workload.pool_bytes)
        self._pool.words(workload.page)[:] = workload.content()
        register(self._engine, self._pool)
        self._target, self._address = self._pipe.recv()
        self._source, self._sink = workload.picks(0), workload.picks(1)

    def transfer(self, times: Times | None) -> tuple[Pages, Pages]:
        page = self._workload.page
        source, sink = next(self._source), next(self._sink)
        calls = []
        for first in range(0, len(source), PAGES_PER_CALL):
            part = slice(first, first + PAGES_PER_CALL)
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


def main() -> None:
    options: Options = parse_options(str(__doc__), ["tcp"])
    version = importlib.metadata.version("mooncake-transfer-engine-non-cuda")
    for workload in options.workloads():
        times, right = Initiator(workload).run(options.iterations, options.warmup)
        report("mooncake", version, "tcp", "tcp", workload, times, right)


if __name__ == "__main__":
    main()
