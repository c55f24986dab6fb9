// Host copies between a pool and slots: what the host Mover runs, and what GPU kernels are tested
// against. No allocation, no locks; the CRC variants checksum each piece while it is in the cache.
// REQUIRES throughout (checked once when a transfer starts, not per chunk): host memory; a layout
// that passed check_layout; a plan of which the layout's shape is one end; tables that passed
// check_tables; slot.size() ≥ cell(plan, chunk).bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/copy_runs.h"
#include "core/plan.h"
#include "pegaflow/kv_layout.h"

namespace pegaflow::core {

// Copies the chunk's bytes from the pool to the slot. `tables` has one view per group of the
// shape; those of groups that are not in the plan are not read.
void gather(const StreamPlan& plan, ChunkIndex chunk, const KvLayout& layout,
            std::span<const TableView> tables, std::span<std::byte> slot);
// The same; returns the CRC32C of the slot's cell(plan, chunk).bytes.
std::uint32_t gather_crc(const StreamPlan& plan, ChunkIndex chunk, const KvLayout& layout,
                         std::span<const TableView> tables, std::span<std::byte> slot);

// Copies the chunk's bytes from the slot to the pool. Blocks of a table must be distinct.
void scatter(const StreamPlan& plan, ChunkIndex chunk, const KvLayout& layout,
             std::span<const TableView> tables, std::span<const std::byte> slot);
// The same; returns the CRC32C of the bytes that were copied. On a mismatch the blocks already
// hold the bad bytes: the receive must fail.
std::uint32_t scatter_crc(const StreamPlan& plan, ChunkIndex chunk, const KvLayout& layout,
                          std::span<const TableView> tables, std::span<const std::byte> slot);

}  // namespace pegaflow::core
