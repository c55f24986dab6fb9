"""All that differs between vLLM releases, and how vLLM's objects become ours.

Releases 0.26 to 0.33. Nothing else in this package looks into vLLM's objects.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .layout import Deployment, GroupSpec, LayerTensor, UnsupportedLayout, layer_order
from .layout import opaque_digest
from .scheduler import GroupView, RequestView, Scheduled

OLDEST, NEWEST = (0, 26), (0, 33)
LEGACY_STREAM = 1  # CUDA's name for the default stream that is not 0
# Of a model's configuration, what says nothing about its KV.
VOLATILE = ("_name_or_path", "transformers_version", "architectures", "torch_dtype", "dtype")


class UnsupportedVllm(RuntimeError):
    """This release, or something configured in it, does not work with this connector."""


def check_version(version: str) -> tuple[int, int]:
    """The release as a pair; raises for one that the connector was not made for."""
    match = re.match(r"(\d+)\.(\d+)", version)
    release = (int(match[1]), int(match[2])) if match else (0, 0)
    if not OLDEST <= release <= NEWEST:
        raise UnsupportedVllm(
            f"vLLM {version}: PegaPdConnector supports {OLDEST[0]}.{OLDEST[1]} to"
            f" {NEWEST[0]}.{NEWEST[1]}; install one of these, or a newer pegaflow-ucx"
        )
    return release


def check_config(vllm_config: Any, release: tuple[int, int], n_groups: int) -> None:
    """Refuses, at start, what would fail later."""
    model = vllm_config.model_config
    if release < (0, 33) and getattr(model, "enable_sleep_mode", False):
        raise UnsupportedVllm(
            "sleep mode: vLLM tells connectors of it from 0.33 on; leave out --enable-sleep-mode"
        )
    if is_cpu(vllm_config) and not has_transfer_results():
        raise UnsupportedVllm(
            "the CPU backend before vLLM 0.32: a block's K and V lie apart, and cannot be copied"
            " whole; use 0.32 or later"
        )
    if n_groups > 1 and not has_transfer_results():
        raise UnsupportedVllm(
            f"{n_groups} KV cache groups: this vLLM cannot report a failed load of such a model;"
            " use 0.32 or later, or --disable-hybrid-kv-cache-manager"
        )


def has_transfer_results() -> bool:
    """Whether runners call get_transfer_results (0.32 and later)."""
    return transfer_results_class() is not None


def transfer_results_class() -> Any:
    """vLLM's class for what ended; None before 0.32."""
    from vllm.distributed.kv_transfer.kv_connector.v1 import base  # type: ignore

    return getattr(base, "KVConnectorTransferResults", None)


def worker_metadata_class() -> Any:
    """vLLM's base of what workers tell the scheduler; before it had one, nothing is told."""
    from vllm.distributed.kv_transfer.kv_connector.v1 import base

    return getattr(base, "KVConnectorWorkerMetadata", object)


def tells_of_new_requests() -> bool:
    """Whether the scheduler calls on_new_request."""
    from vllm.distributed.kv_transfer.kv_connector.v1 import base

    return hasattr(base.KVConnectorBase_V1, "on_new_request")


# ---- scheduler
def request_view(request: Any) -> RequestView:
    """What the scheduler's part needs to know of a request."""
    features = getattr(request, "mm_features", None) or ()
    lora = request.lora_request
    return RequestView(
        request.request_id,
        request.prompt_token_ids,
        request.kv_transfer_params,
        tuple(feature.identifier for feature in features),
        lora.lora_name if lora is not None else None,
        getattr(request, "cache_salt", None),
    )


def leave_last_token(request: Any, computed: int) -> None:
    """Prefill computes the prompt but for its last token, and answers with one token.

    vLLM's own connectors do this for Mamba. `computed` tokens are there already: one is left to
    compute, or vLLM would have nothing to schedule.
    """
    request.max_tokens = 1
    if request.num_prompt_tokens - computed > 1:
        request.prompt_token_ids = request.prompt_token_ids[:-1]  # others may have the same list
        request._all_token_ids.pop()
        request.num_prompt_tokens -= 1


