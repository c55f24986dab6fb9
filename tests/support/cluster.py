"""A whole deployment on this machine: rendezvous, two agents, engine processes; all real.

Nothing sleeps: every wait is for a condition and has a deadline.
"""

from __future__ import annotations

import itertools
import json
import os
import queue
import secrets
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 20.0  # seconds; generous, the machine may be busy

Json = dict[str, Any]


def bin_dir() -> Path:
    """Where the programs were built: $PEGAFLOW_BIN_DIR, or build/dev."""
    return Path(os.environ.get("PEGAFLOW_BIN_DIR", ROOT / "build" / "dev"))


def program(name: str) -> str:
    """The path of a built program."""
    for path in sorted(bin_dir().rglob(name)):
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    raise FileNotFoundError(f"{name} is not built below {bin_dir()}")


# Below the ports that the kernel gives to connections, which could take one between the look and
# its use; each test process begins somewhere else.
_PORTS = itertools.cycle(range(10_000, 32_000))
_ports = itertools.islice(_PORTS, os.getpid() * 7919 % 22_000, None)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    for port in _ports:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise AssertionError("unreachable: the ports go round")


def wait_for(what: str, condition: Callable[[], Any], deadline: float = DEADLINE) -> Any:
    """Returns the condition's first true value; fails with `what` after `deadline` seconds."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"waited {deadline} s for: {what}")
        threading.Event().wait(0.01)


def http_json(url: str, timeout: float = 5.0, method: str = "GET", body: Any = None) -> Any:
    """The JSON body of a response, or None when nobody answers or the answer is an error."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, method=method, data=data)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            text = response.read().decode()
    except (urllib.error.URLError, OSError):
        return None
    return json.loads(text) if text.startswith(("{", "[")) else text


class Process:
    """A child process with its log in a file."""

    def __init__(self, name: str, command: list[str], log: Path, **options: Any) -> None:
        self.name = name
        self.log = log
        self.file = log.open("ab")
        self.popen = subprocess.Popen(command, stdout=self.file, stderr=self.file, **options)

    def alive(self) -> bool:
        return self.popen.poll() is None

    def send(self, number: int) -> None:
        if self.alive():
            self.popen.send_signal(number)

    def kill(self) -> None:
        self.send(signal.SIGCONT)
        self.send(signal.SIGKILL)
        self.popen.wait(DEADLINE)

    def terminate(self) -> int:
        self.send(signal.SIGTERM)
        return self.popen.wait(DEADLINE)

    def close(self) -> None:
        if self.alive():
            self.kill()
        self.file.close()


