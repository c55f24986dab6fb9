"""An engine process with its KV in a GPU's memory, as torch tensors: commands in, answers and
events out, in lines as pegaflow-engine-host's (tests/support/cluster.py writes and reads them).

The 32-bit words of a transfer are numbered: word i of [layer][token][part][head][word] is the
key's number plus i, so every place of every transfer holds another value than any other.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from graph_thread import Graphs  # beside this script

HEADS, WORDS = 8, 64  # of a head of a token in one part: 256 bytes
WORDS_PER_TOKEN = 2 * HEADS * WORDS  # in one layer
NAMES = {"b": "block", "p": "part", "t": "token", "h": "head", "c": "content"}
AHEAD = 4  # transfers of a run that are open at once


def number_of(key: str) -> int:
    return int(key[:8], 16)


def run_key(number: int) -> str:
    """A run's keys: their numbers are far apart."""
    return f"{number * 2654435761 % 2**32:08x}{number:056x}"


def wrapped(value: int) -> int:
    """The value as a signed 32-bit word."""
    return (value + 2**31) % 2**32 - 2**31


class Output:
    """Lines to the parent, from several threads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def __call__(self, line: dict[str, Any]) -> None:
        with self.lock:
            print(json.dumps(line), flush=True)


class TorchEngine:
    """A pool, and the session that moves it. Public methods with `key` are commands."""

    def __init__(self, config: dict[str, Any], output: Output) -> None:
        import torch

        self.torch, self.config, self.output = torch, config, output
        self.device = torch.device("cuda", config["ordinal"])
        torch.cuda.set_device(self.device)
        self.block, order = config["block_tokens"], config["order"]
        size = {"b": config["n_blocks"], "p": 2, "t": self.block, "h": HEADS, "c": WORDS}
        shape = [size[letter] for letter in order]
        self.layers = [
            torch.zeros(shape, dtype=torch.int32, device=self.device)
            for _ in range(config["layers"])
        ]
        self.to_btphc = [order.index(letter) for letter in "btphc"]
        self.free: list[int] = torch.randperm(config["n_blocks"]).tolist()
        self.held: dict[str, tuple[int, list[int]]] = {}  # tokens, blocks
        self.graphs: Graphs | None = None
        self.stream = torch.cuda.Stream(self.device)
        self.session: Any = None
        self._connect()
        self.taking_events = threading.Lock()  # by the reporter, or by a run
        self.reporting = threading.Event()
        self.reporting.set()
        threading.Thread(target=self._report, daemon=True).start()

    def _connect(self) -> None:
        import pegaflow

        if self.session is not None:
            self.session.close()
        names = [NAMES[letter] for letter in self.config["order"]]
        pool = pegaflow.Pool([pegaflow.Group.from_arrays(self.layers, names)])
        session = pegaflow.Session(self.config["socket"], self.config["instance"], gpu=pool.gpu)
        self.pool = session.add_pool(pool)
        self.session = session

    # ---- events
    def _report(self) -> None:
        while self.reporting.wait():
            with self.taking_events:
                session = self.session
                try:
                    events = session.wait(timeout=0.05)
                except Exception as error:  # closed: reconnect() makes another
                    print(f"wait: {error!r}", file=sys.stderr, flush=True)
                    events = []
            for event in events:
                self.output(self._line(event))
            if not events:
                time.sleep(0.001)  # poll interval; lets a run, or reconnect(), have the lock

    @staticmethod
    def _line(event: Any) -> dict[str, Any]:
        return {
            "event": event.kind.name.lower(),
            "key": event.key.hex(),
            "receive": event.receive,
            "reason": event.reason.name.lower(),
            "detail": event.detail,
            "bytes": event.stats.bytes,
        }

    # ---- content
    def _take(self, key: str, tokens: int) -> Any:
        import numpy

        blocks = [self.free.pop() for _ in range(tokens // self.block)]
        self.held[key] = (tokens, blocks)
        return numpy.array(blocks, dtype=numpy.int32)

    def _give_back(self, key: str) -> None:
        self.free += self.held.pop(key)[1]

    def _rows(self, key: str) -> Any:
        return self.torch.tensor(self.held[key][1], dtype=self.torch.int64, device=self.device)

    def _numbered(self, key: str, layer: int) -> Any:
        """What [block, token, part, head, word] of a layer holds."""
        tokens = self.held[key][0]
        words = tokens * WORDS_PER_TOKEN
        row = self.torch.arange(words, dtype=self.torch.int32, device=self.device)
        row += wrapped(number_of(key) + layer * words)
        return row.reshape(tokens // self.block, self.block, 2, HEADS, WORDS)

    def _fill(self, key: str, layer: int, rows: Any) -> None:
        self.layers[layer].permute(self.to_btphc)[rows] = self._numbered(key, layer)

    def _wrong(self, key: str) -> Any:
        """How many words are wrong, on the GPU."""
        rows = self._rows(key)
        wrong = self.torch.zeros((), dtype=self.torch.int64, device=self.device)
        for layer, pages in enumerate(self.layers):
            wrong += (pages.permute(self.to_btphc)[rows] != self._numbered(key, layer)).sum()
        return wrong

    # ---- transfers
    def _offer(self, key: str, tokens: int) -> None:
        blocks = self._take(key, tokens)
        self.session.offer(bytes.fromhex(key), self.pool, tokens)
        self.session.table(bytes.fromhex(key), 0, 0, blocks)

    def _receive(self, key: str, tokens: int, after: int) -> None:
        whole = [(0, tokens, self._take(key, tokens))]
        name = bytes.fromhex(key)
        self.session.receive(
            name, self.pool, "prefill", tokens, whole, offer_wait=25.0, after=after
        )

    def _compute(self, key: str, tokens: int) -> None:
        """Offers, and computes layer by layer on a stream that marks each; waits for nothing."""
        self._offer(key, tokens)
        with self.torch.cuda.stream(self.stream):
            rows = self._rows(key)
            self.session.begin_step([(bytes.fromhex(key), 0, tokens)])
            for layer in range(len(self.layers)):
                self._fill(key, layer, rows)
                self.session.layer_done(0, layer, stream=self.stream.cuda_stream)
            self.session.end_step(stream=self.stream.cuda_stream)

    # ---- commands
    def alive(self, key: str) -> bool:
        return bool(self.session.alive)

    def reconnect(self, key: str) -> bool:
        """A new session; the GPU's context and the tensors stay."""
        with self.taking_events:
            self._connect()
        return True

    def offer(self, key: str, tokens: int) -> bool:
        """Offers; all KV is computed, nothing of it is marked ready."""
        self._offer(key, tokens)
        rows = self._rows(key)
        for layer in range(len(self.layers)):
            self._fill(key, layer, rows)
        self.torch.cuda.synchronize(self.device)
        return True

    def ready(self, key: str, layers: int, first: int = 0) -> bool:
        """Marks the layers [first, layers)."""
        tokens = (0, self.held[key][0])
        self.session.mark_ready(bytes.fromhex(key), 0, (first, layers), tokens)
        return True

    def compute(self, key: str, tokens: int) -> bool:
        self._compute(key, tokens)
        return True

    def receive(self, key: str, tokens: int, source: str) -> bool:
        assert source == "prefill"
        self._receive(key, tokens, 0)
        return True

    def check(self, key: str) -> int:
        """How many words of a transfer are wrong here."""
        return int(self._wrong(key))

    def give_back(self, key: str) -> bool:
        """The transfer's blocks may be used again."""
        self._give_back(key)
        return True

    def use_gpu(self, key: str) -> bool:
        """Whether a fresh allocation, and kernels on it, work."""
        torch, words = self.torch, 64 << 20
        torch.cuda.empty_cache()  # so that the driver is asked for memory
        memory = torch.full((words,), 3, dtype=torch.int32, device=self.device)
        return int((memory * 2).sum()) == 6 * words

    def start_graphs(self, key: str) -> bool:
        self.graphs = Graphs(self.torch, self.device)
        return True

    def captured(self, key: str) -> dict[str, Any]:
        """How many graphs were captured and replayed, or the error that ended it."""
        assert self.graphs is not None
        return self.graphs.state()

    def stop_graphs(self, key: str) -> dict[str, Any]:
        assert self.graphs is not None
        return self.graphs.stop()

    def run(self, key: str, count: int, tokens: int) -> int:
        """Offers, or receives, `count` transfers, a few at a time. Returns how many words were
        wrong of all that was received; all events are this command's own."""
        self.reporting.clear()
        with self.taking_events:
            wrong = Run(self, tokens).go(count)
        self.reporting.set()
        return wrong


