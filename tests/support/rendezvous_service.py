"""A running rendezvous service, for tests of its HTTP API."""

from __future__ import annotations

import json
from pathlib import Path

from cluster import ROOT, Process, free_port, http_json, program, wait_for


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
