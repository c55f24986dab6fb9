"""Engines of two tensor-parallel ranks: each rank of decode reads its heads from its like.

A deployment of its own. On the CPU both engines need the same degree: its attention packs blocks,
so that they can only be copied whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import wait_for
from tests.vllm.deployment import Deployment
from tests.vllm.prompts import complete, complete_all, random_prompts
from tests.vllm.test_tokens import FAILED, LOADED

RANKS = 2


@pytest.fixture(scope="module")
def ranks(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    made = Deployment(tmp_path_factory.mktemp("ranks"), model, ranks=RANKS)
    try:
        made.start()
        yield made
    finally:
        made.close()
        print(made.logs())


def test_tokens_of_two_ranks_are_those_of_one_engine(ranks: Deployment):
    decode = ranks.servers["decode"]
    prompts = random_prompts(31, 16, 1500)
    answers = complete_all(ranks.proxy_url, prompts)
    assert not [answer.error for answer in answers if answer.error]
    for prompt, answer in zip(prompts, answers):
        alone = complete(ranks.servers["prefill"].url, prompt)
        assert answer.tokens == alone.tokens, f"prompt of {len(prompt)}"
    wait_for("the loads are counted", lambda: decode.metric(LOADED) > 0)
    assert decode.metric(FAILED) == 0
    ranks.cluster.wait_all_free()
