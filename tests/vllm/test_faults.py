"""Whoever dies: each request ends right or with a clean error before its deadline; then it goes on.

"Right" is what one engine answers alone. `mend` starts again what was killed.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.cluster import wait_for
from tests.vllm.deployment import LOADED, Deployment
from tests.vllm.prompts import Answer, check_answer, complete, random_prompts

AT_ONCE = 6


def long_prompts(seed: int) -> list[list[int]]:
    return [prompt * 2 for prompt in random_prompts(seed, 40, 1900) if len(prompt) > 1200][:AT_ONCE]


def while_running(
    deployment: Deployment, prompts: list[list[int]], ready: Callable[[], bool], fault: Callable
) -> list[Answer]:
    """Sends the prompts, brings the fault about once `ready`, and collects all ends."""
    with ThreadPoolExecutor(len(prompts)) as pool:
        jobs = [
            pool.submit(complete, deployment.proxy_url, prompt, stream=number % 2 == 0)
            for number, prompt in enumerate(prompts)
        ]
        wait_for("the moment of the fault", ready, 60)
        fault()
        return [job.result() for job in jobs]


def check(deployment: Deployment, prompts: list[list[int]], answers: list[Answer]) -> None:
    """Right tokens or a named error; then all works as before."""
    deployment.mend()
    decode = deployment.servers["decode"]
    for prompt, answer in zip(prompts, answers):
        if not answer.error:
            check_answer(deployment, prompt, answer)
    fresh = [prompt[::-1] for prompt in prompts[:2]]
    loaded = decode.metric(LOADED)
    for prompt in fresh:
        again = complete(deployment.proxy_url, prompt)
        assert again.error == ""
        check_answer(deployment, prompt, again)
    wait_for("decode loads from prefill again", lambda: decode.metric(LOADED) > loaded)
    deployment.cluster.wait_all_free(60)


def is_live(deployment: Deployment, instance: str) -> Callable[[], bool]:
    return lambda: bool(deployment.status(instance)["transfers"])


@pytest.mark.parametrize("engine", ["prefill", "decode"])
def test_an_engine_is_killed_while_kv_flows(deployment: Deployment, engine: str):
    prompts = long_prompts(11 if engine == "prefill" else 12)
    answers = while_running(
        deployment, prompts, is_live(deployment, engine), deployment.servers[engine].kill
    )
    if engine == "prefill":  # decode can do it alone
        assert not [answer.error for answer in answers if answer.error]
    check(deployment, prompts, answers)


@pytest.mark.parametrize("node", ["prefill-0", "decode-0"])
def test_an_agent_is_killed_while_kv_flows(deployment: Deployment, node: str):
    prompts = long_prompts(13 if node == "prefill-0" else 14)
    instance = node.partition("-")[0]
    answers = while_running(
        deployment, prompts, is_live(deployment, instance), deployment.cluster.agent(node).kill
    )
    check(deployment, prompts, answers)


def test_without_the_rendezvous_all_goes_on(deployment: Deployment):
    deployment.cluster.processes["rendezvous"].kill()
    decode = deployment.servers["decode"]
    loaded = decode.metric(LOADED)
    prompts = long_prompts(15)[:2]
    for prompt in prompts:
        answer = complete(deployment.proxy_url, prompt)
        assert answer.error == ""
        check_answer(deployment, prompt, answer)
    wait_for("decode loads", lambda: decode.metric(LOADED) > loaded)


def test_wrong_kv_would_be_seen(deployment: Deployment):
    """The negative control: with the loaded blocks shifted by one the tokens differ."""
    deployment.servers["decode"].kill()
    wrong = {"kv_connector": "WrongKv", "kv_connector_module_path": "tests.vllm.wrong_kv"}
    deployment.start_server("decode", **wrong)
    deployment.mend()
    prompts = random_prompts(16, 8, 900)[1:]
    answers = [complete(deployment.proxy_url, prompt) for prompt in prompts]
    assert not [answer.error for answer in answers if answer.error]
    expected = [complete(deployment.servers["prefill"].url, prompt).tokens for prompt in prompts]
    differing = [answer.tokens != tokens for answer, tokens in zip(answers, expected)]
    deployment.servers["decode"].kill()
    assert sum(differing) >= len(prompts) - 1, differing
