"""A real prefill/decode deployment: rendezvous, two agents, two vLLM servers, pegaflow-proxy.

Servers run on the CPU, with one OpenMP thread each and without vLLM's worker process: with the
defaults their spinning threads fight over the cores of a small machine.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.cluster import ROOT, Cluster, Process, free_port, http_json, wait_for

STARTED = 600.0  # seconds for a server: half a minute, ten times that on a crowded machine
ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_LOGGING_LEVEL": "INFO",
}
MODEL_NAME = "tiny"
CONTEXT = 4096
LOADED = "vllm:pegaflow_load_bytes_total"
FAILED = "vllm:pegaflow_load_failures_total"
Json = dict[str, Any]
NODES = {"prefill": "prefill-0", "decode": "decode-0"}  # node by instance


class Server:
    """A `vllm serve` process; its children end with it."""

    def __init__(
        self,
        name: str,
        port: int,
        model: Path,
        log: Path,
        transfer: Json,
        options: list[str],
        ranks: int = 1,
    ) -> None:
        self.name = name
        self.url = f"http://127.0.0.1:{port}"
        command = [str(Path(sys.executable).with_name("vllm")), "serve", str(model)]
        command += ["--served-model-name", MODEL_NAME, "--host", "127.0.0.1", "--port", str(port)]
        command += ["--enforce-eager", "--dtype", "float32", "--max-model-len", str(CONTEXT)]
        command += ["--block-size", "32", "--kv-transfer-config", json.dumps(transfer), *options]
        here = {"PYTHONPATH": os.pathsep.join([str(ROOT), *_path()])}
        if ranks > 1:
            command += ["--tensor-parallel-size", str(ranks)]
        cores = sorted(os.sched_getaffinity(0))
        first = list(NODES).index(name)
        own = [str(cores[(first + rank) % len(cores)]) for rank in range(ranks)]
        core = {"VLLM_CPU_OMP_THREADS_BIND": "|".join(own)}
        self.process = Process(
            name, command, log, env=os.environ | ENVIRONMENT | core | here, start_new_session=True
        )

    def answers(self) -> bool:
        return http_json(self.url + "/health") is not None

    def wait_ready(self) -> None:
        """Until it answers; fails with the end of its log when it died."""
        wait_for(f"{self.name} serves", lambda: self.answers() or not self.process.alive(), STARTED)
        text = self.process.log.read_text(errors="replace")
        assert self.process.alive(), f"{self.name} ended:\n{text[-3000:]}"

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels; 0 where it is not told."""
        lines = str(http_json(self.url + "/metrics")).splitlines()
        found = [line for line in lines if line.split("{")[0] == name]
        return sum(float(line.rsplit(" ", 1)[1]) for line in found)

    def kill(self) -> None:
        """The whole process group, at once."""
        try:
            os.killpg(self.process.popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.popen.wait(30)

    def close(self) -> None:
        self.kill()
        self.process.close()


def _path() -> list[str]:
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


class Deployment:
    """Everything, started at once; tests kill parts of it and `mend` it."""

    def __init__(
        self, folder: Path, model: Path, options: Sequence[str] = (), ranks: int = 1
    ) -> None:
        self.folder = folder
        self.model = model
        self.server_options = list(options)
        self.ranks = ranks  # of each engine, tensor parallel
        # Small slots and windows would be slower, not other.
        self.cluster = Cluster(folder, "direct", slots=32, slot_bytes=1 << 20, window=8)
        self.servers: dict[str, Server] = {}
        self.starts = 0
        self.ports = {name: free_port() for name in (*NODES, "proxy")}
        self.proxy_url = f"http://127.0.0.1:{self.ports['proxy']}"
        self.proxy: Process | None = None

    def start(self) -> None:
        self.cluster.start()
        self.mend()

    def transfer(self, instance: str, **changes: Any) -> Json:
        """vLLM's --kv-transfer-config."""
        extra = {"socket": str(self.folder / f"{NODES[instance]}.sock"), "instance": instance}
        return {
            "kv_connector": "PegaPdConnector",
            "kv_connector_module_path": "pegaflow.vllm",
            "kv_role": "kv_both",
            "kv_connector_extra_config": extra,
            **changes,
        }

    def start_server(self, instance: str, **changes: Any) -> Server:
        self.starts += 1
        log = self.folder / f"vllm-{instance}-{self.starts}.log"
        transfer = self.transfer(instance, **changes)
        self.servers[instance] = Server(
            instance,
            self.ports[instance],
            self.model,
            log,
            transfer,
            self.server_options,
            self.ranks,
        )
        return self.servers[instance]

    def start_proxy(self) -> Process:
        command = [sys.executable, "-m", "pegaflow.proxy.main", "--port", str(self.ports["proxy"])]
        command += ["--topology", str(self.cluster.topology_file)]
        for instance, node in NODES.items():
            url = f"http://127.0.0.1:{self.ports[instance]}"
            command += ["--engine", f"{node}/{instance}={url}"]
        self.proxy = Process("proxy", command, self.folder / "proxy.log", env=os.environ.copy())
        return self.proxy

    def mend(self) -> None:
        """Starts what is not running, and waits until all of it works together."""
        if not self.cluster.processes["rendezvous"].alive():
            self.cluster.start_rendezvous()
        for node in NODES.values():
            if not self.cluster.agent(node).alive():
                self.cluster.start_agent(node)
        self.cluster.wait_linked()
        for instance in NODES:
            server = self.servers.get(instance)
            if server is None or not server.process.alive():
                self.start_server(instance)
        if self.proxy is None or not self.proxy.alive():
            self.start_proxy()
        for server in self.servers.values():
            server.wait_ready()
        wait_for("the proxy knows all engines", self._complete)
        wait_for("all engines have their agent", self._connected)

    def _complete(self) -> bool:
        health = http_json(self.proxy_url + "/health")
        return bool(health) and all(health["engines"].values())

    def _connected(self) -> bool:
        """The workers and the scheduler of each engine have a session with their agent."""
        for node in NODES.values():
            status = self.cluster.status(node)
            kinds = sorted(session["kind"] for session in status["sessions"]) if status else []
            if kinds != ["control", *["worker"] * self.ranks]:
                # vLLM's connector looks for its agent whenever the engine steps.
                self.nudge()
                return False
        return True

    def nudge(self) -> None:
        """A plain request at each engine, so that it steps."""
        for server in self.servers.values():
            post(server.url, {"prompt": [5, 6, 7], "max_tokens": 1})

    def status(self, instance: str) -> Json:
        status = self.cluster.status(NODES[instance])
        assert status is not None, f"the agent of {instance} does not answer"
        return status

    def close(self) -> None:
        for server in self.servers.values():
            server.close()
        if self.proxy is not None:
            self.proxy.close()
        self.cluster.close()

    def logs(self) -> str:
        return self.cluster.logs()


@contextmanager
def deployed(folder: Path, model: Path, *args: Any, **more: Any) -> Iterator[Deployment]:
    """A deployment that works, for as long as it is used; its agents' logs are printed then."""
    made = Deployment(folder, model, *args, **more)
    try:
        made.start()
        yield made
    finally:
        made.close()
        print(made.logs())


def post(url: str, body: Json, path: str = "/v1/completions", timeout: float = 120.0) -> Json:
    """The answer's JSON; raises HTTPError for what is not 200."""
    data = json.dumps({"model": MODEL_NAME, "temperature": 0, **body}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url + path, data, headers)
    with urllib.request.urlopen(request, timeout=timeout) as response:
        answer: Json = json.load(response)
        return answer
