"""Engines of two tensor-parallel ranks: each rank of decode reads its heads from its like.

A deployment of its own. On the CPU both engines need the same degree: its attention packs blocks,
so that they can only be copied whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import wait_for
from tests.vllm.deployment import LOADED, Deployment, deployed
from tests.vllm.prompts import check, complete_all, random_prompts

RANKS = 2


@pytest.fixture(scope="module")
def ranks(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed(tmp_path_factory.mktemp("ranks"), model, ranks=RANKS) as made:
        yield made


def test_tokens_of_two_ranks_are_those_of_one_engine(ranks: Deployment):
    decode = ranks.servers["decode"]
    prompts = random_prompts(31, 16, 1500)
    check(ranks, prompts, complete_all(ranks.proxy_url, prompts))
    wait_for("the loads are counted", lambda: decode.metric(LOADED) > 0)
