"""Pools made of an engine's KV arrays.

A pool has groups (layers that share a block table), a group has layers, and a layer is one array or
a pair of arrays (K, V) whose dimensions have names:

- `block`: the block id,
- `token`: the token in its block,
- `head`: this rank's KV heads (left out: one head, as with MLA),
- `part`: K and V (left out where they are two arrays, or one tensor that is not taken apart),
- `content`: the elements of one head of one token; they must be adjacent.

Strides may be in any order, so views of one big tensor are as good as an array per layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ._core import (
    KvGroupLayout,
    KvGroupShape,
    KvLayerLayout,
    KvLayout,
    MemoryKind,
    MemoryRange,
    Rank,
)
from .arrays import ArrayView, view_of

DIMS = ("block", "token", "head", "part", "content")
OPAQUE_DIMS = ("block", "content")


@dataclass(frozen=True)
class _Layer:
    """One layer's arrays, and the size and stride of each named dimension."""

    arrays: tuple[ArrayView, ...]
    sizes: dict[str, int]
    strides: dict[str, int]

    def part_bases(self) -> list[int]:
        if len(self.arrays) == 2:
            return [array.address for array in self.arrays]
        base = self.arrays[0].address
        return [base + part * self.strides["part"] for part in range(self.sizes["part"])]

    def layout(self) -> KvLayerLayout:
        first, second = (self.part_bases() + [0])[:2]
        strides = self.strides
        return KvLayerLayout((first, second), strides["block"], strides["token"], strides["head"])


def _named(array: Any, dims: Sequence[str], known: Sequence[str]) -> _Layer:
    view = view_of(array)
    if len(set(dims)) != len(dims) or not set(dims) <= set(known):
        raise ValueError(f"dims {tuple(dims)}: expected distinct names of {tuple(known)}")
    if len(dims) != len(view.shape):
        raise ValueError(f"dims {tuple(dims)} do not fit an array of shape {view.shape}")
    axes = {name: view.axis(dims.index(name)) if name in dims else (1, 0) for name in DIMS}
    if any(stride < 0 for _, stride in axes.values()):
        raise ValueError(f"negative strides: {view.strides}")
    size, stride = axes["content"]
    if "content" not in dims or (size > 1 and stride != view.itemsize):
        raise ValueError("the elements of `content` must be adjacent")
    if "block" not in dims:
        raise ValueError("dimension `block` is missing")
    sizes = {name: size for name, (size, _) in axes.items()}
    return _Layer((view,), sizes, {name: stride for name, (_, stride) in axes.items()})


def _paired(arrays: Sequence[Any], dims: Sequence[str]) -> _Layer:
    if len(arrays) != 2 or "part" in dims:
        raise ValueError("a layer is one array, or a pair (K, V) without dimension `part`")
    first, second = (_named(array, dims, DIMS) for array in arrays)
    if first.sizes != second.sizes or first.strides != second.strides:
        raise ValueError("K and V differ in shape or strides; make them groups of their own")
    return _Layer(first.arrays + second.arrays, {**first.sizes, "part": 2}, first.strides)


