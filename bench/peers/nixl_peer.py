"""NIXL between two processes of this host: WRITE of random pages, then a notification.

Timed: from posting a prepared request until the initiator's status is done, and until the target
has the notification. Not timed: registration, prepared descriptor lists, making the request.
"""

from __future__ import annotations

import importlib.metadata
import os
import time
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
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

# Environment, backend options, and whether NIXL's own progress thread runs.
VARIANTS: dict[str, tuple[dict[str, str], dict[str, str], bool]] = {
    "default": ({}, {}, True),
    "sgl": ({"NIXL_UCX_SGL_ENABLE": "1"}, {}, True),
    "no-progress-thread": ({}, {}, False),
    "threads": ({}, {"num_threads": "2"}, True),
    "shm": ({}, {"ucx_error_handling_mode": "none"}, True),
    "shm-no-progress-thread": ({}, {"ucx_error_handling_mode": "none"}, False),
    "shm-sgl": (
        {"NIXL_UCX_SGL_ENABLE": "1"},
        {"ucx_error_handling_mode": "none"},
        True,
    ),
    "tcp": ({"UCX_TLS": "tcp"}, {}, True),
    "tcp-no-progress-thread": ({"UCX_TLS": "tcp"}, {}, False),
    "tcp-sgl": ({"UCX_TLS": "tcp", "NIXL_UCX_SGL_ENABLE": "1"}, {}, True),
}
DEADLINE_S = 60.0


def make_agent(name: str, variant: str) -> Any:
    environment, backend, progress = VARIANTS[variant]
    os.environ.update(environment)
    os.environ.setdefault("NIXL_LOG_LEVEL", "ERROR")
    from nixl_cu13._api import nixl_agent, nixl_agent_config

    agent = nixl_agent(name, nixl_agent_config(enable_prog_thread=progress, backends=[]))
    agent.create_backend("UCX", backend)
    return agent


def kind(workload: Workload) -> str:
    return "DRAM" if workload.memory == "host" else "VRAM"


def page_list(agent: Any, address: int, device: int, workload: Workload) -> Any:
    rows = np.zeros((workload.pool_pages, 3), dtype=np.uint64)
    rows[:, 0] = address + np.arange(workload.pool_pages, dtype=np.uint64) * workload.page
    rows[:, 1] = workload.page
    rows[:, 2] = device if workload.memory == "cuda" else 0
    return agent.get_xfer_descs(rows, kind(workload))


def register(agent: Any, pool: Any, device: int, workload: Workload) -> None:
    place = device if workload.memory == "cuda" else 0
    agent.register_memory([(pool.address, pool.size, place, "")], kind(workload))


def wait_for_notification(agent: Any, message: bytes) -> int:
    """Polls, which is all that NIXL offers; gives way to the other processes of the machine."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        for messages in agent.get_new_notifs().values():
            if message in messages:
                return time.monotonic_ns()
        os.sched_yield()
    raise TimeoutError("no notification came")


def serve(pipe: Connection, variant: str, workload: Workload) -> None:
    """The target process."""
    pool = make_pool(workload, SINK_GPU)  # UCX looks for the GPU's context when it starts
    agent = make_agent("target", variant)
    register(agent, pool, SINK_GPU, workload)
    pipe.send((agent.get_agent_metadata(), pool.address))
    agent.add_remote_agent(pipe.recv())
    source, own = workload.picks(0), workload.picks(1)
    last: tuple[Pages, Pages] | None = None
    number = 0
    while (command := pipe.recv()) != "quit":
        if command == "expect":
            last = (next(source), next(own))
            pipe.send("ready")
            pipe.send(wait_for_notification(agent, b"transfer-%d" % number))
            number += 1
        elif command == "clear":
            pool.clear()
            pipe.send("cleared")
        elif command == "check":
            assert last is not None
            pipe.send(arrived(workload, pool, *last))


class Initiator(Driver):
    """P's side."""

    def __init__(self, variant: str, workload: Workload) -> None:
        super().__init__(serve, variant, workload)
        self._pool = make_pool(workload, SOURCE_GPU)
        self._pool.store(workload.content())
        self._agent = make_agent("initiator", variant)
        register(self._agent, self._pool, SOURCE_GPU, workload)
        metadata, address = self.hear("its metadata")
        self._peer = self._agent.add_remote_agent(metadata)
        self._pipe.send(self._agent.get_agent_metadata())
        own_list = page_list(self._agent, self._pool.address, SOURCE_GPU, workload)
        peer_list = page_list(self._agent, address, SINK_GPU, workload)
        self._own = self._agent.prep_xfer_dlist("NIXL_INIT_AGENT", own_list)
        self._peers = self._agent.prep_xfer_dlist(self._peer, peer_list)
        self._source, self._sink = workload.picks(0), workload.picks(1)
        self._number = 0

    def transfer(self, times: Times | None) -> str:
        agent = self._agent
        request = agent.make_prepped_xfer(
            "WRITE",
            self._own,
            next(self._source),
            self._peers,
            next(self._sink),
            b"transfer-%d" % self._number,
        )
        self._number += 1
        self.ask("expect")
        started = time.monotonic_ns()
        state = agent.transfer(request)
        while state == "PROC":
            state = agent.check_xfer_state(request)
        ended = time.monotonic_ns()
        if state != "DONE":
            raise RuntimeError(f"a transfer ended {state}")
        while not self._pipe.poll(0):  # the notification, too, may need this side's progress
            agent.get_new_notifs()
            os.sched_yield()
        seen = self.hear("the notification")
        agent.release_xfer_handle(request)
        if times is not None:
            times.total_us.append((ended - started) / 1e3)
            times.target_us.append((seen - started) / 1e3)
        return "check"


def measure(variant: str, workload: Workload, options: Options) -> None:
    times, right = Initiator(variant, workload).run(options.iterations, options.warmup)
    version = importlib.metadata.version("nixl-cu13")
    transport = "tcp" if variant.startswith("tcp") else "ucx"
    report("nixl", version, variant, transport, workload, times, right)
    os._exit(0)  # some variants crash when they are taken down; all was measured


def main() -> None:
    options = parse_options(str(__doc__), list(VARIANTS))
    # A process for each: settings are read once, from the environment.
    options.measure_each(partial(isolated, measure))


if __name__ == "__main__":
    main()
