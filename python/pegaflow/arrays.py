"""Where an array's elements lie, whatever library made the array."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import _core


@dataclass(frozen=True)
class ArrayView:
    """Elements in memory. Strides and sizes are in bytes; the memory is not kept alive."""

    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    itemsize: int
    gpu: int | None = None
    """CUDA's number of the GPU in this process; None: host memory."""

    @property
    def extent(self) -> int:
        """Bytes from the first element's first to the last element's last. No negative strides."""
        if 0 in self.shape:
            return 0
        steps = zip(self.shape, self.strides)
        return sum((size - 1) * stride for size, stride in steps) + self.itemsize

    def axis(self, index: int) -> tuple[int, int]:
        """Size and stride of a dimension."""
        return self.shape[index], self.strides[index]


def view_of(array: Any) -> ArrayView:
    """The view of a writable array in host or CUDA memory.

    NumPy, PyTorch, CuPy; whatever speaks DLPack, the buffer protocol, `__array_interface__` or
    `__cuda_array_interface__`. Work on the array that is under way is not waited for.
    """
    if isinstance(array, ArrayView):
        return array
    try:
        address, shape, strides, itemsize, gpu = _core.describe_array(array)
        return ArrayView(address, tuple(shape), tuple(strides), itemsize, None if gpu < 0 else gpu)
    except TypeError:
        pass
    on_gpu = getattr(array, "__cuda_array_interface__", None)
    if on_gpu is not None:
        return _view_of_interface(on_gpu, _gpu_of(array))
    interface = getattr(array, "__array_interface__", None)
    if interface is None:
        raise TypeError(
            f"{type(array).__name__} is not a writable array in host or CUDA memory that speaks"
            " DLPack, the buffer protocol, __array_interface__ or __cuda_array_interface__"
        )
    return _view_of_interface(interface, None)


def _gpu_of(array: Any) -> int:
    """The interface does not tell; libraries have a `device` with a number, or a number itself."""
    device = getattr(array, "device", 0)
    for number in (device, getattr(device, "index", None), getattr(device, "id", None)):
        if isinstance(number, int):
            return number
    return 0


def _view_of_interface(interface: dict[str, Any], gpu: int | None) -> ArrayView:
    address, read_only = interface["data"]
    if read_only:
        raise TypeError("the array is read-only")
    shape = tuple(interface["shape"])
    itemsize = int(interface["typestr"][2:])
    strides = interface.get("strides") or _packed_strides(shape, itemsize)
    return ArrayView(address, shape, tuple(strides), itemsize, gpu)


def _packed_strides(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    strides: list[int] = []
    step = itemsize
    for size in reversed(shape):
        strides.insert(0, step)
        step *= size
    return tuple(strides)
