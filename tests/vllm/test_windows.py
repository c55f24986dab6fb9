"""Two groups of KV (sliding windows), chunked prefill, and requests that wait for blocks.

A deployment of its own. Both groups lie in the same memory, block by block.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vllm.deployment import Deployment
from tests.vllm.prompts import complete, complete_all, random_prompts

HERE = Path(__file__).resolve().parent
LONGEST = 1900
# Steps of 512 tokens; room for about three of the longest prompts.
OPTIONS = ["--num-gpu-blocks-override", "300", "--max-num-batched-tokens", "512"]


@pytest.fixture
def windows(tmp_path: Path) -> Iterator[Deployment]:
    model = tmp_path / "model"
    subprocess.run([sys.executable, str(HERE / "tiny_model.py"), str(model), "windows"], check=True)
    made = Deployment(tmp_path, model, OPTIONS)
    try:
        made.start()
        yield made
    finally:
        made.close()
        print(made.logs())


def test_tokens_are_those_of_one_engine(windows: Deployment):
    prompts = random_prompts(21, 24, LONGEST)
    answers = complete_all(windows.proxy_url, prompts)
    assert not [answer.error for answer in answers if answer.error]
    for prompt, answer in zip(prompts, answers):
        alone = complete(windows.servers["prefill"].url, prompt)
        assert answer.tokens == alone.tokens, f"prompt of {len(prompt)}"
    assert len({tuple(answer.tokens) for answer in answers}) == len(prompts)
    assert len(set(answers[1].tokens)) > 4, "the model repeats itself, and proves nothing"
    decode = windows.servers["decode"]
    assert decode.metric("vllm:pegaflow_load_bytes_total") > 0
    assert decode.metric("vllm:pegaflow_load_failures_total") == 0
    windows.cluster.wait_all_free()
