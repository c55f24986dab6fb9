"""Arrays and the layouts made of them."""

from __future__ import annotations

import array

import pytest

np = pytest.importorskip("numpy", reason="NumPy is not installed")
pegaflow = pytest.importorskip(
    "pegaflow", reason="not installed: pip install --no-build-isolation ./python"
)

BLOCKS, TOKENS, HEADS, CONTENT = 8, 4, 2, 16
NHD = ("block", "token", "head", "content")


def pair(shape=(BLOCKS, TOKENS, HEADS, CONTENT)):
    return np.zeros(shape, np.uint16), np.zeros(shape, np.uint16)


def test_k_and_v_in_arrays_of_their_own():
    layers = [pair(), pair()]
    layout = pegaflow.Pool([pegaflow.Group.from_arrays(layers, NHD)]).layout()
    (shape,) = layout.shapes
    assert shape.parts == 2
    assert list(shape.part_bytes) == [2 * CONTENT, 2 * CONTENT]
    assert shape.element_bytes == 2
    assert shape.block_tokens == TOKENS
    assert shape.heads_total == HEADS
    assert list(shape.stage_bounds) == [0, 2]
    (group,) = layout.groups
    assert group.n_blocks == BLOCKS
    first = group.layers[0]
    assert list(first.part_base) == [part.ctypes.data for part in layers[0]]
    assert first.head_stride == 2 * CONTENT
    assert first.token_stride == 2 * CONTENT * HEADS
    assert first.block_stride == 2 * CONTENT * HEADS * TOKENS
    assert len(layout.allocations) == 4
    assert sum(run.bytes for run in layout.allocations) == 4 * layers[0][0].nbytes


def test_all_layers_in_one_tensor_in_any_order_of_dimensions():
    whole = np.zeros((BLOCKS, 3, 2, HEADS, TOKENS, CONTENT), np.uint16)
    layers = [whole[:, layer] for layer in range(3)]
    dims = ("block", "part", "head", "token", "content")
    layout = pegaflow.Pool([pegaflow.Group.from_arrays(layers, dims)]).layout()
    (run,) = layout.allocations
    assert (run.address, run.bytes) == (whole.ctypes.data, whole.nbytes)
    layer = layout.groups[0].layers[1]
    assert list(layer.part_base) == [whole[0, 1, 0].ctypes.data, whole[0, 1, 1].ctypes.data]
    assert layer.token_stride == 2 * CONTENT
    assert layer.head_stride == 2 * CONTENT * TOKENS
    assert layer.block_stride == whole.strides[0]


def test_one_part_without_heads():
    mla = [np.zeros((BLOCKS, TOKENS, 72), np.uint8)]
    layout = pegaflow.Pool(
        [pegaflow.Group.from_arrays(mla, ("block", "token", "content"), heads_total=1)]
    ).layout()
    assert layout.shapes[0].parts == 1
    assert list(layout.shapes[0].part_bytes) == [72, 0]
    assert layout.shapes[0].heads_total == 1


def test_opaque_blocks():
    blocks = [np.zeros((BLOCKS, 512), np.uint8)]
    group = pegaflow.Group.opaque(blocks, ("block", "content"), block_tokens=16, digest=b"d" * 16)
    (shape,) = pegaflow.Pool([group]).layout().shapes
    assert shape.opaque_block_bytes == 512
    assert shape.block_tokens == 16
    assert shape.opaque_digest == b"d" * 16
    assert shape.parts == 0