@dataclass(frozen=True)
class Group:
    """Layers that share a block table. Made by `from_arrays` or `opaque`."""

    layers: tuple[_Layer, ...]
    stage_bounds: tuple[int, ...] | None
    heads_total: int | None
    window: int = 0
    opaque_block_tokens: int = 0
    opaque_digest: bytes = bytes(16)
    arrays: tuple[Any, ...] = field(default=(), repr=False)  # keeps the memory alive

    @staticmethod
    def from_arrays(
        layers: Sequence[Any],
        dims: Sequence[str],
        *,
        heads_total: int | None = None,
        stage_bounds: Sequence[int] | None = None,
        window: int = 0,
    ) -> Group:
        """A group of this rank's layers, in order.

        `heads_total`: KV heads of the whole model; may be left out where each head is held by one
        tensor rank. `stage_bounds`: layer numbers at which pipeline stages begin, and the number of
        layers of all stages; may be left out with one stage.
        """
        named = tuple(
            _paired(layer, dims) if isinstance(layer, (tuple, list)) else _named(layer, dims, DIMS)
            for layer in layers
        )
        if "token" not in dims:
            raise ValueError("dimension `token` is missing")
        if any(layer.sizes["part"] > 2 for layer in named):
            raise ValueError("dimension `part` has more than two entries")
        bounds = None if stage_bounds is None else tuple(stage_bounds)
        return Group(_alike(named), bounds, heads_total, window, arrays=tuple(layers))

    @staticmethod
    def opaque(
        layers: Sequence[Any],
        dims: Sequence[str],
        *,
        block_tokens: int,
        digest: bytes,
        heads_total: int | None = None,
        stage_bounds: Sequence[int] | None = None,
        window: int = 0,
    ) -> Group:
        """A group whose blocks only the engine understands; they are copied whole.

        `dims`: `block` and `content`. `digest`: 16 bytes that are equal exactly where blocks may be
        exchanged. `heads_total`: as in `from_arrays`; left out: one head.
        """
        named = tuple(_named(layer, dims, OPAQUE_DIMS) for layer in layers)
        bounds = None if stage_bounds is None else tuple(stage_bounds)
        heads = 1 if heads_total is None else heads_total
        return Group(_alike(named), bounds, heads, window, block_tokens, digest, tuple(layers))

    def shape(self, rank: Rank) -> KvGroupShape:
        """What of this group travels to other nodes."""
        layer = self.layers[0]
        item = layer.arrays[0].itemsize
        shape = KvGroupShape()
        shape.stage_bounds = list(self._stage_bounds(rank))
        shape.heads_total = self._heads_total(rank)
        shape.window = self.window
        if self.opaque_block_tokens:
            shape.block_tokens = self.opaque_block_tokens
            shape.opaque_block_bytes = layer.sizes["content"] * item
            shape.opaque_digest = self.opaque_digest
            return shape
        part_bytes = layer.sizes["content"] * item
        shape.parts = layer.sizes["part"]
        shape.part_bytes = (part_bytes, part_bytes if shape.parts == 2 else 0)
        shape.element_bytes = item
        shape.block_tokens = layer.sizes["token"]
        return shape

    def layout(self) -> KvGroupLayout:
        """Where this group lies."""
        layers = [layer.layout() for layer in self.layers]
        return KvGroupLayout(layers, self.layers[0].sizes["block"])

    def _stage_bounds(self, rank: Rank) -> tuple[int, ...]:
        if self.stage_bounds is not None:
            return self.stage_bounds
        if rank.pp_size != 1:
            raise ValueError(f"stage_bounds: needed with {rank.pp_size} pipeline stages")
        return (0, len(self.layers))

    def _heads_total(self, rank: Rank) -> int:
        if self.heads_total is not None:
            return self.heads_total
        return self.layers[0].sizes["head"] * rank.tp_size


def _alike(layers: tuple[_Layer, ...]) -> tuple[_Layer, ...]:
    if not layers:
        raise ValueError("a group has at least one layer")
    for number, layer in enumerate(layers):
        if layer.sizes != layers[0].sizes:
            raise ValueError(f"layer {number} has sizes {layer.sizes}, layer 0 {layers[0].sizes}")
        if layer.arrays[0].itemsize != layers[0].arrays[0].itemsize:
            raise ValueError(f"layer {number} has elements of another size than layer 0")
    return layers


class Pool:
    """An engine rank's KV memory. Keeps its arrays alive."""

    def __init__(
        self, groups: Sequence[Group], *, rank: Rank | None = None, fingerprint: bytes = bytes(32)
    ) -> None:
        self.groups = tuple(groups)
        self.rank = Rank() if rank is None else rank
        self.fingerprint = fingerprint

    def layout(self) -> KvLayout:
        """The description that the session takes."""
        return KvLayout(
            self.rank,
            [group.shape(self.rank) for group in self.groups],
            [group.layout() for group in self.groups],
            self._allocations(),
            self.fingerprint,
            MemoryKind.HOST if self._gpu() is None else MemoryKind.CUDA,
        )

    @property
    def gpu(self) -> str:
        """What `Session(gpu=…)` takes for this pool: the GPU's number, or nothing for the host."""
        gpu = self._gpu()
        return "" if gpu is None else str(gpu)

    def _gpu(self) -> int | None:
        places = {array.gpu for array in self._arrays()}
        if len(places) != 1:
            names = sorted("host memory" if gpu is None else f"GPU {gpu}" for gpu in places)
            raise ValueError(f"a pool lies in one place; these arrays lie in {', '.join(names)}")
        return places.pop()

    def _arrays(self) -> list[ArrayView]:
        layers = [layer for group in self.groups for layer in group.layers]
        return [array for layer in layers for array in layer.arrays]

    def _allocations(self) -> list[MemoryRange]:
        """The runs of memory that the arrays span; overlapping ones are joined."""
        spans = sorted((array.address, array.address + array.extent) for array in self._arrays())
        joined: list[tuple[int, int]] = []
        for begin, end in spans:
            if joined and begin < joined[-1][1]:
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
            else:
                joined.append((begin, end))
        return [MemoryRange(begin, end - begin) for begin, end in joined]
