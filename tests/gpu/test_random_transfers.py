"""Random transfers between two GPUs: layouts, block sizes, tensor ranks, token ranges. Every word
of every block is compared, those beside the range too.

$PEGAFLOW_TEST_SEED repeats a run; a failure names it, and the case.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import pytest

from tests.gpu.deployment import DEADLINE, GPU_OF, WAYS, GpuDeployment
from tests.support.cluster import Engine, Json, new_key

CASES = 12  # per way
RANKS = 2  # engines at each end; a case uses one of them or both
SLOT_BYTES = 1 << 18


@dataclass(frozen=True)
class End:
    """How one instance keeps its KV."""

    tp_size: int
    order: str  # of dimensions: block, part, token, head, content
    block_tokens: int


@dataclass(frozen=True)
class Case:
    """Tokens [begin, end) of a transfer of `tokens`; `heads` in all, of `words` 32-bit words."""

    layers: int
    heads: int
    words: int
    tokens: int
    begin: int
    end: int
    source: End
    sink: End

    def blocks(self, end: End) -> int:
        return -(-self.tokens // end.block_tokens)


def random_end(dice: random.Random, heads: int) -> End:
    return End(
        tp_size=dice.choice([size for size in (1, RANKS) if heads % size == 0]),
        order="b" + "".join(dice.sample("pth", 3)) + "c",
        block_tokens=dice.choice((1, 4, 16, 48, 64)),
    )


def random_case(dice: random.Random) -> Case:
    heads, tokens = dice.choice((1, 2, 4, 8)), dice.randint(1, 700)
    source, sink = random_end(dice, heads), random_end(dice, heads)
    if dice.random() < 0.25:
        sink = source
    begin = dice.choice((0, dice.randrange(tokens)))
    return Case(
        layers=dice.choice((1, 3, 8)),
        heads=heads,
        words=dice.choice((1, 3, 4, 16, 64)),
        tokens=tokens,
        begin=begin,
        end=dice.choice((tokens, dice.randint(begin + 1, tokens))),
        source=source,
        sink=sink,
    )


class Stage:
    """A deployment with as many engines at each end as there may be ranks."""

    def __init__(self, deployment: GpuDeployment, dice: random.Random) -> None:
        self.deployment, self.dice = deployment, dice
        small = {"n_blocks": 1, "layers": 1}
        with ThreadPoolExecutor(2 * RANKS) as threads:
            started = {
                node: [
                    # Instances of their own until a case makes ranks of them.
                    threads.submit(
                        deployment.torch_engine, node, instance=f"idle-{node}-{rank}", **small
                    )
                    for rank in range(RANKS)
                ]
                for node in GPU_OF
            }
            self.engines = {node: [engine.result() for engine in started[node]] for node in GPU_OF}

    def ranks(self, node: str, instance: str, case: Case, end: End) -> list[Engine]:
        """The engines of an instance, with pools as the case has them."""
        engines = self.engines[node][: end.tp_size]
        for rank, engine in enumerate(engines):
            config: Json = {
                **asdict(end),
                "tp": rank,
                "instance": instance,
                "layers": case.layers,
                "heads": case.heads,
                "words": case.words,
                "n_blocks": case.blocks(end) + self.dice.randrange(20),
            }
            assert engine.call("reshape", **config) is True
        return engines

    def run(self, number: int, case: Case) -> None:
        prefill = f"prefill-{number}"
        sources = self.ranks("prefill-0", prefill, case, case.source)
        sinks = self.ranks("decode-0", f"decode-{number}", case, case.sink)
        key = new_key()
        for sink in sinks:
            part = {"source": prefill, "begin": case.begin, "end": case.end}
            assert sink.call("receive_part", key, tokens=case.tokens, **part) is True
        for source in sources:
            source.offer(key, case.tokens, ready=case.layers)
        for sink in sinks:
            end = sink.wait_end(key, deadline=DEADLINE)
            assert end["event"] == "done", end
            words = (case.end - case.begin) * case.layers * 2 * case.heads * case.words
            assert end["bytes"] == 4 * words // case.sink.tp_size
            assert sink.call("check", key) == 0
        for source in sources:
            end = source.wait_end(key, receive=False, deadline=DEADLINE)
            assert end["event"] == "done", end
        for engine in (*sources, *sinks):
            assert engine.call("give_back", key) is True


@pytest.mark.parametrize("way", WAYS)
def test_any_layout_to_any_layout(deploy: Callable[..., GpuDeployment], way: str) -> None:
    seed = int(os.environ.get("PEGAFLOW_TEST_SEED", random.SystemRandom().getrandbits(32)))
    print(f"PEGAFLOW_TEST_SEED={seed}")
    dice = random.Random(f"{seed} {way}")
    stage = Stage(deploy(way, slot_bytes=SLOT_BYTES), dice)
    for number in range(CASES):
        case = random_case(dice)
        print(f"case {number}: {case}", flush=True)
        stage.run(number, case)
    stage.deployment.wait_all_free(DEADLINE)
