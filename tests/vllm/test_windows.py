"""Two groups of KV (sliding windows), chunked prefill, and engines that run out of blocks.

A deployment of its own. Both groups lie in the same memory, block by block.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.cluster import wait_for
from tests.vllm.deployment import LOADED, Deployment, deployed
from tests.vllm.prompts import check, complete, complete_all, random_prompts

HERE = Path(__file__).resolve().parent
LONGEST = 1900
BLOCKS, BLOCK, WINDOW, STEP = 260, 32, 256, 512
# Steps of 512 tokens; room for two or three of the longest prompts, and one may begin when only a
# part of it fits, so that there is something to preempt.
OPTIONS = f"--num-gpu-blocks-override {BLOCKS} --max-num-batched-tokens {STEP}"
OPTIONS += " --no-scheduler-reserve-full-isl"
PREEMPTED = "vllm:num_preemptions_total"


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("windows")
    model = folder / "model"
    subprocess.run([sys.executable, str(HERE / "tiny_model.py"), str(model), "windows"], check=True)
    with deployed(folder, model, OPTIONS.split()) as made:
        yield made


def test_tokens_are_those_of_one_engine(windows: Deployment):
    prompts = random_prompts(21, 24, LONGEST)
    answers = complete_all(windows.proxy_url, prompts)
    check(windows, prompts, answers)
    assert len({tuple(answer.tokens) for answer in answers}) == len(prompts)
    assert len(set(answers[1].tokens)) > 4, "the model repeats itself, and proves nothing"
    assert windows.servers["decode"].metric(LOADED) > 0


def test_prompts_of_one_step_share_a_prefix(windows: Deployment):
    """Those that queue behind a long one run together: the second finds in the prefix cache what
    the first is to compute in the same step."""
    prefill = windows.servers["prefill"]
    for long, common, *tails in (random_prompts(seed, 9, 300) for seed in range(40, 46)):
        common = (common * 320)[:320]
        prompts = [common + tail[:24] for tail in tails]
        assert len(common) + sum(len(prompt) - len(common) for prompt in prompts) < STEP
        with ThreadPoolExecutor(1) as pool:
            hog = pool.submit(complete, prefill.url, (long * 1900)[:1900], max_tokens=1)
            answers = complete_all(windows.proxy_url, prompts)
            assert hog.result().error == ""
        check(windows, prompts, answers)


@pytest.mark.parametrize("beyond", [WINDOW - 1, 1])
def test_lengths_at_the_edge_of_a_block(windows: Deployment, beyond: int):
    """The last token's window begins with the last of a block, which vLLM gives up once the whole
    prompt is computed; or that token is alone in its block."""
    lengths = [beyond + BLOCK * number for number in range(9, 49, 2)]
    longer = [
        (prompt * LONGEST)[:LONGEST] for prompt in random_prompts(25 + beyond, 21, LONGEST)[1:]
    ]
    prompts = [
        [3 + n, *prompt[: length - 1]] for n, (prompt, length) in enumerate(zip(longer, lengths))
    ]
    check(windows, prompts, complete_all(windows.proxy_url, prompts))


def test_prefill_preempts_what_it_is_handing_over(windows: Deployment):
    """Beside two long requests a prompt can begin, but not end before one of them has ended."""
    prefill = windows.servers["prefill"]
    hogs = [(prompt * 3200)[:3200] for prompt in random_prompts(22, 3, 900)[1:]]
    assert 2 * (3200 + 300 + WINDOW) // BLOCK < BLOCKS < 2 * 3200 // BLOCK + 1500 // BLOCK + 20
    prompts = [prompt for prompt in random_prompts(23, 30, LONGEST) if len(prompt) > 1500][:2]
    before = prefill.metric(PREEMPTED)
    with ThreadPoolExecutor(4) as pool:
        long = [
            pool.submit(complete, prefill.url, hog, stream=True, max_tokens=300) for hog in hogs
        ]
        wait_for("both run", lambda: prefill.metric("vllm:num_requests_running") == 2, 60)
        answers = list(pool.map(lambda prompt: complete(windows.proxy_url, prompt), prompts))
        assert [job.result().error for job in long] == ["", ""]
    assert prefill.metric(PREEMPTED) > before, "nothing was preempted"
    check(windows, prompts, answers)


def test_decode_preempts_what_it_has_received(windows: Deployment):
    """Five prompts fit, and their answers do not."""
    decode, tokens = windows.servers["decode"], 256
    prompts = [(prompt * 1300)[:1300] for prompt in random_prompts(24, 8, 700)]
    prompts = [[number + 3, *prompt[1:]] for number, prompt in enumerate(prompts)]
    before = decode.metric(PREEMPTED)
    with ThreadPoolExecutor(len(prompts)) as pool:
        ask = lambda prompt: complete(windows.proxy_url, prompt, max_tokens=tokens)  # noqa: E731
        answers = list(pool.map(ask, prompts))
    assert decode.metric(PREEMPTED) > before, "nothing was preempted"
    check(windows, prompts, answers, max_tokens=tokens)
