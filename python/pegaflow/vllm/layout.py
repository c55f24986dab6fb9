"""From vLLM's KV tensors to the groups of a pool.

Two families of tensors (see compat.py for which release has which):
- one order for all backends: [block, head, token, K and V side by side], any strides;
- before: [2, block, token, head, content], or with block and 2 exchanged;
  MLA [block, token, content].
CPU attention packs the inside of a block per instruction set, so its blocks are opaque.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..pools import Group


@dataclass(frozen=True)
class LayerTensor:
    """A layer's KV tensor: where it lies. Strides are in bytes."""

    name: str
    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    itemsize: int
    device: str = "cpu"  # or "cuda"
    gpu: int = 0  # CUDA's number of it in this process


@dataclass(frozen=True)
class GroupSpec:
    """What vLLM says of layers that share a block table; heads are this rank's."""

    layers: tuple[str, ...]
    block_tokens: int
    heads: int
    head_size: int
    head_size_v: int  # 0: K and V are one (MLA)
    window: int = 0


@dataclass(frozen=True)
class Deployment:
    """What a group needs to know beyond its tensors."""

    n_blocks: int  # of vLLM's block manager
    heads_total: int
    stage_bounds: tuple[int, ...] | None = None
    opaque_digest: bytes | None = None  # CPU attention: equal where blocks may be exchanged


@dataclass(frozen=True)
class Built:
    """A group, and how many of its blocks one block of vLLM's manager is."""

    group: Group
    ratio: int


class UnsupportedLayout(ValueError):
    """These tensors cannot be transferred."""


class _Array:
    """A view for the pool, by the array interface of NumPy or of CUDA."""

    def __init__(self, tensor: LayerTensor, shape: tuple[int, ...], strides: tuple[int, ...]):
        interface = {
            "data": (tensor.address, False),
            "shape": shape,
            "strides": strides,
            "typestr": f"<u{tensor.itemsize}",
            "version": 3,
        }
        name = "__array_interface__" if tensor.device == "cpu" else "__cuda_array_interface__"
        setattr(self, name, interface)
        self.device = tensor.gpu  # where pools look for it


def layer_order(names: Sequence[str]) -> list[str]:
    """By the numbers in the names, so that both sides number layers alike."""
    return sorted(
        names, key=lambda name: [int(part) for part in re.findall(r"\d+", name)] + [name.count(".")]
    )


def opaque_digest(**facts: Any) -> bytes:
    """16 bytes that are equal exactly where all facts are."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).digest()[:16]


def build_group(spec: GroupSpec, tensors: Sequence[LayerTensor], where: Deployment) -> Built:
    """The group of these layers, which are in layer order."""
    if where.opaque_digest is not None:
        return _opaque(spec, tensors, where, where.opaque_digest)
    if len(tensors[0].shape) == 4:
        return _one_order(spec, tensors, where)
    return _before(spec, tensors, where)


def _opaque(
    spec: GroupSpec, tensors: Sequence[LayerTensor], where: Deployment, digest: bytes
) -> Built:
    arrays = []
    for tensor in tensors:
        ratio = _ratio(tensor, tensor.shape[0], where)
        page = math.prod(tensor.shape[1:]) * tensor.itemsize
        if not _packed(tensor) or (ratio > 1 and tensor.strides[0] != page):
            raise UnsupportedLayout(
                f"{tensor.name}: a CPU attention block is expected to be one run of bytes, but"
                f" shape {tensor.shape} has strides {tensor.strides}"
            )
        blocks = _Array(
            LayerTensor(tensor.name, tensor.address, (), (), 1, tensor.device, tensor.gpu),
            (where.n_blocks, page * ratio),
            (tensor.strides[0] * ratio, 1),
        )
        arrays.append(blocks)
    group = Group.opaque(
        arrays,
        ("block", "content"),
        block_tokens=spec.block_tokens,
        digest=digest,
        heads_total=where.heads_total,
        stage_bounds=where.stage_bounds,
        window=spec.window,
    )
    return Built(group, 1)


def _one_order(spec: GroupSpec, tensors: Sequence[LayerTensor], where: Deployment) -> Built:
    arrays = []
    parts = 2 if spec.head_size_v else 1
    if parts == 2 and spec.head_size_v != spec.head_size:
        raise UnsupportedLayout(
            f"{tensors[0].name}: K and V of unlike sizes ({spec.head_size}, {spec.head_size_v})"
        )
    for tensor in tensors:
        blocks, heads, tokens, content = tensor.shape
        head = content // parts
        block, by_head, token, element = tensor.strides
        shape, strides = (blocks, heads, tokens, parts, head), (
            block,
            by_head,
            token,
            head * element,
            element,
        )
        arrays.append(_Array(tensor, shape, strides))
    return _strided(spec, arrays, ("block", "head", "token", "part", "content"), tensors, 0, where)


def _before(spec: GroupSpec, tensors: Sequence[LayerTensor], where: Deployment) -> Built:
    shape = tensors[0].shape
    dims: tuple[str, ...]
    if len(shape) == 3:
        dims, block_axis = ("block", "token", "content"), 0
    elif len(shape) == 5 and shape[0] == 2 and shape[1] % where.n_blocks == 0:
        dims, block_axis = ("part", "block", "token", "head", "content"), 1
    elif len(shape) == 5 and shape[1] == 2:
        dims, block_axis = ("block", "part", "token", "head", "content"), 0
    else:
        raise UnsupportedLayout(f"{tensors[0].name}: no known order of KV has shape {shape}")
    arrays = [_Array(tensor, tensor.shape, tensor.strides) for tensor in tensors]
    return _strided(spec, arrays, dims, tensors, block_axis, where)


def _strided(
    spec: GroupSpec,
    arrays: Sequence[_Array],
    dims: tuple[str, ...],
    tensors: Sequence[LayerTensor],
    block_axis: int,
    where: Deployment,
) -> Built:
    group = Group.from_arrays(
        arrays,
        dims,
        heads_total=where.heads_total,
        stage_bounds=where.stage_bounds,
        window=spec.window,
    )
    return Built(group, _ratio(tensors[0], tensors[0].shape[block_axis], where))


def _ratio(tensor: LayerTensor, blocks: int, where: Deployment) -> int:
    if where.n_blocks < 1 or blocks % where.n_blocks != 0:
        raise UnsupportedLayout(
            f"{tensor.name}: {blocks} blocks in the tensor, {where.n_blocks} in vLLM's manager"
        )
    return blocks // where.n_blocks


def _packed(tensor: LayerTensor) -> bool:
    """Whether each block is one run of bytes, in any order of the inner dimensions."""
    step = tensor.itemsize
    inner = zip(tensor.strides[1:], tensor.shape[1:])
    for stride, size in sorted(pair for pair in inner if pair[1] > 1):
        if stride != step:
            return False
        step *= size
    return True