def ended_well(request: Any) -> bool:
    """Whether it ended as asked for, so that all of its prompt is computed."""
    return request.status.name in ("FINISHED_LENGTH_CAPPED", "FINISHED_STOPPED")


def scheduled(output: Any, wants: Callable[[str], bool], groups: Sequence[int]) -> list[Scheduled]:
    """The step's shares of the wanted requests. `groups`: which block tables are transferred."""
    return [*_new(output, wants, groups), *_cached(output, wants, groups)]


def _new(output: Any, wants: Callable[[str], bool], groups: Sequence[int]) -> Iterator[Scheduled]:
    for new in output.scheduled_new_reqs:
        if wants(new.req_id):
            blocks = [new.block_ids[group] for group in groups]
            count = output.num_scheduled_tokens[new.req_id]
            yield Scheduled(new.req_id, blocks, new.num_computed_tokens, count, True)


def _cached(
    output: Any, wants: Callable[[str], bool], groups: Sequence[int]
) -> Iterator[Scheduled]:
    cached = output.scheduled_cached_reqs
    for index, req in enumerate(cached.req_ids):
        if wants(req):
            ids = cached.new_block_ids[index]
            blocks = None if ids is None else [ids[group] for group in groups]
            count = output.num_scheduled_tokens[req]
            resumed = req in cached.resumed_req_ids
            yield Scheduled(req, blocks, cached.num_computed_tokens[index], count, resumed)


def preempted(output: Any) -> set[str]:
    """Requests that lost their blocks in this step."""
    return output.preempted_req_ids or set()


# ---- what travels
def transfer_groups(kv_cache_config: Any) -> list[int]:
    """The numbers of the KV groups that connectors transfer."""
    chosen = getattr(kv_cache_config, "transfer_group_ids", None)
    return list(chosen if chosen is not None else range(len(kv_cache_config.kv_cache_groups)))


def group_spec(kv_cache_config: Any, number: int) -> GroupSpec:
    """What vLLM says of a group's layers."""
    group = kv_cache_config.kv_cache_groups[number]
    spec = group.kv_cache_spec
    many = getattr(spec, "kv_cache_specs", None)  # layers of one type and several sizes
    if many:
        spec = next(iter(many.values()))
        if any(_sizes(other) != _sizes(spec) for other in many.values()):
            raise UnsupportedLayout(f"group {number}: its layers have KV of several sizes")
    if not hasattr(spec, "num_kv_heads"):
        raise UnsupportedLayout(
            f"group {number} holds {type(spec).__name__}: only attention can be transferred"
        )
    return GroupSpec(tuple(layer_order(group.layer_names)), *_sizes(spec))


def _sizes(spec: Any) -> tuple[int, int, int, int, int]:
    mla = "MLA" in type(spec).__name__
    value = 0 if mla else (getattr(spec, "head_size_v", None) or spec.head_size)
    window = getattr(spec, "sliding_window", None) or 0
    return spec.block_size, spec.num_kv_heads, spec.head_size, value, window


def group_views(kv_cache_config: Any) -> list[GroupView]:
    """The groups as the scheduler's part sees them."""
    specs = [group_spec(kv_cache_config, number) for number in transfer_groups(kv_cache_config)]
    return [GroupView(spec.block_tokens, spec.window) for spec in specs]


def is_cpu(vllm_config: Any) -> bool:
    """Whether KV is in host memory, packed by CPU attention."""
    return bool(vllm_config.device_config.device_type == "cpu")


def heads_total(vllm_config: Any, spec: GroupSpec) -> int:
    """KV heads of the whole model; MLA has one, on each rank."""
    if spec.head_size_v == 0:
        return 1
    return int(vllm_config.model_config.get_total_num_kv_heads())