class Run:
    """Transfers one after the other, AHEAD of them open at once."""

    def __init__(self, engine: TorchEngine, tokens: int) -> None:
        self.engine, self.tokens = engine, tokens
        self.wrong = engine.torch.zeros((), dtype=engine.torch.int64, device=engine.device)
        self.open = 0

    def go(self, count: int) -> int:
        producing = self.engine.config["instance"] == "prefill"
        begin: Callable[[str], None] = self._produce if producing else self._consume
        for number in range(count):
            while self.open >= AHEAD:
                self._take_events()
            begin(run_key(number))
            self.open += 1
        while self.open > 0:
            self._take_events()
        self.engine.torch.cuda.synchronize(self.engine.device)
        return int(self.wrong)

    def _produce(self, key: str) -> None:
        self.engine._compute(key, self.tokens)

    def _consume(self, key: str) -> None:
        # Behind the comparison of what these blocks held before.
        self.engine._receive(key, self.tokens, self.engine.stream.cuda_stream)

    def _take_events(self) -> None:
        events = self.engine.session.wait(timeout=30.0)
        if not events:
            raise TimeoutError("no event in 30 s")
        for event in events:
            if event.kind.name == "SENT":
                continue
            if event.kind.name != "DONE":
                raise RuntimeError(repr(event))
            self._end(event.key.hex(), event.receive)

    def _end(self, key: str, received: bool) -> None:
        if received:
            with self.engine.torch.cuda.stream(self.engine.stream):
                self.wrong += self.engine._wrong(key)
        self.engine._give_back(key)
        self.open -= 1


def main(kind: type[TorchEngine] = TorchEngine) -> int:
    output = Output()
    config = json.loads(sys.stdin.readline())
    try:
        engine = kind(config, output)
    except Exception as error:
        output({"error": repr(error)})
        return 1
    output({"ok": "started"})
    for text in sys.stdin:
        command = json.loads(text)
        try:
            answer = getattr(engine, command.pop("do"))(**command)
        except Exception as error:
            answer = {"error": repr(error)}
        output(answer if isinstance(answer, dict) else {"ok": answer})
    return 0


if __name__ == "__main__":
    sys.exit(main())
