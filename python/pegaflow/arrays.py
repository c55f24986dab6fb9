"""Where an array's elements lie, whatever library made the array."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import _core


@dataclass(frozen=True)
class ArrayView:
    """Elements in host memory. Strides and sizes are in bytes; the memory is not kept alive."""

    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    itemsize: int

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
    """The view of a writable CPU array: NumPy, PyTorch, a buffer, DLPack, `__array_interface__`."""
    if isinstance(array, ArrayView):
        return array
    try:
        address, shape, strides, itemsize = _core.describe_array(array)
        return ArrayView(address, tuple(shape), tuple(strides), itemsize)
    except TypeError:
        interface = getattr(array, "__array_interface__", None)
        if interface is None:
            raise TypeError(
                f"{type(array).__name__} is not a writable array in host memory that speaks"
                " DLPack, the buffer protocol or __array_interface__"
            ) from None
    return _view_of_interface(interface)


def _view_of_interface(interface: dict[str, Any]) -> ArrayView:
    address, read_only = interface["data"]
    if read_only:
        raise TypeError("the array is read-only")
    shape = tuple(interface["shape"])
    itemsize = int(interface["typestr"][2:])
    strides = interface.get("strides") or _packed_strides(shape, itemsize)
    return ArrayView(address, shape, tuple(strides), itemsize)


def _packed_strides(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    strides: list[int] = []
    step = itemsize
    for size in reversed(shape):
        strides.insert(0, step)
        step *= size
    return tuple(strides)
