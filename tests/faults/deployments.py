"""Deployments that live through many faults, and the proof that each left nothing behind."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import ExitStack
from typing import Any

import pytest

from tests.faults.cases import NETWORK, Case
from tests.faults.resources import held_by, more_than
from tests.support.cluster import SHARED_MEMORY, Cluster, Engine, Json, new_key, wait_for
from tests.support.namespaces import Namespace, may_make_namespaces, two_namespaces

PROGRAMS = ("rendezvous", "prefill-0", "decode-0")
# An abandoned long poll keeps its connection to the rendezvous until its 20 s are over.
SETTLE_SECONDS = 45.0
RDMA_DEVICES = os.environ.get("PEGAFLOW_TEST_RDMA_DEVICES", "")  # one for each host
DEADLINES = {"scatter_ms": 3000, "progress_ms": 3000}
KINDS: dict[str, tuple[str | Json, Json]] = {
    "direct": ("direct", {}),
    "agent": ("agent", {}),
    "tcp": ("tcp", {}),
    "hosts": ("tcp", {"tls": "tcp", "net_devices": "eth0"}),
    "rc_verbs": ({"path": "ucx", "transports": ["rc_verbs"]}, {"tls": "rc_verbs,ud_verbs"}),
    "shm": (SHARED_MEMORY, {"tls": "posix,sysv,cma,tcp"}),
}


ON_TWO_HOSTS = ("hosts", "rc_verbs")


class Running:
    """A cluster, and what its programs held when nothing had happened yet."""

    def __init__(self, cluster: Cluster, spaces: tuple[Namespace, Namespace] | None) -> None:
        self.cluster = cluster
        self.spaces = spaces
        self.transfer(cluster.engine("prefill-0"), cluster.engine("decode-0"))
        self.end_engines()
        self.before = {name: held_by(cluster.agent(name).popen.pid) for name in PROGRAMS}
        status = cluster.status("prefill-0")
        assert status is not None
        self.ucx: str = status["ucx"]  # its version

    def transfer(self, source: Engine, sink: Engine) -> None:
        """A transfer that must work; its bytes are compared."""
        self.cluster.wait_linked()
        key = new_key()
        source.offer(key, 300)
        sink.receive(key, 300)
        end = sink.wait_end(key)
        assert end["event"] == "done", end
        assert sink.call("check", key) == 0
        assert source.wait_end(key, receive=False)["event"] == "done"

    def end_engines(self) -> None:
        """No engine is left, and the agents know."""
        for engine in self.cluster.engines:
            engine.close()
        self.cluster.engines.clear()
        self.cluster.wait_all_free()
        for node in PROGRAMS[1:]:
            wait_for("no session is left", lambda node=node: self._sessions(node) == 0)

    def _sessions(self, node: str) -> int:
        status = self.cluster.status(node)
        return len(status["sessions"]) if status else -1

    def settle(self) -> None:
        """Ends the engines; then every program must hold no more than it did at first."""
        self.end_engines()
        for name in PROGRAMS:
            pid = self.cluster.agent(name).popen.pid

            def back(name: str = name, pid: int = pid) -> bool:
                return not more_than(held_by(pid), self.before[name])

            try:
                wait_for(f"{name} holds no more than before", back, SETTLE_SECONDS)
            except TimeoutError as error:
                now: Counter[str] = held_by(pid)
                raise AssertionError(f"{error}: {more_than(now, self.before[name])}") from None


class Deployments:
    """At most one running cluster of each kind."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self.folders = folders
        self.all: dict[str, Running] = {}
        self.stacks: dict[str, ExitStack] = {}

    def __enter__(self) -> Deployments:
        return self

    def __exit__(self, *_: Any) -> None:
        for stack in self.stacks.values():
            stack.close()

    def running(self, case: Case) -> Running:
        """The deployment on which this case runs, started when it is not there."""
        kind = "hosts" if case.victim == NETWORK and case.link == "tcp" else case.link
        if kind in ON_TWO_HOSTS and not may_make_namespaces():
            pytest.skip("needs CAP_NET_ADMIN (root) and iproute2 to make network namespaces")
        if kind not in self.all:
            self.all[kind] = self._start(kind)
        return self.all[kind]

    def _start(self, kind: str) -> Running:
        link, ucx = KINDS[kind]
        options: Json = {"deadlines": DEADLINES}
        if ucx:
            options["ucx"] = {node: ucx for node in PROGRAMS[1:]}
        spaces = None
        stack = self.stacks[kind] = ExitStack()
        if kind == "rc_verbs":
            devices = zip(PROGRAMS[1:], RDMA_DEVICES.split(","))
            options["ucx"] = {node: {**ucx, "net_devices": device} for node, device in devices}
        if kind in ON_TWO_HOSTS:
            spaces = stack.enter_context(two_namespaces("10.9.2.11", "10.9.2.12"))
            options["hosts"] = dict(zip(PROGRAMS[1:], spaces))
        cluster = Cluster(self.folders.mktemp(kind), link, **options)
        stack.callback(cluster.close)
        cluster.start()
        return Running(cluster, spaces)

    def discard(self, running: Running) -> None:
        """A case failed on it: the next one gets a fresh deployment."""
        for kind, known in list(self.all.items()):
            if known is running:
                del self.all[kind]
                self.stacks.pop(kind).close()
