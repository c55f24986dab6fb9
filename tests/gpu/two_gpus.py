"""Transfers between two GPUs of one host: rendezvous, two agents, two torch processes; all real.

    two_gpus.py PROGRAMS [--path auto|direct|agent] [--memory cuda|host] [--one-visible] …

PROGRAMS is a folder with pegaflow-rendezvous and pegaflow-agent of a CUDA build; the package
`pegaflow` of the same build must be importable, beside torch and numpy. P is on GPU 0, D on GPU 1.
D compares every byte of the first two and of the last transfer. Prints one JSON line; the exit
status is 1 when anything failed, and then the ends of the daemons' logs are shown.

`--mode compute`: P computes layer by layer on a stream and marks each layer with it. `ready`: all
is ready before D asks, so that D's times are those of the transfer. `kill`: P is killed within 3 ms
of each receive but the first and the last, and D's context is used after each.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LAYERS, HEADS, DIM = 32, 8, 128
SLOT_BYTES, SLOTS, WINDOW = 4 << 20, 80, 32
NAMES = {"b": "block", "p": "part", "t": "token", "h": "head", "c": "content"}
DEADLINE = 40.0  # seconds


def key(number: int) -> bytes:
    return hashlib.sha256(b"two_gpus %d" % number).digest()


def made_offers(options: argparse.Namespace) -> Path:
    """A file that exists once P has made all its offers."""
    return Path(options.socket).with_name("offered")


def wait_for(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {DEADLINE} s for {what}")
        time.sleep(0.01)  # poll interval


def pattern(torch: Any, layer: int, tokens: int, salt: int, device: Any) -> Any:
    """What [token, part, head, content] of a layer holds: another value for each place."""

    def along(axis: int, size: int) -> Any:
        shape = [1, 1, 1, 1]
        shape[axis] = size
        return torch.arange(size, device=device, dtype=torch.int64).reshape(shape)

    mixed = layer * 1000003 + along(0, tokens) * 8191 + along(1, 2) * 77777
    mixed = mixed + along(2, HEADS) * 5081 + along(3, DIM) * 97 + salt * 31337
    return ((mixed * 2654435761 >> 13) & 0x7FFF).to(torch.int16)


class Engine:
    """A pool in a GPU's memory, and the session that moves it."""

    def __init__(self, options: argparse.Namespace) -> None:
        import numpy
        import pegaflow
        import torch

        self.torch, self.pegaflow, self.options = torch, pegaflow, options
        self.device = torch.device("cuda", options.ordinal)
        torch.cuda.set_device(self.device)
        self.tokens, order = options.tokens, options.order
        blocks = self.tokens // options.block
        size = {"b": 2 * blocks, "p": 2, "t": options.block, "h": HEADS, "c": DIM}
        shape = [size[letter] for letter in order]
        self.layers = [
            torch.zeros(shape, dtype=torch.int16, device=self.device) for _ in range(LAYERS)
        ]
        group = pegaflow.Group.from_arrays(self.layers, [NAMES[letter] for letter in order])
        pool = pegaflow.Pool([group])
        self.session = pegaflow.Session(options.socket, options.engine, gpu=pool.gpu)
        self.pool = self.session.add_pool(pool)
        self.to_btphc = [order.index(letter) for letter in "btphc"]
        seed = 5 if options.engine == "prefill" else 6
        ids = numpy.random.default_rng(seed).permutation(2 * blocks)[:blocks]
        self.ids = ids.astype(numpy.int32)
        self.rows = torch.from_numpy(ids.astype(numpy.int64)).to(self.device)

    def fill(self, layer: int, salt: int) -> None:
        block = (len(self.ids), self.options.block, 2, HEADS, DIM)
        values = pattern(self.torch, layer, self.tokens, salt, self.device).reshape(block)
        self.layers[layer].permute(self.to_btphc)[self.rows] = values

    def compare(self, salt: int) -> None:
        for layer in range(LAYERS):
            got = self.layers[layer].permute(self.to_btphc)[self.rows]
            want = pattern(self.torch, layer, self.tokens, salt, self.device)
            if not self.torch.equal(got.reshape(want.shape), want):
                raise AssertionError(f"wrong bytes in layer {layer}")
            self.layers[layer].zero_()
        self.torch.cuda.synchronize()

    def offer(self, number: int) -> None:
        self.session.offer(key(number), self.pool, self.tokens)
        self.session.table(key(number), 0, 0, self.ids)

    def ends(self, count: int) -> list[Any]:
        """The next `count` terminal events."""
        found: list[Any] = []
        while len(found) < count:
            events = self.session.wait(timeout=DEADLINE)
            if not events:
                raise TimeoutError("no event")
            found += [event for event in events if event.kind != self.pegaflow.EventKind.SENT]
        return found

    def expect_done(self, events: list[Any]) -> None:
        for event in events:
            if event.kind != self.pegaflow.EventKind.DONE:
                raise AssertionError(f"{event!r}")

    def produce(self) -> None:
        options = self.options
        if options.mode == "compute":
            return self._compute()
        for layer in range(LAYERS):
            self.fill(layer, 0)
        self.torch.cuda.synchronize()
        for number in range(options.first, options.iterations):
            self.offer(number)
            self.session.mark_cached(key(number), self.tokens)
        made_offers(options).touch()
        if options.mode == "ready":
            return self.expect_done(self.ends(options.iterations))
        while True:  # until it is killed
            self.session.wait(timeout=1.0)

    def _compute(self) -> None:
        stream = self.torch.cuda.Stream(self.device)
        for number in range(self.options.iterations):
            self.offer(number)
            with self.torch.cuda.stream(stream):
                self.session.begin_step([(key(number), 0, self.tokens)])
                for layer in range(LAYERS):
                    self.fill(layer, number)
                    self.session.layer_done(0, layer, stream=stream.cuda_stream)
                self.session.end_step(stream=stream.cuda_stream)
            self.expect_done(self.ends(1))

    def consume(self) -> None:
        options = self.options
        outcomes, total_us = [], []
        if options.mode == "ready":
            wait_for(lambda: made_offers(options).exists(), "P's offers")
        for number in range(options.iterations):
            whole = [(0, self.tokens, self.ids)]
            source = "prefill"
            self.session.receive(
                key(number), self.pool, source, self.tokens, whole, offer_wait=25.0
            )
            print(f"receiving {number}", flush=True)
            event = self.ends(1)[0]
            outcomes.append(f"{event.kind.name}:{event.reason.name}")
            if options.mode == "kill":  # the context survives the peer
                self.torch.randn(256, 256, device=self.device).sum().item()
                self.torch.empty(64 << 20, dtype=self.torch.uint8, device=self.device)
                continue
            self.expect_done([event])
            total_us.append(event.stats.total_ns / 1e3)
            if number in (0, 1, options.iterations - 1):
                self.compare(number if options.mode == "compute" else 0)
        line: dict[str, Any] = {
            "outcomes": sorted(set(outcomes)),
            "verified": options.mode != "kill",
        }
        if total_us:
            median = sorted(total_us)[len(total_us) // 2]
            moved = LAYERS * self.tokens * 2 * HEADS * DIM * 2
            line |= {"bytes": moved, "total_us_p50": median, "gbps": moved / median / 1e3}
        print(json.dumps(line), flush=True)


def topology(folder: Path, options: argparse.Namespace) -> Path:
    listed = subprocess.check_output(["nvidia-smi", "-L"], text=True).splitlines()
    uuids = [line.split("UUID: ")[1].strip(" )") for line in listed if "UUID: GPU" in line]
    if len(uuids) < 2:
        raise SystemExit("two_gpus: two GPUs are needed")

    def node(name: str, role: str, gpu: int, port: int) -> dict[str, Any]:
        region = {"name": "r", "memory": options.memory, "slot_bytes": SLOT_BYTES}
        region |= {"slot_count": SLOTS} | ({"gpu": gpu} if options.memory == "cuda" else {})
        return {
            "name": name,
            "host": "h",
            "role": role,
            "control": f"127.0.0.1:{port}",
            "http": f"127.0.0.1:{port + 1}",
            "socket": str(folder / f"{name}.sock"),
            "gpus": [{"index": gpu, "uuid": uuids[gpu]}],
            "regions": [region],
            "ucx": {"tls": "tcp"},
        }

    link = {"from": "prefill-0", "to": "decode-0", "path": options.path}
    link |= {"window": WINDOW, "chunk_bytes": SLOT_BYTES}
    nodes = [node("prefill-0", "prefill", 0, 7601), node("decode-0", "decode", 1, 7611)]
    text = {"cluster": "c", "rendezvous": "http://127.0.0.1:7600", "nodes": nodes, "links": [link]}
    path = folder / "topology.json"
    path.write_text(json.dumps(text))
    return path


class Run:
    """The processes of one run."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options, self.folder = options, folder
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, command: list[str], log: str, **more: Any) -> subprocess.Popen[str]:
        if "stdout" not in more:
            more |= {"stdout": (self.folder / log).open("w"), "stderr": subprocess.STDOUT}
        self.processes.append(subprocess.Popen(command, text=True, **more))
        return self.processes[-1]

    def daemons(self) -> None:
        programs, path = self.options.programs, str(topology(self.folder, self.options))
        self.start([f"{programs}/pegaflow-rendezvous", "--topology", path], "rendezvous.log")
        names = ("prefill-0", "decode-0")
        for name in names:
            command = [f"{programs}/pegaflow-agent", "--topology", path, "--name", name]
            self.start(command, f"{name}.log")
        sockets = [self.folder / f"{name}.sock" for name in names]
        wait_for(lambda: all(socket.exists() for socket in sockets), "the agents' sockets")

    def engine(self, role: str, gpu: int, first: int = 0, **more: Any) -> subprocess.Popen[str]:
        options = self.options
        producing = role == "prefill"
        socket = self.folder / f"{role}-0.sock"
        command = [sys.executable, __file__, str(options.programs), "--engine", role]
        command += ["--socket", str(socket), "--first", str(first), "--mode", options.mode]
        command += ["--tokens", str(options.tokens), "--iterations", str(options.iterations)]
        command += ["--block", str(options.block if producing else options.to_block)]
        command += ["--order", options.order if producing else options.to_order]
        environment = dict(os.environ)
        if options.one_visible:
            environment["CUDA_VISIBLE_DEVICES"] = str(gpu)
        command += ["--ordinal", "0" if options.one_visible else str(gpu)]
        return self.start(command, f"{role}-{first}.log", env=environment, **more)

    def transfers(self) -> int:
        producer = self.engine("prefill", 0)
        consumer = self.engine("decode", 1, stdout=subprocess.PIPE)
        assert consumer.stdout is not None
        last = self.options.iterations - 1
        for line in consumer.stdout:
            if not line.startswith("receiving"):
                print(line, end="", flush=True)
            elif self.options.mode == "kill" and 0 < int(line.split()[1]) < last:
                threading.Event().wait(random.uniform(0.0, 0.003))  # anywhere in the transfer
                producer.kill()
                producer.wait()
                producer = self.engine("prefill", 0, int(line.split()[1]) + 1)
        failed = consumer.wait(timeout=DEADLINE) != 0
        if self.options.mode != "kill":
            failed |= producer.wait(timeout=DEADLINE) != 0
        return int(failed)

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()


def run(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as name:
        this = Run(options, Path(name))
        try:
            this.daemons()
            status = this.transfers()
        except (OSError, subprocess.SubprocessError, TimeoutError) as error:
            print(f"two_gpus: {error!r}", file=sys.stderr)
            status = 1
        finally:
            this.stop()
        for log in sorted(Path(name).glob("*.log")) if status else ():
            print(f"-- {log.name}\n{log.read_text(errors='replace')[-1500:]}", file=sys.stderr)
        return status


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("programs", type=Path)
    parser.add_argument("--path", default="auto", choices=("auto", "direct", "agent"))
    parser.add_argument("--memory", default="cuda", choices=("cuda", "host"))
    parser.add_argument("--one-visible", action="store_true", help="one GPU visible per engine")
    parser.add_argument("--mode", default="compute", choices=("compute", "ready", "kill"))
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--iterations", type=int, default=8)
    parser.add_argument("--block", type=int, default=16, help="tokens of a block (P)")
    parser.add_argument("--order", default="bpthc", help="outermost first: block, part, token …")
    parser.add_argument("--to-block", type=int, default=16, help="the same for D")
    parser.add_argument("--to-order", default="bpthc")
    for name in ("--engine", "--socket"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    for name in ("--ordinal", "--first"):
        parser.add_argument(name, type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.engine is None:
        return run(options)
    engine = Engine(options)
    if options.engine == "prefill":
        engine.produce()
    else:
        engine.consume()
    return 0


if __name__ == "__main__":
    sys.exit(main())
