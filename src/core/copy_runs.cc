#include "core/copy_runs.h"

#include <string>

namespace pegaflow::core {
namespace {

std::string text(std::uint64_t value) { return std::to_string(value); }

// Blocks of the table that the plan's tokens lie in.
struct BlockRange {
  std::uint64_t begin = 0, end = 0;
};

BlockRange blocks_of(const TokenRange& tokens, std::uint32_t block_tokens) {
  return {tokens.begin / block_tokens, (std::uint64_t{tokens.end} - 1) / block_tokens + 1};
}

}  // namespace

Status check_table(const GroupPlan& plan, const KvGroupShape& shape, std::uint32_t n_blocks,
                   const TableView& table) {
  const BlockRange needed = blocks_of(plan.tokens, shape.block_tokens);
  const std::uint64_t table_end = std::uint64_t{table.first_block} + table.ids.size();
  if (needed.begin < table.first_block || needed.end > table_end) {
    return Error(Code::kInvalidArgument,
                 "the block table has blocks [" + text(table.first_block) + ", " + text(table_end) +
                     ") of the sequence, but tokens [" + text(plan.tokens.begin) + ", " +
                     text(plan.tokens.end) + ") lie in [" + text(needed.begin) + ", " +
                     text(needed.end) + ")");
  }
  for (std::uint64_t block = needed.begin; block < needed.end; ++block) {
    const std::uint32_t id = table.ids[block - table.first_block];
    if (id >= n_blocks) {
      return Error(Code::kInvalidArgument, "block " + text(block) + " of the sequence has id " +
                                               text(id) + ", but the pool has " + text(n_blocks) +
                                               " blocks");
    }
  }
  return {};
}

Status check_tables(const StreamPlan& plan, const KvLayout& layout,
                    std::span<const TableView> tables) {
  if (tables.size() != layout.groups.size()) {
    return Error(Code::kInvalidArgument, text(tables.size()) + " block tables for " +
                                             text(layout.groups.size()) + " groups");
  }
  for (const GroupPlan& group : plan.groups) {
    const std::uint32_t index = group.group;
    const Status status = check_table(group, layout.shape.groups[index],
                                      layout.groups[index].n_blocks, tables[index]);
    if (!status.ok()) return status.error().within("groups[" + text(index) + "]");
  }
  return {};
}

TokenForm token_form(const GroupPlan& plan, const KvGroupShape& shape) {
  TokenForm token;
  token.n_parts = shape.parts;
  token.part_bytes = shape.part_bytes;
  token.n_heads = plan.heads.size();
  token.head_bytes = std::uint64_t{shape.part_bytes[0]} + shape.part_bytes[1];
  token.token_bytes = token.n_heads * token.head_bytes;
  return token;
}

StripForm strip_form(const GroupPlan& plan, const TokenForm& token, const KvGroupShape& shape,
                     const KvLayerLayout& layer) {
  if (plan.order == WireOrder::kBlock) return StripForm::kWhole;
  const bool parts_joined =
      token.n_parts == 1 || layer.part_base[1] - layer.part_base[0] == token.part_bytes[0];
  if (!parts_joined) return StripForm::kPartRows;
  if (token.n_heads > 1 && layer.head_stride != token.head_bytes) return StripForm::kHeadRows;
  if (shape.block_tokens > 1 && layer.token_stride != token.token_bytes) {
    return StripForm::kTokenRows;
  }
  return StripForm::kWhole;
}

}  // namespace pegaflow::core
