"""Tests of the programs' files and HTTP; programs from $PEGAFLOW_BIN_DIR or build/dev."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from cluster import ROOT, Process, free_port, http_json, program, wait_for  # noqa: E402


class Rendezvous:
    """A running pegaflow-rendezvous over the example topology of one host."""

    def __init__(self, folder: Path) -> None:
        self.topology = json.loads((ROOT / "config" / "one_host.json").read_text())
        self.url = f"http://127.0.0.1:{free_port()}"
        self.topology["rendezvous"] = self.url
        self.file = folder / "topology.json"
        self.file.write_text(json.dumps(self.topology))
        command = [program("pegaflow-rendezvous"), "--topology", str(self.file)]
        self.process = Process("rendezvous", command, folder / "rendezvous.log")
        wait_for("the service answers", lambda: http_json(f"{self.url}/healthz"))


@pytest.fixture(scope="module")
def rendezvous(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rendezvous]:
    service = Rendezvous(tmp_path_factory.mktemp("rendezvous"))
    yield service
    service.process.popen.terminate()
    assert service.process.popen.wait(timeout=20) == 0, service.process.log.read_text()
