"""Prompts as token ids, requests for them, and what one engine answers alone."""

from __future__ import annotations

import json
import math
import random
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from tests.vllm.deployment import FAILED, MODEL_NAME, Deployment, post

FIRST_TOKEN, VOCABULARY = 3, 380  # what the tiny model's tokenizer surely has
OUTPUT = 16
DEADLINE = 90.0
# Between log-probabilities of the same tokens: other batches and chunks of a prompt differ by 2e-6,
# one wrong block of KV by 2e-3 and more, which need not turn a token.
SAME = 1e-4


@dataclass
class Answer:
    """Tokens, or why there are none."""

    tokens: list[int]
    logprobs: list[float]
    prompt_tokens: int = 0
    error: str = ""


def random_prompts(seed: int, count: int, longest: int) -> list[list[int]]:
    """Of 1 to `longest` tokens; a third begins like one of the others."""
    source = random.Random(seed)
    prompts: list[list[int]] = []
    for number in range(count):
        length = 1 if number == 0 else source.randint(1, longest)
        tokens = [source.randrange(FIRST_TOKEN, VOCABULARY) for _ in range(length)]
        if number % 3 == 2:
            shared = source.choice(prompts)
            tokens[: len(shared)] = shared[:length]
        prompts.append(tokens)
    return prompts


def body(prompt: list[int], **more: Any) -> dict[str, Any]:
    return {
        "prompt": prompt,
        "max_tokens": OUTPUT,
        "logprobs": 1,
        "ignore_eos": True,
        "return_token_ids": True,
        **more,
    }


def complete(url: str, prompt: list[int], stream: bool = False, **more: Any) -> Answer:
    """Never raises for what the service answers: an error is an answer."""
    try:
        if stream:
            return _streamed(url, prompt, **more)
        answer = post(url, body(prompt, **more), timeout=DEADLINE)
        (choice,) = answer["choices"]
        if choice["finish_reason"] == "error":
            return Answer([], [], error="finish_reason error")
        logprobs = choice["logprobs"]["token_logprobs"]
        return Answer(choice["token_ids"], logprobs, answer["usage"]["prompt_tokens"])
    except urllib.error.HTTPError as error:
        return Answer([], [], error=f"{error.code}: {error.read()[:500]!r}")
    except (OSError, ValueError) as error:
        assert "timed out" not in str(error), "no end before the deadline"
        return Answer([], [], error=repr(error))


def _streamed(url: str, prompt: list[int], **more: Any) -> Answer:
    asked = body(prompt, stream=True, stream_options={"include_usage": True}, **more)
    data = json.dumps({"model": MODEL_NAME, "temperature": 0, **asked}).encode()
    request = urllib.request.Request(
        url + "/v1/completions", data, {"Content-Type": "application/json"}
    )
    answer, ended = Answer([], []), False
    with urllib.request.urlopen(request, timeout=DEADLINE) as lines:
        for line in lines:
            if not line.startswith(b"data: "):
                continue
            if line.strip() == b"data: [DONE]":
                ended = True
                continue
            event = json.loads(line[6:])
            if "error" in event:
                return replace(answer, error=str(event["error"]))
            answer.prompt_tokens = (event.get("usage") or {}).get("prompt_tokens", 0)
            for choice in event["choices"]:
                answer.tokens += choice.get("token_ids") or []
                answer.logprobs += (choice.get("logprobs") or {}).get("token_logprobs", [])
    return answer if ended else replace(answer, error="the stream broke off")


def complete_all(url: str, prompts: list[list[int]], at_once: int = 8) -> list[Answer]:
    """All prompts, some at once, every other one streamed."""
    with ThreadPoolExecutor(at_once) as pool:
        jobs = [
            pool.submit(complete, url, prompt, stream=number % 2 == 1)
            for number, prompt in enumerate(prompts)
        ]
        return [job.result() for job in jobs]


def difference(one: Answer, other: Answer) -> float:
    """The largest one between log-probabilities; infinite where tokens differ."""
    if one.tokens != other.tokens or not one.tokens:
        return math.inf
    return max(abs(a - b) for a, b in zip(one.logprobs, other.logprobs, strict=True))


def check_answer(deployment: Deployment, prompt: list[int], answer: Answer, **more: Any) -> None:
    """It is what prefill's engine answers alone."""
    alone = complete(deployment.servers["prefill"].url, prompt, **more)
    assert difference(answer, alone) < SAME, f"prompt of {len(prompt)}: {answer}, not {alone}"


def check(
    deployment: Deployment, prompts: list[list[int]], answers: list[Answer], **more: Any
) -> None:
    """They are what prefill's engine answers alone; no load failed, nothing is left."""
    assert not [answer.error for answer in answers if answer.error]
    for prompt, answer in zip(prompts, answers):
        check_answer(deployment, prompt, answer, **more)
    assert deployment.servers["decode"].metric(FAILED) == 0
    deployment.cluster.wait_all_free()
