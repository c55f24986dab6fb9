"""Things that are wrong when a process starts, and bytes that are wrong when it runs."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import Cluster, new_key, program, wait_for


@pytest.fixture
def direct(tmp_path: Path) -> Iterator[Cluster]:
    running = Cluster(tmp_path, "direct")
    try:
        yield running
    finally:
        running.close()
        print(running.logs())


def start_and_fail(cluster: Cluster, name: str = "prefill-0") -> str:
    """Runs an agent that must refuse to start; returns what it said."""
    command = [program("pegaflow-agent"), "--topology", str(cluster.topology_file), "--name", name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode != 0
    return done.stdout + done.stderr


def transfer_works(cluster: Cluster) -> None:
    source, sink = cluster.engine("prefill-0"), cluster.engine("decode-0")
    key = new_key()
    source.offer(key, 300)
    sink.receive(key, 300)
    assert sink.wait_end(key)["event"] == "done"
    assert sink.call("check", key) == 0
    cluster.wait_all_free()


def test_unknown_name_is_refused(direct: Cluster) -> None:
    assert "nobody" in start_and_fail(direct, "nobody")


def test_a_region_larger_than_memory_says_what_is_missing(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, "direct", slots=20_000, slot_bytes=4 << 20)
    said = start_and_fail(cluster)
    assert "staging" in said and "memory" in said, said


def test_a_region_too_small_for_a_chunk_is_refused(direct: Cluster) -> None:
    direct.topology["links"][0]["chunk_bytes"] = 1 << 20
    direct.topology_file.write_text(json.dumps(direct.topology))
    assert "/links/0/chunk_bytes" in start_and_fail(direct)


def test_a_second_agent_of_one_name_is_refused(direct: Cluster) -> None:
    direct.start()
    said = start_and_fail(direct)
    assert "prefill-0" in said, said
    transfer_works(direct)


def test_agents_link_and_transfer_without_the_rendezvous(direct: Cluster) -> None:
    direct.start_agent("prefill-0")
    direct.start_agent("decode-0")
    direct.wait_linked()
    transfer_works(direct)

    def complains() -> bool:
        """More than once, each time later."""
        log = (direct.folder / "prefill-0.log").read_text()
        pauses = re.findall(r"rendezvous: .*failed \((\d+) in a row\), next try in (\d+) ms", log)
        return len(pauses) >= 3 and int(pauses[0][1]) < int(pauses[-1][1])

    wait_for("it says that it tries again, less and less often", complains)
    direct.start_rendezvous()
    wait_for("both agents registered", lambda: len(direct.registered()) == 2)


def test_agents_with_different_topologies_do_not_link(direct: Cluster) -> None:
    direct.start_rendezvous()
    direct.start_agent("prefill-0")
    other = json.loads(json.dumps(direct.topology))
    other["links"][0]["window"] = 2
    direct.topology_file.write_text(json.dumps(other))
    direct.start_agent("decode-0")

    def refused() -> bool:
        log = (direct.folder / "decode-0.log").read_text()
        return "topology" in log and "hash" in log

    wait_for("the difference is logged", refused)
    assert not direct.linked()


def test_garbage_on_the_engines_socket_ends_that_session_alone(direct: Cluster) -> None:
    direct.start()
    path = str(direct.folder / "prefill-0.sock")
    for garbage in (b"", b"x", b"{}", os.urandom(1000), b"{" * 60000, b'{"hello": 1}'):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            client.settimeout(5)
            client.connect(path)
            if garbage:
                client.send(garbage)
    transfer_works(direct)


def test_garbage_on_the_link_port_ends_that_connection_alone(tmp_path: Path) -> None:
    tcp = Cluster(tmp_path, "tcp")
    try:
        tcp.start()
        check_garbage_on_link_port(tcp)
    finally:
        tcp.close()
        print(tcp.logs())


def check_garbage_on_link_port(cluster: Cluster) -> None:
    for garbage in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(5000), b"\xff" * 64):
        with socket.create_connection(("127.0.0.1", cluster.ports["p"]), timeout=5) as client:
            client.sendall(garbage)
    transfer_works(cluster)


def test_all_slots_taken_by_receives_that_wait(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, "direct", slots=8, window=4)
    try:
        cluster.start()
        source, sink = cluster.engine("prefill-0"), cluster.engine("decode-0")
        waiting = [new_key() for _ in range(30)]
        for key in waiting:
            sink.receive(key, 64, offer_wait_ms=3000)
        key = new_key()
        source.offer(key, 1000)
        sink.receive(key, 1000)
        assert sink.wait_end(key)["event"] == "done"
        for key in waiting:
            assert sink.wait_end(key)["reason"] == "offer_timeout"
        cluster.wait_all_free()
    finally:
        cluster.close()
        print(cluster.logs())
