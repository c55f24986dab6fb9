"""A prefill and a decode engine of toy size on PegaFlow: all that an own engine needs to do.

    minimal_engine.py prefill SOCKET              computes prompts, offers their KV
    minimal_engine.py decode SOCKET               fetches the KV, generates tokens

Commands are lines of JSON on stdin, answers lines on stdout:

    prefill  {"prompt": [1, 2, 3]}                -> {"key": …, "reference": …, "next": 7}
    decode   {"prompt": [1, 2, 3], "key": …, "reference": …, "tokens": 5}
                                                  -> {"tokens": [7, …], "fetched": 3}

The "model" is deterministic, and each token depends on all KV before it: wrong KV, wrong tokens.
The two sides differ in block size and in the order of heads and tokens, as real engines may.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator

import numpy as np
import pegaflow

LAYERS, HEADS, WIDTH, BLOCKS, VOCABULARY = 4, 2, 8, 256, 1000
FINGERPRINT = hashlib.sha256(b"toy model, version 1").digest()


class Cache:
    """A paged KV cache: one array per layer, and the blocks that are free."""

    def __init__(self, block_tokens: int, heads_first: bool) -> None:
        inner = (HEADS, block_tokens) if heads_first else (block_tokens, HEADS)
        names = ("head", "token") if heads_first else ("token", "head")
        self.dims = ("part", "block", *names, "content")
        self.layers = [np.zeros((2, BLOCKS, *inner, WIDTH), np.float32) for _ in range(LAYERS)]
        self.block_tokens = block_tokens
        self.heads_first = heads_first
        self.free = list(range(BLOCKS))

    def pool(self) -> pegaflow.Pool:
        group = pegaflow.Group.from_arrays(self.layers, self.dims)
        return pegaflow.Pool([group], fingerprint=FINGERPRINT)

    def reserve(self, tokens: int) -> np.ndarray:
        needed = -(-tokens // self.block_tokens)
        blocks, self.free = self.free[:needed], self.free[needed:]
        if len(blocks) < needed:
            raise MemoryError(f"{tokens} tokens need {needed} blocks, {len(blocks)} are free")
        return np.array(blocks, np.int32)

    def give_back(self, blocks: np.ndarray) -> None:
        self.free.extend(int(block) for block in blocks)

    def view(self, layer: int, blocks: np.ndarray, index: int) -> np.ndarray:
        """Token `index` of a sequence: [part, head, element]."""
        block, token = blocks[index // self.block_tokens], index % self.block_tokens
        kv = self.layers[layer]
        return kv[:, block, :, token] if self.heads_first else kv[:, block, token]


class Model:
    """Writes a token's KV layer by layer; the next token is a function of all KV."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache

    def write(self, layer: int, blocks: np.ndarray, first: int, tokens: list[int]) -> None:
        for index, token in enumerate(tokens, start=first):
            pattern = np.random.default_rng((layer, index, token))
            self.cache.view(layer, blocks, index)[...] = pattern.random((2, HEADS, WIDTH))

    def next_token(self, blocks: np.ndarray, length: int) -> int:
        digest = hashlib.sha256()
        for layer in range(LAYERS):
            for index in range(length):
                digest.update(np.ascontiguousarray(self.cache.view(layer, blocks, index)))
        return int.from_bytes(digest.digest()[:4], "little") % VOCABULARY


def content_of(prompt: list[int]) -> bytes:
    """Which prompt it is: KV of another one would be refused."""
    return hashlib.sha256(np.array(prompt, np.uint32).tobytes()).digest()[:16]


class Prefill:
    """Computes a prompt; its blocks stay until decode has what is in them."""

    def __init__(self, socket: str) -> None:
        self.cache = Cache(block_tokens=16, heads_first=True)
        self.model = Model(self.cache)
        self.session = pegaflow.Session(socket, "toy-prefill")
        self.pool = self.session.add_pool(self.cache.pool())
        self.kept: dict[bytes, np.ndarray] = {}

    def serve(self, prompt: list[int]) -> dict[str, object]:
        self.collect()
        key, size = pegaflow.new_key(), len(prompt)
        blocks = self.cache.reserve(size)
        self.session.offer(key, self.pool, size, content=content_of(prompt))
        self.session.table(key, 0, 0, blocks)
        self.session.begin_step([(key, 0, size)])
        for layer in range(LAYERS):
            self.model.write(layer, blocks, 0, prompt)
            self.session.layer_done(0, layer)  # it may travel while the next one is computed
        self.session.end_step()
        self.session.finish(key)
        self.kept[key] = blocks
        token = self.model.next_token(blocks, size)
        return {"key": key.hex(), "reference": self.session.reference, "next": token}

    def collect(self) -> None:
        """Whatever an offer's event says, its blocks are free then."""
        for event in self.session.poll():
            if event.key in self.kept:
                self.cache.give_back(self.kept.pop(event.key))


class Decode:
    """Fetches a prompt's KV and goes on from there; computes it itself if that fails."""

    def __init__(self, socket: str) -> None:
        self.cache = Cache(block_tokens=32, heads_first=False)
        self.model = Model(self.cache)
        self.session = pegaflow.Session(socket, "toy-decode")
        self.pool = self.session.add_pool(self.cache.pool())

    def serve(self, prompt: list[int], key: str, reference: int, tokens: int) -> dict[str, object]:
        size = len(prompt)
        blocks = self.cache.reserve(size + tokens)
        fetched = self.fetch(bytes.fromhex(key), prompt, reference, blocks)
        for layer in range(LAYERS):  # what is missing is computed here
            self.model.write(layer, blocks, fetched, prompt[fetched:])
        made: list[int] = []
        for index in range(size, size + tokens):
            made.append(self.model.next_token(blocks, index))
            for layer in range(LAYERS):
                self.model.write(layer, blocks, index, made[-1:])
        self.cache.give_back(blocks)
        return {"tokens": made, "fetched": fetched}

    def fetch(self, key: bytes, prompt: list[int], reference: int, blocks: np.ndarray) -> int:
        """How many tokens, from the first, are in place. Returns when nobody writes any more."""
        wanted = [(0, len(prompt), blocks)]
        self.session.receive(
            key,
            self.pool,
            "toy-prefill",
            len(prompt),
            wanted,
            content=content_of(prompt),
            reference=reference,
        )
        while True:  # the agent's deadlines see to it that an event comes
            for event in self.session.wait(1.0):
                if event.kind != pegaflow.EventKind.DONE:
                    print(f"fetch: {event}", file=sys.stderr)
                return int(event.valid_tokens)


def commands() -> Iterator[dict[str, object]]:
    for line in sys.stdin:
        yield json.loads(line)


def main() -> None:
    role, socket = sys.argv[1:3]
    engine = Prefill(socket) if role == "prefill" else Decode(socket)
    for command in commands():
        print(json.dumps(engine.serve(**command)), flush=True)


if __name__ == "__main__":
    main()
