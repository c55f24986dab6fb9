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
from dataclasses import dataclass
from typing import Any

from engine_run import Run  # beside this script
from graph_thread import Graphs

HEADS, WORDS = 8, 64  # of a head of a token in one part: 256 bytes
UNTOUCHED = 0x5EED5EED  # what blocks hold beside the tokens that a receive asks for
NAMES = {"b": "block", "p": "part", "t": "token", "h": "head", "c": "content"}


def number_of(key: str) -> int:
    return int(key[:8], 16)


def wrapped(value: int) -> int:
    """The value as a signed 32-bit word."""
    return (value + 2**31) % 2**32 - 2**31


@dataclass(frozen=True)
class Held:
    """A transfer here: its blocks are those of all `tokens`, [begin, end) are sent or received."""

    tokens: int
    blocks: list[int]
    begin: int
    end: int


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
        self.graphs: Graphs | None = None
        self.stream = torch.cuda.Stream(self.device)
        self.session: Any = None
        self._allocate()
        self._connect()
        self.taking_events = threading.Lock()  # by the reporter, or by a run
        self.reporting = threading.Event()
        self.reporting.set()
        threading.Thread(target=self._report, daemon=True).start()

    def _allocate(self) -> None:
        """The KV of this rank: of all `heads` of the model the tp-th of tp_size shares."""
        torch, config = self.torch, self.config
        self.block, order = config["block_tokens"], config["order"]
        self.heads, self.words = config.get("heads", HEADS), config.get("words", WORDS)
        self.tp, tp_size = config.get("tp", 0), config.get("tp_size", 1)
        own = self.heads // tp_size
        self.own_heads = slice(self.tp * own, (self.tp + 1) * own)
        size = {"b": config["n_blocks"], "p": 2, "t": self.block, "h": own, "c": self.words}
        shape = [size[letter] for letter in order]
        self.layers = [
            torch.zeros(shape, dtype=torch.int32, device=self.device)
            for _ in range(config["layers"])
        ]
        self.to_btphc = [order.index(letter) for letter in "btphc"]
        self.free: list[int] = torch.randperm(config["n_blocks"]).tolist()
        self.held: dict[str, Held] = {}

    def _connect(self) -> None:
        import pegaflow

        if self.session is not None:
            self.session.close()
        names = [NAMES[letter] for letter in self.config["order"]]
        rank = pegaflow.Rank(tp=self.tp, tp_size=self.config.get("tp_size", 1))
        pool = pegaflow.Pool([pegaflow.Group.from_arrays(self.layers, names)], rank=rank)
        session = pegaflow.Session(
            self.config["socket"], self.config["instance"], rank=rank, gpu=pool.gpu
        )
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
    def _take(self, key: str, tokens: int, begin: int = 0, end: int | None = None) -> Any:
        """Ids of the blocks that hold [begin, end)."""
        import numpy

        end = tokens if end is None else end
        blocks = [self.free.pop() for _ in range(-(-tokens // self.block))]
        self.held[key] = Held(tokens, blocks, begin, end)
        return numpy.array(blocks[begin // self.block : -(-end // self.block)], dtype=numpy.int32)

    def _give_back(self, key: str) -> None:
        self.free += self.held.pop(key).blocks

    def _rows(self, key: str) -> Any:
        return self.torch.tensor(self.held[key].blocks, dtype=self.torch.int64, device=self.device)

    def _numbered(self, key: str, layer: int) -> Any:
        """What [block, token, part, head, word] of a layer holds."""
        held = self.held[key]
        places = len(held.blocks) * self.block
        per_token = 2 * self.heads * self.words
        row = self.torch.arange(places * per_token, dtype=self.torch.int32, device=self.device)
        row += wrapped(number_of(key) + layer * held.tokens * per_token)
        row = row.reshape(places, 2, self.heads, self.words)[:, :, self.own_heads]
        row[: held.begin] = UNTOUCHED
        row[held.end :] = UNTOUCHED
        return row.reshape(len(held.blocks), self.block, *row.shape[1:])

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

    def reshape(self, key: str, **config: Any) -> bool:
        """Another pool, in a session of its own; config as at the start."""
        self.config.update(config)
        with self.taking_events:
            self.session.close()
            self.session = None
            self._allocate()
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
        tokens = (0, self.held[key].tokens)
        self.session.mark_ready(bytes.fromhex(key), 0, (first, layers), tokens)
        return True

    def compute(self, key: str, tokens: int) -> bool:
        self._compute(key, tokens)
        return True

    def receive(self, key: str, tokens: int, source: str) -> bool:
        assert source == "prefill"
        self._receive(key, tokens, 0)
        return True

    def receive_part(self, key: str, tokens: int, source: str, begin: int, end: int) -> bool:
        """Receives [begin, end) of what is offered; all else in the blocks must stay."""
        part = [(begin, end, self._take(key, tokens, begin, end))]
        rows = self._rows(key)
        for pages in self.layers:
            pages.permute(self.to_btphc)[rows] = UNTOUCHED
        self.torch.cuda.synchronize(self.device)
        name = bytes.fromhex(key)
        self.session.receive(name, self.pool, source, tokens, part, offer_wait=25.0)
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
