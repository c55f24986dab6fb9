"""vLLM connector: from KV tensors to pool groups, for both families of tensors; NumPy arrays."""

from __future__ import annotations

import dataclasses

import pytest

np = pytest.importorskip("numpy", reason="NumPy is not installed")
pegaflow = pytest.importorskip("pegaflow", reason="pegaflow is not installed")
from pegaflow.vllm import layout  # noqa: E402

BLOCKS, TOKENS, HEADS, SIZE = 6, 16, 4, 8
SPEC = layout.GroupSpec(("l0", "l1"), TOKENS, HEADS, SIZE, SIZE)
MLA = layout.GroupSpec(("l0",), TOKENS, 1, SIZE, 0)


def tensor(array, name="l0"):
    return layout.LayerTensor(
        name, array.ctypes.data, array.shape, array.strides, array.itemsize, "cpu"
    )


def where(heads=HEADS, **more):
    return layout.Deployment(BLOCKS, heads, **more)


def shape_of(built):
    return built.group.shape(pegaflow.Rank())


def test_one_order_for_all_backends():
    physical = np.zeros((BLOCKS, TOKENS, HEADS, 2 * SIZE), np.uint16)  # NHD memory
    logical = physical.transpose(0, 2, 1, 3)
    built = layout.build_group(SPEC, [tensor(logical), tensor(logical)], where())
    shape = shape_of(built)
    assert (shape.parts, shape.part_bytes, shape.block_tokens) == (2, [16, 16], TOKENS)
    assert built.ratio == 1
    lies = built.group.layout().layers[0]
    assert lies.part_base == [physical.ctypes.data, physical.ctypes.data + SIZE * 2]
    assert (lies.block_stride, lies.token_stride, lies.head_stride) == (
        TOKENS * HEADS * 32,
        HEADS * 32,
        32,
    )


def test_the_pool_is_on_the_gpu_of_its_tensors():
    """As with the second GPU of a process; the addresses are not looked at."""
    here = tensor(np.zeros((BLOCKS, HEADS, TOKENS, 2 * SIZE), np.uint16))
    there = dataclasses.replace(here, device="cuda", gpu=1)
    built = layout.build_group(SPEC, [there, there], where())
    pool = pegaflow.Pool([built.group])
    assert pool.gpu == "1" and pool.layout().memory == pegaflow.MemoryKind.CUDA
    assert pegaflow.Pool([layout.build_group(SPEC, [here], where()).group]).gpu == ""


def test_mla_is_one_part_and_one_head():
    logical = np.zeros((BLOCKS, 1, TOKENS, SIZE), np.uint16)
    shape = shape_of(layout.build_group(MLA, [tensor(logical)], where(1)))
    assert (shape.parts, shape.part_bytes, shape.heads_total) == (1, [16, 0], 1)


@pytest.mark.parametrize(
    "axes", [(2, BLOCKS, TOKENS, HEADS, SIZE), (BLOCKS, 2, TOKENS, HEADS, SIZE)]
)
def test_the_orders_before(axes):
    array = np.zeros(axes, np.uint16)
    built = layout.build_group(SPEC, [tensor(array), tensor(array)], where())
    shape = shape_of(built)
    assert (shape.parts, shape.part_bytes, shape.block_tokens) == (2, [16, 16], TOKENS)
    part = axes.index(2)
    bases = built.group.layout().layers[0].part_base
    assert bases[1] - bases[0] == array.strides[part]


def test_mla_before():
    array = np.zeros((BLOCKS, TOKENS, SIZE), np.uint16)
    shape = shape_of(layout.build_group(MLA, [tensor(array)], where(1)))
    assert (shape.parts, shape.part_bytes) == (1, [16, 0])


def test_kernel_blocks():
    logical = np.zeros((2 * BLOCKS, HEADS, TOKENS // 2, 2 * SIZE), np.uint16)
    built = layout.build_group(SPEC, [tensor(logical)], where())
    assert built.ratio == 2
    assert shape_of(built).block_tokens == TOKENS // 2


def test_cpu_blocks_are_opaque_and_whole():
    storage = np.zeros((2, BLOCKS, HEADS, TOKENS, 2 * SIZE), np.uint16)
    tensors = [tensor(storage[0]), tensor(storage[1], "l1")]
    built = layout.build_group(SPEC, tensors, where(opaque_digest=b"d" * 16))
    shape = shape_of(built)
    page = HEADS * TOKENS * 2 * SIZE * 2
    assert (shape.opaque_block_bytes, shape.block_tokens) == (page, TOKENS)
    assert shape.opaque_digest == b"d" * 16
    layers = built.group.layout().layers
    assert layers[1].part_base[0] - layers[0].part_base[0] == BLOCKS * page
    assert layers[0].block_stride == page


def test_kernel_blocks_of_the_cpu_are_put_together():
    storage = np.zeros((2 * BLOCKS, HEADS, TOKENS // 2, 2 * SIZE), np.uint16)
    built = layout.build_group(SPEC, [tensor(storage)], where(opaque_digest=b"d" * 16))
    assert built.ratio == 1
    assert shape_of(built).opaque_block_bytes == storage.strides[0] * 2
    assert built.group.layout().n_blocks == BLOCKS


@pytest.mark.parametrize(
    "array, digest, text",
    [
        (np.zeros((BLOCKS, HEADS, TOKENS, 4 * SIZE))[..., ::2], b"d" * 16, "one run of bytes"),
        (np.zeros((BLOCKS + 1, HEADS, TOKENS, SIZE)), b"d" * 16, "7 blocks in the tensor, 6 in"),
        (np.zeros((3, BLOCKS, TOKENS, HEADS, SIZE)), None, "no known order of KV has shape"),
    ],
)
def test_what_cannot_be_transferred_is_named(array, digest, text):
    with pytest.raises(layout.UnsupportedLayout) as caught:
        layout.build_group(SPEC, [tensor(array)], where(opaque_digest=digest))
    assert text in str(caught.value)


def test_unlike_k_and_v():
    spec = layout.GroupSpec(("l0",), TOKENS, HEADS, SIZE, SIZE // 2)
    array = np.zeros((BLOCKS, HEADS, TOKENS, 12), np.uint16)
    with pytest.raises(layout.UnsupportedLayout):
        layout.build_group(spec, [tensor(array)], where())


def test_layers_are_ordered_by_number():
    names = ["model.layers.10.attn", "model.layers.2.attn", "model.layers.1.attn"]
    assert layout.layer_order(names) == [names[2], names[1], names[0]]


def test_digests_tell_facts_apart():
    assert layout.opaque_digest(isa="amx", n=1) == layout.opaque_digest(n=1, isa="amx")
    assert layout.opaque_digest(isa="amx") != layout.opaque_digest(isa="vec")
