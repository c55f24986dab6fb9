"""pegaflow-proxy: bodies changed as bytes, and which requests go to decode alone."""

from __future__ import annotations

import json
import random

import pytest

members = pytest.importorskip("pegaflow.proxy.members", reason="pegaflow is not installed")
from pegaflow.proxy import engines, legs  # noqa: E402

PAIR = engines.Pair(
    engines.Engine("p0", "http://p", "prefill", "prefill"),
    engines.Engine("d0", "http://d", "decode", "decode"),
)


def random_value(source: random.Random, depth: int = 0):
    kinds = ["number", "text", "word"] + (["list", "object", "ids"] if depth < 3 else [])
    kind = source.choice(kinds)
    if kind == "number":
        return source.choice([0, -1, 1.5e-7, 12345678901234567890])
    if kind == "text":
        return source.choice(["", 'quote " and \\', "brackets ]}[{", "ünï\ncode", ", : \\\\"])
    if kind == "word":
        return source.choice([True, False, None])
    if kind == "ids":
        return [source.randrange(100000) for _ in range(source.randrange(50))]
    values = [random_value(source, depth + 1) for _ in range(source.randrange(4))]
    return values if kind == "list" else {f'k{n}"]': value for n, value in enumerate(values)}


@pytest.mark.parametrize("seed", range(200))
def test_members_are_what_json_says(seed):
    source = random.Random(seed)
    value = {f"m{n}": random_value(source) for n in range(source.randrange(6))}
    indent = source.choice([None, 1])
    body = json.dumps(value, indent=indent, ensure_ascii=source.random() < 0.5).encode()
    found = members.members(body)
    assert {name: json.loads(text) for name, text in found.items()} == value
    changed = members.changed(found, {"m0": [1], "new": None}, frozenset(["m1"]))
    expected = {n: v for n, v in value.items() if n != "m1"} | {"m0": [1], "new": None}
    assert json.loads(changed) == expected


def test_values_keep_their_bytes():
    body = b'{"prompt": [1,  2,\n3], "temperature": 0.10}'
    changed = members.changed(members.members(body), {"x": 1}, frozenset())
    assert b"[1,  2,\n3]" in changed and b":0.10" in changed


def test_a_name_given_twice_counts_last():
    assert members.members(b'{"n": 1, "n": 2}') == {"n": b"2"}


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"a"}', b'{"a":}', b'{"a":1', b'{"a":[1}', b'{"a":1}x', b'{"a" 1}']
)
def test_what_is_no_object_is_not_taken_for_one(body):
    with pytest.raises(members.NotAnObject):
        found = members.members(body)
        assert all(json.loads(value) is not None for value in found.values())


def request(value, path="/v1/completions"):
    return legs.Request.read(path, json.dumps(value).encode())


def test_both_legs_name_the_same_key():
    body = {"prompt": [1, 2], "max_tokens": 50, "stream": True, "n": 1, "min_tokens": 3}
    both = legs.bodies(request(body), PAIR)
    produce, fetch = json.loads(both.prefill), json.loads(both.decode)
    key = produce["kv_transfer_params"]["pegaflow"]["key"]
    assert len(key) == 64
    assert fetch["kv_transfer_params"]["pegaflow"] == {"v": 1, "key": key, "instance": "prefill"}
    assert fetch["kv_transfer_params"]["do_remote_prefill"] is True
    assert produce["kv_transfer_params"]["do_remote_decode"] is True
    assert (produce["max_tokens"], produce["stream"]) == (1, False)
    assert "min_tokens" not in produce and "n" not in produce
    assert {k: v for k, v in fetch.items() if k != "kv_transfer_params"} == body
    assert json.loads(legs.bodies(request(body), PAIR).prefill) != produce


def test_chat_is_limited_by_its_own_name():
    body = {"messages": [{"role": "user", "content": "x"}], "max_tokens": 9, "tools": [{"a": 1}]}
    produce = json.loads(legs.bodies(request(body, "/v1/chat/completions"), PAIR).prefill)
    assert produce["max_completion_tokens"] == 1 and "max_tokens" not in produce
    assert produce["tools"] == [{"a": 1}] and produce["messages"] == body["messages"]


@pytest.mark.parametrize(
    "more, alone",
    [
        ({}, False),
        ({"n": 1}, False),
        ({"n": None}, False),
        ({"n": 2}, True),
        ({"best_of": 3}, True),
        ({"prompt": ["a", "b"]}, True),
        ({"prompt": [[1, 2]]}, True),
        ({"prompt": []}, False),
        ({"prompt": [1, 2]}, False),
        ({"echo": True}, True),
        ({"prompt_logprobs": 1}, True),
        ({"prompt_logprobs": None}, False),
        ({"prompt_embeds": "x"}, True),
        ({"kv_transfer_params": {}}, True),
    ],
)
def test_who_goes_to_decode_alone(more, alone):
    assert request({"prompt": "text", **more}).alone is alone


def test_what_is_not_json_is_for_decode_to_refuse():
    broken = legs.Request.read("/v1/completions", b"{nonsense")
    assert broken.alone and not broken.streams
    assert legs.bodies(broken, PAIR) == legs.Legs(None, b"{nonsense")


TOPOLOGY = {
    "nodes": [
        {"name": "p0", "role": "prefill"},
        {"name": "p1", "role": "prefill"},
        {"name": "d0", "role": "decode"},
        {"name": "d1", "role": "decode"},
    ],
    "links": [
        {"from": "p0", "to": "d0"},
        {"from": "p1", "to": "d0"},
        {"from": "p1", "to": "d1"},
    ],
}
URLS = {name: f"http://{name}" for name in ("p0/pre", "p1", "d0", "d1")}


def living():
    made = engines.Engines.of_topology(TOPOLOGY, URLS)
    for engine in made.all:
        engine.alive = True
    return made


def test_engines_take_turns_over_allowed_links():
    made = living()
    picked = {(pair.prefill.node, pair.decode.node) for pair in (made.pick() for _ in range(8))}
    assert {decode for _, decode in picked} == {"d0", "d1"}
    assert ("p0", "d1") not in picked
    assert {prefill for prefill, _ in picked} == {"p0", "p1"}


def test_the_dead_and_the_avoided_are_left_out():
    made = living()
    made.all[2].alive = False
    assert {made.pick().decode.node for _ in range(4)} == {"d1"}
    made.all[1].alive = False
    assert made.pick().prefill is None
    made.all[3].alive = False
    assert made.pick() is None
    made = living()
    assert {made.pick(frozenset(["d0"])).decode.node for _ in range(4)} == {"d1"}
    both = frozenset(["d0", "d1", "p0", "p1"])
    assert made.pick(both).decode is not None and made.pick(both).prefill is None


def test_instances_are_called_like_their_node_unless_told():
    assert [engine.instance for engine in living().all] == ["pre", "p1", "d0", "d1"]


def test_engines_of_unknown_nodes_are_refused():
    with pytest.raises(ValueError, match="no such node in the topology; it has p0, p1"):
        engines.Engines.of_topology(TOPOLOGY, {"x": "http://x"})
    with pytest.raises(ValueError, match="role is decode or both"):
        engines.Engines.of_topology(TOPOLOGY, {"p0": "http://x"})
