"""Faults, and what undoes them."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

from tests.faults.cases import NETWORK, NODE_OF, SINK_ENGINE, SOURCE_ENGINE, Case
from tests.faults.phases import Transfer
from tests.support.cluster import Cluster, Engine
from tests.support.namespaces import Namespace


class EngineFault:
    """An engine process dies, or stands still."""

    def __init__(self, case: Case, transfer: Transfer) -> None:
        self.case = case
        self.transfer = transfer
        self.engine = transfer.source if case.victim == SOURCE_ENGINE else transfer.sink
        self.successor: Engine | None = None

    def inject(self) -> None:
        if self.case.fault == "stop":
            self.engine.stop()
            return
        self.engine.kill()

    def follow(self) -> None:
        """The successor comes at once, perhaps before anybody knows of the death."""
        if self.case.fault == "restart":
            self._start_successor()

    def _start_successor(self) -> None:
        node = "prefill-0" if self.case.victim == SOURCE_ENGINE else "decode-0"
        self.successor = self.transfer.cluster.engine(node, n_blocks=300)

    def undo(self) -> None:
        if self.case.fault == "stop":
            self.engine.resume()
        elif self.successor is None:
            self._start_successor()


class ProcessFault:
    """An agent or the rendezvous service dies, or stands still."""

    def __init__(self, case: Case, cluster: Cluster) -> None:
        self.case = case
        self.cluster = cluster
        self.name = NODE_OF[case.victim]

    def inject(self) -> None:
        process = self.cluster.agent(self.name)
        if self.case.fault == "stop":
            process.send(signal.SIGSTOP)
            return
        process.kill()

    def follow(self) -> None:
        """The successor comes at once, perhaps before anybody knows of the death."""
        if self.case.fault == "restart":
            self._start()

    def _start(self) -> None:
        self.cluster.agent(self.name).close()
        if self.name == "rendezvous":
            self.cluster.start_rendezvous()
        else:
            self.cluster.start_agent(self.name)

    def undo(self) -> None:
        if self.case.fault == "stop":
            self.cluster.agent(self.name).send(signal.SIGCONT)
        elif self.case.fault == "kill":
            self._start()


RDMA_CABLE = ("rdma0", "rdma1")  # what the RDMA devices are made of (tests/rdma/in_vm.sh)
NOBODY = "02:00:00:00:00:01"


class NetworkFault:
    """The cable between the two hosts is pulled, or packets vanish; or that of RDMA alone."""

    def __init__(self, case: Case, hosts: tuple[Namespace, Namespace]) -> None:
        self.case = case
        self.hosts = hosts
        self.injected = False

    def _routes(self, verb: str) -> None:
        left, right = self.hosts
        left.ip("route", verb, "blackhole", f"{right.address}/32")
        right.ip("route", verb, "blackhole", f"{left.address}/32")

    def _rdma(self, arrives: bool) -> None:
        """Whether packets reach the other device; the devices themselves stay as they are."""
        for own, peer in (RDMA_CABLE, RDMA_CABLE[::-1]):
            show = ["ip", "-6", "-json", "address", "show", "dev", peer, "scope", "link"]
            shown = json.loads(subprocess.run(show, check=True, capture_output=True).stdout)
            address = shown[0]["addr_info"][0]["local"]
            mac = Path(f"/sys/class/net/{peer}/address").read_text().strip() if arrives else NOBODY
            neighbour = [address, "lladdr", mac, "dev", own, "nud", "permanent"]
            subprocess.run(["ip", "-6", "neigh", "replace", *neighbour], check=True)

    def inject(self) -> None:
        self.injected = True
        if self.case.fault == "rdma-cut":
            self._rdma(arrives=False)
        elif self.case.fault == "cut":
            self.hosts[1].ip("link", "set", "eth0", "down")
        else:
            self._routes("add")

    def follow(self) -> None:
        """Nothing follows a cut."""

    def undo(self) -> None:
        self.injected = False
        if self.case.fault == "rdma-cut":
            self._rdma(arrives=True)
        elif self.case.fault == "cut":
            self.hosts[1].ip("link", "set", "eth0", "up")
        else:
            self._routes("del")


def fault_of(
    case: Case, transfer: Transfer, hosts: tuple[Namespace, Namespace] | None
) -> EngineFault | ProcessFault | NetworkFault:
    """What to do to whom in this case."""
    if case.victim in (SOURCE_ENGINE, SINK_ENGINE):
        return EngineFault(case, transfer)
    if case.victim == NETWORK:
        assert hosts is not None
        return NetworkFault(case, hosts)
    return ProcessFault(case, transfer.cluster)
