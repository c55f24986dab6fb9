"""vLLM connector: what routers carry, settings, and the content hash."""

from __future__ import annotations

import hashlib
import struct

import pytest

params = pytest.importorskip("pegaflow.vllm.params", reason="pegaflow is not installed")
settings = pytest.importorskip("pegaflow.vllm.settings")

KEY = bytes(range(32))
ANSWER = params.Answer(KEY, "prefill", 1, 77, 300, b"h" * 16, b"f" * 32, 2, 1)


def test_six_keys_ask_for_prefill():
    assert params.parse(params.SIX_KEYS) == params.Produce(None)


def test_what_prefill_answers_is_what_decode_understands():
    expected = params.Fetch(KEY, "prefill", 1, 77, 300, b"h" * 16, b"f" * 32)
    assert params.parse(ANSWER.params()) == expected
    assert set(params.SIX_KEYS) <= set(ANSWER.params())


def test_a_router_that_drops_unknown_keys_still_names_key_and_source():
    passed_on = {k: v for k, v in ANSWER.params().items() if k != "pegaflow"}
    assert params.parse(passed_on) == params.Fetch(KEY, "prefill")


def test_minted_keys():
    minted = {"pegaflow": {"v": 1, "key": KEY.hex()}}
    assert params.parse({"do_remote_decode": True, **minted}) == params.Produce(KEY)
    minted["pegaflow"]["instance"] = "p0"
    assert params.parse({"do_remote_prefill": True, **minted}) == params.Fetch(KEY, "p0")


@pytest.mark.parametrize("nothing", [None, {}, {"do_remote_decode": False}, {"other": 1}])
def test_plain_requests_are_plain(nothing):
    assert params.parse(nothing) is None


@pytest.mark.parametrize(
    "changes, text",
    [
        ({"v": 2}, "pegaflow.v: expected 1, not 2"),
        ({"key": "00"}, "key: expected 64 hexadecimal digits, not '00'"),
        ({"key": "zz" * 32}, "key: expected 64 hexadecimal"),
        ({"instance": ""}, "instance: expected 1 to 64 bytes"),
        ({"dp": -1}, "dp: expected a whole number"),
        ({"dp": True}, "dp: expected a whole number"),
        ({"n_tokens": "7"}, "n_tokens: expected a whole number"),
        ({"reference": 1 << 64}, "reference: expected a whole number"),
        ({"hash": 5}, "hash: expected 32 hexadecimal"),
    ],
)
def test_bad_parameters_are_named(changes, text):
    wrong = ANSWER.params()
    wrong["pegaflow"].update(changes)
    with pytest.raises(ValueError) as caught:
        params.parse(wrong)
    assert text in str(caught.value)


def test_content_hash_is_what_the_page_says():
    expected = hashlib.sha256(
        b"\x01" + struct.pack("<3I", 1, 2, 70000) + struct.pack("<I", 1) + b"m" + bytes(8)
    ).digest()[:16]
    assert params.content_hash([1, 2, 70000], ["m"]) == expected


def test_content_hash_sees_everything():
    prompts = [
        params.content_hash([1, 2]),
        params.content_hash([1, 2, 3]),
        params.content_hash([1, 3]),
        params.content_hash([1, 2], ["a"]),
        params.content_hash([1, 2], lora="a"),
        params.content_hash([1, 2], salt="a"),
    ]
    assert len(set(prompts)) == len(prompts)


GOOD = {"socket": "/run/a.sock", "instance": "p"}


@pytest.mark.parametrize(
    "extra, text",
    [
        ({"instance": "p"}, "socket is missing"),
        ({"socket": "/a"}, "instance is missing"),
        ({**GOOD, "pushh": "step"}, "unknown pushh; known: socket, instance, push"),
        ({**GOOD, "push": "often"}, "push = 'often': expected auto or layer or step"),
        ({**GOOD, "reserve": 1}, "reserve = 1: expected on_offer or at_once"),
        ({**GOOD, "lease": -1}, "lease = -1: seconds"),
    ],
)
def test_bad_settings_are_named(extra, text):
    with pytest.raises(ValueError) as caught:
        settings.Settings.parse(extra)
    assert text in str(caught.value)


def test_settings_have_defaults():
    parsed = settings.Settings.parse({**GOOD, "lease": 5})
    assert (parsed.push, parsed.reserve, parsed.lease) == ("auto", "on_offer", 5)
