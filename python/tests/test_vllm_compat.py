"""vLLM connector: vLLM's objects become ours; stand-ins with the fields that are read."""

from __future__ import annotations

import sys
from types import SimpleNamespace as Object

import pytest

pytest.importorskip("pegaflow", reason="pegaflow is not installed")
from pegaflow.vllm import compat, layout, scheduler  # noqa: E402


@pytest.mark.parametrize("version", ["0.26.0", "0.29.1rc2", "0.32.0+cpu", "0.33.0.post1"])
def test_known_releases(version):
    assert compat.check_version(version)[0] == 0


@pytest.mark.parametrize("version", ["0.25.9", "0.34.0", "1.0", "dev"])
def test_other_releases_are_refused_by_name(version):
    with pytest.raises(compat.UnsupportedVllm) as caught:
        compat.check_version(version)
    assert str(caught.value).startswith(f"vLLM {version}: PegaPdConnector supports 0.26 to 0.33")


def test_requests():
    request = Object(
        request_id="r",
        prompt_token_ids=[1, 2],
        kv_transfer_params={"a": 1},
        mm_features=[Object(identifier="image")],
        lora_request=Object(lora_name="l"),
        cache_salt="s",
        status=Object(name="FINISHED_STOPPED"),
    )
    expected = scheduler.RequestView("r", [1, 2], {"a": 1}, ("image",), "l", "s")
    assert compat.request_view(request) == expected
    assert compat.ended_well(request)
    request.status.name = "FINISHED_ABORTED"
    assert not compat.ended_well(request)


@pytest.mark.parametrize(("computed", "left"), [(0, [1, 2]), (1, [1, 2]), (2, [1, 2, 3])])
def test_prefill_leaves_the_last_token(computed, left):
    """But when all others are there already, vLLM needs one to compute."""
    tokens = [1, 2, 3]
    request = Object(
        prompt_token_ids=tokens, _all_token_ids=list(tokens), num_prompt_tokens=3, max_tokens=50
    )
    compat.leave_last_token(request, computed)
    assert request.prompt_token_ids == request._all_token_ids == left
    assert request.num_prompt_tokens == len(left) and request.max_tokens == 1
    assert tokens == [1, 2, 3]


def test_steps():
    output = Object(
        scheduled_new_reqs=[
            Object(req_id="new", block_ids=([1, 2], [3]), num_computed_tokens=16),
            Object(req_id="other", block_ids=([9], [9]), num_computed_tokens=0),
        ],
        scheduled_cached_reqs=Object(
            req_ids=["old", "back"],
            new_block_ids=[None, ([4], [5])],
            num_computed_tokens=[30, 0],
            resumed_req_ids={"back"},
        ),
        num_scheduled_tokens={"new": 10, "other": 1, "old": 1, "back": 7},
        preempted_req_ids=None,
    )
    wanted = {"new", "old", "back"}
    assert compat.scheduled(output, wanted.__contains__, [1]) == [
        scheduler.Scheduled("new", [[3]], 16, 10, True),
        scheduler.Scheduled("old", None, 30, 1, False),
        scheduler.Scheduled("back", [[5]], 0, 7, True),
    ]
    assert compat.preempted(output) == set()


class MLAAttentionSpec:
    block_size, num_kv_heads, head_size = 64, 1, 576


def full(**changes):
    values = {"block_size": 16, "num_kv_heads": 4, "head_size": 128, "sliding_window": None}
    return Object(**{**values, **changes})


def groups(*specs):
    return Object(
        num_blocks=10,
        kv_cache_groups=[Object(kv_cache_spec=s, layer_names=["l.10", "l.2"]) for s in specs],
    )


def test_groups():
    config = groups(full(), full(sliding_window=512), MLAAttentionSpec())
    names = ("l.2", "l.10")
    assert compat.transfer_groups(config) == [0, 1, 2]
    assert compat.group_spec(config, 0) == layout.GroupSpec(names, 16, 4, 128, 128)
    assert compat.group_spec(config, 1) == layout.GroupSpec(names, 16, 4, 128, 128, 512)
    assert compat.group_spec(config, 2) == layout.GroupSpec(names, 64, 1, 576, 0)
    assert compat.group_views(config)[1] == scheduler.GroupView(16, 512)
    config.transfer_group_ids = (1,)
    assert compat.transfer_groups(config) == [1]


def test_layers_of_one_type_must_be_of_one_size():
    same = Object(kv_cache_specs={"a": full(), "b": full()})
    assert compat.group_spec(groups(same), 0).heads == 4
    unlike = Object(kv_cache_specs={"a": full(), "b": full(num_kv_heads=2)})
    with pytest.raises(layout.UnsupportedLayout, match="KV of several sizes"):
        compat.group_spec(groups(unlike), 0)


def test_groups_that_are_no_attention_are_refused():
    with pytest.raises(layout.UnsupportedLayout, match="only attention can be transferred"):
        compat.group_spec(groups(Object(block_size=16)), 0)


def vllm_config(**changes):
    path = changes.pop("model", "/models/m")
    facts = {"hidden_size": 64, "_name_or_path": "/a", "rope_theta": 1e4, **changes}
    model = Object(
        model=path,
        hf_text_config=Object(to_dict=lambda: facts),
        architectures=["Llama"],
        dtype="bfloat16",
    )
    return Object(
        model_config=model,
        cache_config=Object(cache_dtype="auto"),
        device_config=Object(device_type="cuda"),
    )


def test_fingerprints_tell_models_apart():
    first = compat.fingerprint(vllm_config(), "0.32.0", "")
    assert len(first) == 32
    assert compat.fingerprint(vllm_config(_name_or_path="/b"), "0.33.0", "") == first
    assert compat.fingerprint(vllm_config(rope_theta=5e5), "0.32.0", "") != first
    assert compat.fingerprint(vllm_config(model="/other"), "0.32.0", "") != first
    named = [compat.fingerprint(vllm_config(model=path), "0.32.0", "m") for path in ("/a", "/b")]
    assert named[0] == named[1] != first


def test_the_default_stream_has_a_handle_that_is_waited_for(monkeypatch):
    """PyTorch calls it 0, which would mean: host memory, ready at once."""
    handles = [0, 0x7F00]
    stream = lambda: Object(cuda_stream=handles.pop(0))  # noqa: E731
    torch = Object(cuda=Object(current_stream=stream))
    monkeypatch.setitem(sys.modules, "torch", torch)
    now = compat.stream_of("cuda")
    assert [now(), now()] == [1, 0x7F00]
    assert compat.stream_of("cpu")() == 0
