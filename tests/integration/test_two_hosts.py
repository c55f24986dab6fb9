"""The README's two hosts, as two network namespaces: its own commands, then a transfer."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import DEADLINE, Engine, bin_dir, new_key, program, wait_for
from tests.support.namespaces import Namespace, may_make_namespaces, two_namespaces

ROOT = Path(__file__).resolve().parents[2]
HOSTS = {"host-a": "10.0.0.11", "host-b": "10.0.0.12"}
FENCE = re.compile(r"^```sh (host-[ab])( background)?\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, bool, str]]:
    """(host, in the background, commands) of the README, in order."""
    text = (ROOT / "README.md").read_text()
    return [(host, bool(background), body) for host, background, body in FENCE.findall(text)]


@pytest.fixture
def hosts() -> Iterator[dict[str, Namespace]]:
    """Two namespaces joined by a veth pair; host name → namespace."""
    if not may_make_namespaces():
        pytest.skip("needs CAP_NET_ADMIN (root) and iproute2 to make network namespaces")
    with two_namespaces(*HOSTS.values()) as spaces:
        yield dict(zip(HOSTS, spaces))


def here(commands: str) -> str:
    """The README's commands with the programs of this build."""
    return re.sub(r"build/release/tools/[\w-]+/([\w-]+)", lambda m: program(m[1]), commands)


def in_host(space: Namespace, commands: str) -> list[str]:
    return space.command(["bash", "-euo", "pipefail", "-c", here(commands)])


def test_the_readmes_commands_link_two_hosts_and_bytes_arrive(
    hosts: dict[str, Namespace], tmp_path: Path
) -> None:
    assert bin_dir().is_dir()
    Path("/run/pegaflow").mkdir(exist_ok=True)
    running: list[subprocess.Popen[bytes]] = []
    engines: list[Engine] = []
    log = (tmp_path / "log").open("ab")
    try:
        for host, background, commands in blocks():
            if background:
                command = in_host(hosts[host], "exec " + commands)
                running.append(subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log))
        assert len(running) == 3
        for host, background, commands in blocks():
            if background:
                continue

            def works(host: str = host, commands: str = commands) -> bool:
                done = subprocess.run(
                    in_host(hosts[host], commands), cwd=ROOT, capture_output=True, check=False
                )
                print(done.stdout.decode(), done.stderr.decode())
                return done.returncode == 0

            wait_for("status and probe are well", works, deadline=40)
        transfer(engines, tmp_path)
    finally:
        for engine in engines:
            engine.close()
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait(DEADLINE)
        log.close()
        print((tmp_path / "log").read_text())


def transfer(engines: list[Engine], folder: Path) -> None:
    common = {"layers": 4, "heads": 4, "head_bytes": 64, "block_tokens": 16, "n_blocks": 256}
    for instance in ("prefill", "decode"):
        config = {**common, "instance": instance, "socket": f"/run/pegaflow/{instance}-0.sock"}
        engines.append(Engine(config, folder / f"{instance}.log"))
    source, sink = engines
    key = new_key()
    source.offer(key, 2000)
    sink.receive(key, 2000)
    assert sink.wait_end(key)["event"] == "done"
    assert sink.call("check", key) == 0