class Engine:
    """An engine process (pegaflow-engine-host, or another `command` that talks like it): commands
    in, answers and events out."""

    def __init__(
        self,
        config: Json,
        log: Path,
        command: list[str] | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.config = config
        self.stopped = False
        self.patience = DEADLINE * 3  # seconds, with each command
        self.file = log.open("ab")
        self.popen = subprocess.Popen(
            command or [program("pegaflow-engine-host")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.file,
            text=True,
            env=os.environ | (environment or {}),
        )
        self.answers: queue.Queue[Json] = queue.Queue()
        self.events: list[Json] = []
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self._write(config)
        started = self.answers.get(timeout=self.patience)
        assert "error" not in started, started

    def _write(self, line: Json) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.write(json.dumps(line) + "\n")
        self.popen.stdin.flush()

    def _read(self) -> None:
        assert self.popen.stdout is not None
        for text in self.popen.stdout:
            line = json.loads(text)
            if "event" in line:
                line["at"] = time.monotonic()
                with self.changed:
                    self.events.append(line)
                    self.changed.notify_all()
            else:
                self.answers.put(line)
        self.answers.put({"error": "the engine's process has ended"})  # nobody waits for a dead one

    def call(self, do: str, key: str = "", **arguments: Any) -> Any:
        """Runs a command; returns its "ok", or the whole answer when it failed."""
        self._write({"do": do, "key": key, **arguments})
        answer = self.answers.get(timeout=self.patience)
        return answer["ok"] if "ok" in answer else answer

    def offer(self, key: str, tokens: int, ready: int | None = None, **arguments: Any) -> None:
        """Offers, and marks all layers ready (or `ready` of them)."""
        assert self.call("offer", key, tokens=tokens, **arguments) is True
        layers = self.config["layers"] if ready is None else ready
        if layers > 0:
            assert self.call("ready", key, layers=layers) is True

    def receive(self, key: str, tokens: int, source: str = "prefill", **arguments: Any) -> None:
        assert self.call("receive", key, tokens=tokens, source=source, **arguments) is True

    def of_key(self, key: str, receive: bool) -> list[Json]:
        return [e for e in list(self.events) if e["key"] == key and e["receive"] == receive]

    def terminal(self, key: str, receive: bool) -> list[Json]:
        return [e for e in self.of_key(key, receive) if e["event"] != "sent"]

    def forget(self, key: str) -> None:
        """Drops the events of a key."""
        with self.changed:
            self.events[:] = [event for event in self.events if event["key"] != key]

    def wait_end(self, key: str, receive: bool = True, deadline: float = DEADLINE) -> Json:
        """The terminal event of a receive (or of an offer)."""
        what = f"an end of {'receive' if receive else 'offer'} {key[:8]}"
        found: list[Json] = wait_for(what, lambda: self.terminal(key, receive), deadline)
        assert len(found) == 1, found
        return found[0]

    def stop(self) -> None:
        self.popen.send_signal(signal.SIGSTOP)
        self.stopped = True

    def resume(self) -> None:
        self.popen.send_signal(signal.SIGCONT)
        self.stopped = False

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait(DEADLINE)

    def close(self) -> None:
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGCONT)
            self.kill()
        self.file.close()


LINKS: dict[str, Json] = {
    "direct": {"path": "direct"},
    "agent": {"path": "agent"},
    "tcp": {"path": "ucx", "transports": ["tcp"]},
}
SHARED_MEMORY: Json = {"path": "ucx", "transports": ["posix", "sysv", "cma"]}


class Host(Protocol):
    """Where a node runs when it is not this network namespace (see namespaces.Namespace)."""

    name: str
    address: str

    def call(self, function: Callable[[], Any]) -> Any: ...

    def command(self, command: list[str]) -> list[str]: ...


class Cluster:
    """Rendezvous, agents `prefill-0` and `decode-0`, and the engines that tests start.

    Options: `slots`, `slot_bytes`, `window`, `deadlines`, `hosts` (node → where it runs; the
    rendezvous goes with prefill-0), `ucx` (node → its settings), `environment` (of all programs),
    `gpus` (node → the GPU, as the topology has it, that has its slots; otherwise host memory).
    """

    def __init__(self, folder: Path, link: str | Json = "direct", **options: Any) -> None:
        self.folder = folder
        self.options = options
        self.hosts: dict[str, Host] = options.get("hosts", {})
        self.ports = {name: free_port() for name in ("rendezvous", "p", "p_http", "d", "d_http")}
        self.topology = self._topology(LINKS[link] if isinstance(link, str) else link)
        self.topology_file = folder / "topology.json"
        self.topology_file.write_text(json.dumps(self.topology, indent=1))
        self.processes: dict[str, Process] = {}
        self.engines: list[Engine] = []

    def _node(self, name: str, role: str, port: str) -> Json:
        slots = self.options.get("slots", 16)
        slot_bytes = self.options.get("slot_bytes", 65536)
        gpu = self.options.get("gpus", {}).get(name)
        where: Json = {"memory": "cuda", "gpu": gpu["index"]} if gpu else {"memory": "host"}
        return {
            "name": name,
            "host": self.hosts[name].name if name in self.hosts else "test",
            "role": role,
            "control": f"{self._address(name)}:{self.ports[port]}",
            "http": f"127.0.0.1:{self.ports[port + '_http']}",
            "socket": str(self.folder / f"{name}.sock"),
            **({"gpus": [gpu]} if gpu else {}),
            "regions": [
                {"name": "staging", "slot_bytes": slot_bytes, "slot_count": slots, **where}
            ],
            "ucx": self.options.get("ucx", {}).get(name, {"tls": "tcp"}),
        }

    def _address(self, node: str) -> str:
        return self.hosts[node].address if node in self.hosts else "127.0.0.1"

    def _url(self, port: str, node: str = "prefill-0") -> str:
        return f"http://{self._address(node)}:{self.ports[port]}"

    def _topology(self, link: Json) -> Json:
        slot_bytes = self.options.get("slot_bytes", 65536)
        topology: Json = {
            "cluster": "test",
            "rendezvous": self._url("rendezvous"),
            "nodes": [
                self._node("prefill-0", "prefill", "p"),
                self._node("decode-0", "decode", "d"),
            ],
            "links": [
                {
                    "from": "prefill-0",
                    "to": "decode-0",
                    "window": self.options.get("window", 4),
                    "chunk_bytes": slot_bytes,
                    **link,
                }
            ],
        }
        if "deadlines" in self.options:
            topology["deadlines"] = self.options["deadlines"]
        return topology

    # ---- processes
    def start(self) -> None:
        self.start_rendezvous()
        self.start_agent("prefill-0")
        self.start_agent("decode-0")
        self.wait_linked()

    def _spawn(self, name: str, command: list[str], node: str) -> Process:
        if node in self.hosts:
            command = self.hosts[node].command(command)
        environment = os.environ | self.options.get("environment", {})
        process = Process(name, command, self.folder / f"{name}.log", env=environment)
        self.processes[name] = process
        return process

    def start_rendezvous(self) -> Process:
        process = self._spawn(
            "rendezvous",
            [program("pegaflow-rendezvous"), "--topology", str(self.topology_file)],
            "prefill-0",
        )
        url = self._url("rendezvous") + "/healthz"
        wait_for("the rendezvous answers", lambda: self.ask("prefill-0", url) is not None)
        return process

    def start_agent(self, name: str) -> Process:
        command = [
            program("pegaflow-agent"),
            "--topology",
            str(self.topology_file),
            "--name",
            name,
        ]
        process = self._spawn(name, command, name)
        wait_for(
            f"agent {name} answers",
            lambda: self.status(name) is not None or not process.alive(),
        )
        assert process.alive(), process.log.read_text()[-2000:]
        return process

    def engine(self, node: str = "prefill-0", **config: Any) -> Engine:
        instance = "prefill" if node.startswith("prefill") else "decode"
        defaults: Json = {
            "socket": str(self.folder / f"{node}.sock"),
            "instance": instance,
            "layers": 4,
            "heads": 4,
            "head_bytes": 64,
            "block_tokens": 16,
            "n_blocks": 512,
            "style": "hnd" if instance == "prefill" else "nhd",
        }
        engine = Engine({**defaults, **config}, self.folder / f"engine-{len(self.engines)}.log")
        self.engines.append(engine)
        return engine

    def agent(self, name: str) -> Process:
        return self.processes[name]

    # ---- state
    def ask(self, node: str, url: str) -> Any:
        """http_json, asked from where the node runs."""
        host = self.hosts.get(node)
        return host.call(lambda: http_json(url)) if host is not None else http_json(url)

    def status(self, name: str) -> Json | None:
        port = self.ports["p_http" if name == "prefill-0" else "d_http"]
        status = self.ask(name, f"http://127.0.0.1:{port}/v1/status")
        return status if isinstance(status, dict) else None

    def registered(self) -> list[str]:
        """Names of the agents that the rendezvous knows."""
        listing = self.ask("prefill-0", self._url("rendezvous") + "/v1/agents")
        return [agent["name"] for agent in listing["agents"]] if listing else []

    def is_up(self, name: str) -> bool:
        """Whether this agent says that its links are up."""
        status = self.status(name)
        links = status["links"] if status is not None else []
        return bool(links) and all(link["state"] == "up" for link in links)

    def linked(self) -> bool:
        return self.is_up("prefill-0") and self.is_up("decode-0")

    def wait_linked(self, deadline: float = DEADLINE) -> None:
        wait_for("both ends of the link are up", self.linked, deadline)

    def slots(self, name: str) -> Json:
        status = self.status(name)
        assert status is not None, f"agent {name} does not answer"
        slots: Json = status["regions"][0]["slots"]
        return slots

    def all_free(self) -> bool:
        count = self.options.get("slots", 16)
        return all(
            self.slots(name)["free"] == count
            for name in ("prefill-0", "decode-0")
            if self.processes[name].alive()
        )

    def wait_all_free(self, deadline: float = DEADLINE) -> None:
        try:
            wait_for("all slots are free", self.all_free, deadline)
        except TimeoutError:
            states = {name: self.status(name) for name in ("prefill-0", "decode-0")}
            raise AssertionError(json.dumps(states, indent=1)) from None

    def close(self) -> None:
        for engine in self.engines:
            engine.close()
        for process in self.processes.values():
            process.close()

    def logs(self) -> str:
        parts = []
        for path in sorted(self.folder.glob("*.log")):
            text = path.read_text(errors="replace")
            parts.append(f"==== {path.name}\n{text[-3000:]}")
        return "\n".join(parts)


def new_key() -> str:
    """A fresh transfer key, as 64 hexadecimal digits."""
    return secrets.token_hex(32)