def fingerprint(vllm_config: Any, version: str, model: str) -> bytes:
    """32 bytes that are equal exactly for engines whose KV may be exchanged."""
    config = vllm_config.model_config
    text = config.hf_text_config.to_dict()
    facts = {
        "model": model or config.model,
        "config": {name: text[name] for name in sorted(text) if name not in VOLATILE},
        "architectures": config.architectures,
        "dtype": str(config.dtype),
        "kv": str(vllm_config.cache_config.cache_dtype),
        "packing": cpu_packing(vllm_config, version) if is_cpu(vllm_config) else {},
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).digest()


def cpu_packing(vllm_config: Any, version: str) -> dict[str, str]:
    """What decides how CPU attention packs a block: equal on both sides, or no exchange."""
    from vllm.v1.attention.backends import cpu_attn  # type: ignore

    config = vllm_config.model_config
    block = vllm_config.cache_config.block_size
    isa = cpu_attn._get_attn_isa(config.dtype, block, config.get_head_size())
    return {"vllm": version, "isa": isa, "block": str(block)}


def deployment(vllm_config: Any, kv_cache_config: Any, spec: GroupSpec, version: str) -> Deployment:
    """What a group's layout needs to know."""
    digest = None
    if is_cpu(vllm_config):
        packing = cpu_packing(vllm_config, version)
        dtype = str(vllm_config.cache_config.cache_dtype)
        digest = opaque_digest(
            packing=packing, dtype=dtype, heads=spec.heads, size=spec.head_size, v=spec.head_size_v
        )
    total = heads_total(vllm_config, spec)
    bounds = _stage_bounds(vllm_config, kv_cache_config)
    return Deployment(kv_cache_config.num_blocks, total, bounds, digest)


def _stage_bounds(vllm_config: Any, kv_cache_config: Any) -> tuple[int, ...] | None:
    stages = vllm_config.parallel_config.pipeline_parallel_size
    if stages == 1:
        return None
    if len(transfer_groups(kv_cache_config)) > 1:
        raise UnsupportedLayout("pipeline stages together with several KV cache groups")
    from vllm.distributed.utils import get_pp_indices  # type: ignore

    layers = vllm_config.model_config.get_total_num_hidden_layers()
    begins = [get_pp_indices(layers, stage, stages)[0] for stage in range(stages)]
    return (*begins, layers)


# ---- worker
def layer_tensor(name: str, tensor: Any) -> LayerTensor:
    """Where a KV tensor lies."""
    item = tensor.element_size()
    strides = tuple(stride * item for stride in tensor.stride())
    place = tensor.device
    return LayerTensor(
        name, tensor.data_ptr(), tuple(tensor.shape), strides, item, place.type, place.index or 0
    )


def rank_numbers(vllm_config: Any) -> dict[str, int]:
    """This worker's place in its instance, as pegaflow.Rank takes it."""
    from vllm.distributed.parallel_state import (  # type: ignore
        get_pp_group,
        get_tensor_model_parallel_rank,
    )

    parallel = vllm_config.parallel_config
    return {
        **data_parallel(vllm_config),
        "pp": get_pp_group().rank_in_group,
        "pp_size": parallel.pipeline_parallel_size,
        "tp": get_tensor_model_parallel_rank(),
        "tp_size": parallel.tensor_parallel_size,
    }


def data_parallel(vllm_config: Any) -> dict[str, int]:
    """The data-parallel rank and size."""
    parallel = vllm_config.parallel_config
    return {"dp": parallel.data_parallel_rank, "dp_size": parallel.data_parallel_size}


def stream_of(device: str) -> Callable[[], int]:
    """Where work is ordered right now: a CUDA stream handle, or 0 for host memory.

    PyTorch's handle of the default stream is 0, too, which would mean that nothing is to wait for.
    """
    if device == "cpu":
        return lambda: 0
    import torch  # type: ignore

    return lambda: int(torch.cuda.current_stream().cuda_stream) or LEGACY_STREAM


def allow_matrix_unit() -> None:
    """On CPUs with AMX: the first attention over loaded KV would die without this permission."""
    import torch

    if torch.cpu._is_amx_tile_supported():
        torch.cpu._init_amx()
