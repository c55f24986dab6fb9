"""Greedy tokens by way of two engines are those of one engine that has the prefix itself.

The comparison is with prefill's own engine, which has the prompt in its prefix cache. The model
computes in float32: with 16 bits, rounding differs with what else is in a batch, and turns now and
then a token whose runner-up is as likely.
"""

from __future__ import annotations

import json
import socket
import urllib.error
from concurrent.futures import ThreadPoolExecutor

import pytest
from pegaflow.vllm.params import SIX_KEYS

from tests.support.cluster import wait_for
from tests.vllm.deployment import FAILED, LOADED, Deployment, post
from tests.vllm.prompts import (
    OUTPUT,
    SAME,
    Answer,
    check_answer,
    complete,
    complete_all,
    difference,
    random_prompts,
)

# Of the tiny model: 4 layers, 4 heads of 32 elements, K and V, 4 bytes.
BYTES_PER_TOKEN = 4 * 4 * 32 * 2 * 4


def alone(deployment: Deployment, prompts: list[list[int]]) -> list[Answer]:
    """What prefill's engine answers without anybody's help."""
    url = deployment.servers["prefill"].url
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda prompt: complete(url, prompt), prompts))
    assert not [answer.error for answer in answers if answer.error]
    return answers


def test_a_serial_router_that_knows_six_keys(deployment: Deployment):
    prefill, decode = (deployment.servers[name] for name in ("prefill", "decode"))
    loaded = decode.metric(LOADED)
    prompts = random_prompts(1, 6, 2000)
    for number, prompt in enumerate(prompts):
        asked = {"prompt": prompt, "max_tokens": 1, "kv_transfer_params": SIX_KEYS}
        params = post(prefill.url, asked)["kv_transfer_params"]
        assert params["do_remote_prefill"] is True and set(SIX_KEYS) <= set(params)
        got = complete(decode.url, prompt, stream=number % 2 == 0, kv_transfer_params=params)
        assert got.error == ""
        check_answer(deployment, prompt, got)
    wait_for("the loads are counted", lambda: decode.metric(LOADED) > loaded)
    assert decode.metric(FAILED) == 0


def test_fifty_prompts_through_the_proxy(deployment: Deployment):
    decode = deployment.servers["decode"]
    prompts = random_prompts(2, 50, 2000)
    loaded, failed = decode.metric(LOADED), decode.metric(FAILED)
    answers = complete_all(deployment.proxy_url, prompts)
    assert not [answer.error for answer in answers if answer.error]
    assert [answer.prompt_tokens for answer in answers] == [len(prompt) for prompt in prompts]
    expected = alone(deployment, prompts)
    wrong = [
        (len(prompt), answer, other)
        for prompt, answer, other in zip(prompts, answers, expected)
        if difference(answer, other) >= SAME
    ]
    assert not wrong, f"{len(wrong)} of {len(prompts)}: {wrong}"
    # Decode did not compute the prompts: all but what it had itself came from prefill.
    most = sum(len(prompt) for prompt in prompts) // 2 * BYTES_PER_TOKEN
    wait_for("the loads are counted", lambda: decode.metric(LOADED) - loaded > most)
    assert decode.metric(FAILED) == failed


def test_chat(deployment: Deployment):
    asked = {
        "messages": [{"role": "user", "content": "hidden size of the layers " * 40}],
        "max_tokens": OUTPUT,
    }
    answers = [
        post(url, asked, path="/v1/chat/completions")
        for url in (deployment.proxy_url, deployment.servers["prefill"].url)
    ]
    texts = [answer["choices"][0]["message"]["content"] for answer in answers]
    assert texts[0] == texts[1]
    assert answers[0]["usage"]["prompt_tokens"] == answers[1]["usage"]["prompt_tokens"]


def test_several_prompts_and_samples(deployment: Deployment):
    prompts = random_prompts(3, 3, 300)
    asked = {"prompt": prompts, "max_tokens": 4, "return_token_ids": True, "ignore_eos": True}
    choices = post(deployment.proxy_url, asked)["choices"]
    assert [choice["token_ids"] for choice in choices] == [
        answer.tokens[:4] for answer in alone(deployment, prompts)
    ]
    asked = {"prompt": prompts[1], "n": 3, "temperature": 1.0, "max_tokens": 4}
    assert len(post(deployment.proxy_url, asked)["choices"]) == 3


def test_a_serial_router_may_send_several_prompts_and_samples(deployment: Deployment):
    """Prefill answers with one prompt's parameters; the others' content does not fit them."""
    prefill, decode = (deployment.servers[name] for name in ("prefill", "decode"))
    prompts = random_prompts(4, 3, 300)
    asked = {"prompt": prompts, "max_tokens": 1, "kv_transfer_params": SIX_KEYS}
    params = post(prefill.url, asked)["kv_transfer_params"]
    asked = {"prompt": prompts, "max_tokens": 4, "return_token_ids": True, "ignore_eos": True}
    greedy = {"n": 2, "temperature": 1.0, "top_k": 1}  # vLLM refuses n > 1 at temperature 0
    choices = post(decode.url, {**asked, **greedy, "kv_transfer_params": params})["choices"]
    expected = [answer.tokens[:4] for answer in alone(deployment, prompts) for _ in range(2)]
    assert [choice["token_ids"] for choice in choices] == expected


def test_mistakes_are_answered_as_an_engine_answers_them(deployment: Deployment):
    for asked in ({"prompt": [1], "max_tokens": -1}, {"prompt": [1], "model": "unknown"}):
        codes = []
        for url in (deployment.proxy_url, deployment.servers["decode"].url):
            with pytest.raises(urllib.error.HTTPError) as caught:
                post(url, asked)
            codes.append(caught.value.code)
            assert json.loads(caught.value.read())["error"]["message"]
        assert codes[0] == codes[1] and 400 <= codes[0] < 500


def test_a_client_that_leaves_ends_both_legs(deployment: Deployment):
    head = "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    asked = {"prompt": random_prompts(5, 2, 900)[1], "max_tokens": 3000, "stream": True}
    body = json.dumps({**asked, "model": "tiny", "ignore_eos": True}).encode()
    with socket.create_connection(("127.0.0.1", deployment.ports["proxy"])) as client:
        client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        client.settimeout(60)
        assert b"data: " in client.recv(65536) + client.recv(65536)
    for server in deployment.servers.values():
        wait_for(
            f"{server.name} runs nothing",
            lambda server=server: server.metric("vllm:num_requests_running") == 0,
            60,
        )
    deployment.cluster.wait_all_free()