def test_heads_of_the_model_follow_from_the_tensor_ranks():
    rank = pegaflow.Rank(tp=1, tp_size=4)
    pool = pegaflow.Pool([pegaflow.Group.from_arrays([pair()], NHD)], rank=rank)
    assert pool.layout().shapes[0].heads_total == 4 * HEADS


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ([pair()[0]], ("block", "token", "content")), "do not fit"),
        (lambda: ([pair()[0]], ("block", "token", "head", "width")), "expected distinct"),
        (lambda: ([pair()[0]], ("token", "block", "content", "head")), "adjacent"),
        (lambda: ([pair()[0][:, ::-1]], NHD), "negative"),
        (lambda: ([pair(), pair((BLOCKS, TOKENS, 1, CONTENT))], NHD), "layer 1"),
        (lambda: ([(pair()[0], np.zeros((1, 1, 1, 1), np.uint16))], NHD), "K and V differ"),
        (lambda: ([(pair()[0],)], NHD), "pair"),
        (lambda: ([], NHD), "at least one layer"),
        (lambda: ([np.zeros((4, 4), np.uint8)], ("block", "content")), "token"),
        (lambda: ([np.zeros((4, 4, 3, 4), np.uint8)], ("block", "token", "part", "content")),
         "more than two"),
    ],
)  # fmt: skip
def test_arrays_that_make_no_group_are_refused(make, words):
    layers, dims = make()
    with pytest.raises(ValueError, match=words):
        pegaflow.Group.from_arrays(layers, dims)


def test_several_stages_need_their_bounds():
    pool = pegaflow.Pool([pegaflow.Group.from_arrays([pair()], NHD)], rank=pegaflow.Rank(pp_size=2))
    with pytest.raises(ValueError, match="stage_bounds"):
        pool.layout()


class Interface:
    """An array that speaks nothing but __array_interface__."""

    def __init__(self, of, **changes):
        self.of = of  # keeps it alive
        self.__array_interface__ = {**of.__array_interface__, **changes}


def test_views_of_every_kind_of_array_agree():
    data = np.zeros((3, 4, 5), np.float32)
    view = pegaflow.view_of(data)
    assert view == pegaflow.view_of(Interface(data))
    assert view == pegaflow.view_of(memoryview(data))
    assert view.address == data.ctypes.data
    assert view.shape == data.shape
    assert view.strides == data.strides
    assert view.extent == data.nbytes
    part = data[:, 1:3, ::2]
    assert pegaflow.view_of(part) == pegaflow.view_of(Interface(part))
    assert pegaflow.view_of(part).strides == part.strides


class CudaInterface:
    """An array that says that it lies on a GPU; nothing here looks at its bytes."""

    def __init__(self, of, device=None):
        self.of = of  # keeps it alive
        self.__cuda_array_interface__ = {**of.__array_interface__, "version": 3}
        if device is not None:
            self.device = device


class Device:
    """As CuPy's."""

    def __init__(self, number):
        self.id = number


def test_arrays_on_a_gpu_make_a_pool_on_that_gpu():
    keys, values = (CudaInterface(part, Device(1)) for part in pair())
    assert pegaflow.view_of(keys).gpu == 1
    assert pegaflow.view_of(keys).strides == keys.of.strides
    pool = pegaflow.Pool([pegaflow.Group.from_arrays([(keys, values)], NHD)])
    assert pool.gpu == "1"
    assert pool.layout().memory == pegaflow.MemoryKind.CUDA
    assert pegaflow.view_of(CudaInterface(pair()[0])).gpu == 0


def test_a_pool_on_the_host_names_no_gpu():
    pool = pegaflow.Pool([pegaflow.Group.from_arrays([pair()], NHD)])
    assert pool.gpu == ""
    assert pool.layout().memory == pegaflow.MemoryKind.HOST


def test_a_pool_lies_in_one_place():
    mixed = [(CudaInterface(pair()[0], 1), CudaInterface(pair()[1], 0))]
    pool = pegaflow.Pool([pegaflow.Group.from_arrays(mixed, NHD)])
    with pytest.raises(ValueError, match="GPU 0, GPU 1"):
        pool.layout()


def test_what_is_no_writable_host_array_is_refused():
    data = np.zeros(4)
    data.flags.writeable = False
    for bad in (data, Interface(data), object(), [1, 2]):
        with pytest.raises(TypeError):
            pegaflow.view_of(bad)
    assert pegaflow.view_of(array.array("i", [1, 2])).shape == (2,)
