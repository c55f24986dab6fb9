"""The whole service over RDMA: two hosts (namespaces, TCP between them) with a device each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.cluster import Cluster, Json, new_key, wait_for
from tests.support.namespaces import Namespace, two_namespaces

DEVICES = os.environ.get("PEGAFLOW_TEST_RDMA_DEVICES", "")
NODES = ("prefill-0", "decode-0")
NEEDS_RDMA: Json = {"path": "ucx", "transports": ["rc_verbs"]}
PATIENCE = 60.0  # seconds; the machine is emulated

pytestmark = pytest.mark.skipif(DEVICES == "", reason="needs PEGAFLOW_TEST_RDMA_DEVICES")


@pytest.fixture(scope="module")
def hosts() -> Iterator[dict[str, Namespace]]:
    with two_namespaces("10.9.1.11", "10.9.1.12") as spaces:
        yield dict(zip(NODES, spaces))


def over_rdma(folder: Path, hosts: dict[str, Namespace], **options: Any) -> Cluster:
    """A deployment whose agents use one RDMA device each."""
    ucx = {
        node: {"tls": "rc_verbs,ud_verbs", "net_devices": device}
        for node, device in zip(NODES, DEVICES.split(","))
    }
    return Cluster(folder, NEEDS_RDMA, hosts=hosts, **{"ucx": ucx, **options})


@pytest.fixture(scope="module")
def cluster(
    hosts: dict[str, Namespace], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    running = over_rdma(tmp_path_factory.mktemp("rdma"), hosts)
    try:
        running.start()
        yield running
    finally:
        running.close()
        print(running.logs())


@pytest.fixture(autouse=True)
def no_engine_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Engines end with their test; the agents have noticed before the next one starts."""
    yield
    if "cluster" not in request.fixturenames:
        return
    running: Cluster = request.getfixturevalue("cluster")
    for engine in running.engines:
        engine.close()
    running.engines.clear()
    for node in NODES:
        wait_for("no session is left", lambda node=node: no_session(running, node), PATIENCE)


def no_session(running: Cluster, node: str) -> bool:
    status = running.status(node)
    return status is not None and not status["sessions"]


def test_the_link_report_says_rc_verbs(cluster: Cluster) -> None:
    for node in NODES:
        status = cluster.status(node)
        assert status is not None
        (link,) = status["links"]
        assert link["transport"] == "rc_verbs", link


def test_layers_travel_between_different_layouts(cluster: Cluster) -> None:
    source = cluster.engine("prefill-0", block_tokens=16, style="hnd")
    sink = cluster.engine("decode-0", block_tokens=32, style="nhd")
    tokens = 500
    for first_layers in (1, 2, 3):
        key = new_key()
        source.offer(key, tokens, ready=first_layers)
        sink.receive(key, tokens)
        assert source.call("ready", key, layers=4) is True
        assert sink.wait_end(key, deadline=PATIENCE)["event"] == "done"
        assert sink.call("check", key) == 0
        assert source.wait_end(key, receive=False, deadline=PATIENCE)["event"] == "done"
        source.call("free", key)
        sink.call("free", key)
    cluster.wait_all_free()


def test_a_killed_source_agent_is_noticed_and_its_successor_serves(cluster: Cluster) -> None:
    """UCX alone says nothing about a death on rc; the link socket does."""
    source, sink = cluster.engine("prefill-0"), cluster.engine("decode-0")
    key = new_key()
    source.offer(key, 500, ready=2)
    sink.receive(key, 500)
    wait_for("the offer was found", lambda: sink_is_waiting(cluster, key), PATIENCE)
    cluster.agent("prefill-0").kill()
    end = sink.wait_end(key, deadline=PATIENCE)
    assert (end["event"], end["reason"]) == ("failed", "link_lost"), end
    cluster.start_agent("prefill-0")
    cluster.wait_linked(PATIENCE)
    source, key = cluster.engine("prefill-0"), new_key()
    source.offer(key, 500)
    sink.receive(key, 500)
    assert sink.wait_end(key, deadline=PATIENCE)["event"] == "done"
    assert sink.call("check", key) == 0
    cluster.wait_all_free()


def sink_is_waiting(cluster: Cluster, key: str) -> bool:
    status = cluster.status("decode-0")
    return status is not None and any(
        t["key"] == key and t["chunks_done"] > 0 for t in status["transfers"]
    )


def test_a_topology_that_requires_rdma_refuses_tcp(
    hosts: dict[str, Namespace], tmp_path: Path
) -> None:
    tcp = {node: {"tls": "tcp", "net_devices": "eth0"} for node in NODES}
    running = over_rdma(tmp_path, hosts, ucx=tcp)
    try:
        running.start_rendezvous()
        for node in NODES:
            running.start_agent(node)

        def refused() -> str:
            status = running.status("decode-0")
            links = status["links"] if status else []
            return links[0]["reason"] if links and links[0]["state"] == "refused" else ""

        reason = wait_for("the link is refused", refused, PATIENCE)
        assert "tcp" in reason and "rc_verbs" in reason, reason
        sink, key = running.engine("decode-0"), new_key()
        sink.receive(key, 100, offer_wait_ms=500)
        assert sink.wait_end(key, deadline=PATIENCE)["event"] == "failed"
    finally:
        running.close()
        print(running.logs())
