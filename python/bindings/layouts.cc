// The values that describe a pool (pegaflow/kv_shape.h, pegaflow/kv_layout.h).
#include <nanobind/nanobind.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "convert.h"
#include "pegaflow/kv_layout.h"

namespace pegaflow::python {
namespace {

void bind_shapes(nb::module_& module) {
  using Index = std::uint32_t;
  nb::class_<Rank>(module, "Rank",
                   "Position of one engine process in its instance; indices are 0-based.")
      .def(
          "__init__",
          [](Rank* self, Index dp, Index dp_size, Index pp, Index pp_size, Index tp,
             Index tp_size) { new (self) Rank{dp, dp_size, pp, pp_size, tp, tp_size}; },
          nb::kw_only(), nb::arg("dp") = 0, nb::arg("dp_size") = 1, nb::arg("pp") = 0,
          nb::arg("pp_size") = 1, nb::arg("tp") = 0, nb::arg("tp_size") = 1)
      .def_ro("dp", &Rank::dp)
      .def_ro("dp_size", &Rank::dp_size)
      .def_ro("pp", &Rank::pp)
      .def_ro("pp_size", &Rank::pp_size)
      .def_ro("tp", &Rank::tp)
      .def_ro("tp_size", &Rank::tp_size);
  nb::class_<KvGroupShape>(module, "KvGroupShape",
                           "What of one KV group travels to other nodes; see kv_shape.h.")
      .def(nb::init<>())
      .def_rw("stage_bounds", &KvGroupShape::stage_bounds,
              "Layers of the pipeline stages: stage s holds [bounds[s], bounds[s + 1]).")
      .def_rw("heads_total", &KvGroupShape::heads_total, "KV heads of the whole model.")
      .def_rw("parts", &KvGroupShape::parts, "2: K and V; 1: one tensor.")
      .def_rw("part_bytes", &KvGroupShape::part_bytes, "Of one head of one token, per part.")
      .def_rw("element_bytes", &KvGroupShape::element_bytes)
      .def_rw("block_tokens", &KvGroupShape::block_tokens)
      .def_rw("window", &KvGroupShape::window, "Sliding window in tokens; 0: full attention.")
      .def_rw("opaque_block_bytes", &KvGroupShape::opaque_block_bytes, "0: not opaque.")
      .def_prop_rw(
          "opaque_digest", [](const KvGroupShape& self) { return to_bytes(self.opaque_digest); },
          [](KvGroupShape& self, const nb::bytes& digest) {
            self.opaque_digest = fixed_bytes<16>(digest, "opaque_digest");
          });
}

void bind_addresses(nb::module_& module) {
  using Number = std::uint64_t;
  nb::class_<KvLayerLayout>(module, "KvLayerLayout",
                            "Addresses and byte strides of one layer; see kv_layout.h.")
      .def(
          "__init__",
          [](KvLayerLayout* self, std::array<Number, 2> part_base, Number block_stride,
             Number token_stride, Number head_stride) {
            new (self) KvLayerLayout{part_base, block_stride, token_stride, head_stride};
          },
          nb::arg("part_base"), nb::arg("block_stride"), nb::arg("token_stride") = 0,
          nb::arg("head_stride") = 0)
      .def_ro("part_base", &KvLayerLayout::part_base)
      .def_ro("block_stride", &KvLayerLayout::block_stride)
      .def_ro("token_stride", &KvLayerLayout::token_stride)
      .def_ro("head_stride", &KvLayerLayout::head_stride);
  nb::class_<KvGroupLayout>(module, "KvGroupLayout", "This rank's layers of one group.")
      .def(
          "__init__",
          [](KvGroupLayout* self, std::vector<KvLayerLayout> layers, std::uint32_t n_blocks) {
            new (self) KvGroupLayout{std::move(layers), n_blocks};
          },
          nb::arg("layers"), nb::arg("n_blocks"))
      .def_ro("layers", &KvGroupLayout::layers)
      .def_ro("n_blocks", &KvGroupLayout::n_blocks, "Valid block ids are below.");
  nb::class_<MemoryRange>(module, "MemoryRange", "A run of memory that the engine owns.")
      .def(
          "__init__",
          [](MemoryRange* self, Number address, Number bytes) {
            new (self) MemoryRange{address, bytes};
          },
          nb::arg("address"), nb::arg("bytes"))
      .def_ro("address", &MemoryRange::address)
      .def_ro("bytes", &MemoryRange::bytes);
}

KvLayout make_layout(const Rank& rank, std::vector<KvGroupShape> shapes,
                     std::vector<KvGroupLayout> groups, std::vector<MemoryRange> allocations,
                     const nb::bytes& fingerprint, MemoryKind memory) {
  KvLayout layout;
  layout.shape.rank = rank;
  layout.shape.groups = std::move(shapes);
  layout.shape.fingerprint = fixed_bytes<32>(fingerprint, "fingerprint");
  layout.memory = memory;
  layout.groups = std::move(groups);
  layout.allocations = std::move(allocations);
  return layout;
}

}  // namespace

void bind_layouts(nb::module_& module) {
  nb::enum_<MemoryKind>(module, "MemoryKind")
      .value("HOST", MemoryKind::kHost)
      .value("CUDA", MemoryKind::kCuda);
  bind_shapes(module);
  bind_addresses(module);
  nb::class_<KvLayout>(module, "KvLayout", "A pool: its shape, and where it lies.")
      .def(
          "__init__",
          [](KvLayout* self, const Rank& rank, std::vector<KvGroupShape> shapes,
             std::vector<KvGroupLayout> groups, std::vector<MemoryRange> allocations,
             const nb::bytes& fingerprint, MemoryKind memory) {
            new (self) KvLayout(make_layout(rank, std::move(shapes), std::move(groups),
                                            std::move(allocations), fingerprint, memory));
          },
          nb::arg("rank"), nb::arg("shapes"), nb::arg("groups"), nb::arg("allocations"),
          nb::arg("fingerprint"), nb::arg("memory") = MemoryKind::kHost)
      .def_prop_ro("rank", [](const KvLayout& self) { return self.shape.rank; })
      .def_prop_ro("shapes", [](const KvLayout& self) { return self.shape.groups; })
      .def_ro("groups", &KvLayout::groups)
      .def_ro("allocations", &KvLayout::allocations)
      .def_ro("memory", &KvLayout::memory);
}

}  // namespace pegaflow::python
