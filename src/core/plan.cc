#include "core/plan.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "base/check.h"
#include "core/check_shape.h"
#include "core/plan_compat.h"
#include "core/plan_hash.h"

namespace pegaflow::core {
namespace {

std::string text(std::uint64_t value) { return std::to_string(value); }

std::string text(const TokenRange& tokens) {
  return "[" + text(tokens.begin) + ", " + text(tokens.end) + ")";
}

Status check_tokens(const KvGroupShape& group, const TokenRange& tokens) {
  if (tokens.begin > tokens.end || tokens.end > kMaxTokens) {
    return Error(
        Code::kInvalidArgument,
        "tokens " + text(tokens) + " is not an ascending range within " + text(kMaxTokens));
  }
  if (group.opaque() && tokens.begin % group.block_tokens != 0) {
    return Error(Code::kInvalidArgument,
                 "tokens " + text(tokens) + " does not start on a block of " +
                     text(group.block_tokens) + ", as a group of opaque blocks must");
  }
  return {};
}

bool block_aligned(const TokenRange& tokens, std::uint32_t block_tokens) {
  return tokens.begin % block_tokens == 0 && tokens.end % block_tokens == 0;
}

// Decides which bytes of which tokens one group moves, and in which order.
class GroupPlanner {
 public:
  GroupPlanner(const KvShape& source, const KvShape& sink, std::size_t index,
               std::uint64_t chunk_bytes)
      : source_(source),
        sink_(sink),
        from_(source.groups[index]),
        to_(sink.groups[index]),
        chunk_bytes_(chunk_bytes) {
    plan_.group = static_cast<std::uint32_t>(index);
  }

  // The plan without its first_chunk; no layers, heads or tokens: nothing in common.
  Result<GroupPlan> make(const TokenRange& tokens) && {
    plan_.layers = intersect(layers_of(from_, source_.rank), layers_of(to_, sink_.rank));
    plan_.heads = served_heads(from_, source_.rank, sink_.rank);
    plan_.tokens = tokens;
    if (plan_.layers.empty() || plan_.heads.empty() || tokens.empty()) return std::move(plan_);
    choose_order();
    if (plan_.unit_bytes > chunk_bytes_) {
      return Error(Code::kInvalidArgument,
                   std::string(plan_.order == WireOrder::kBlock ? "a block" : "a token") +
                       " of one layer is " + text(plan_.unit_bytes) +
                       " bytes, more than chunk_bytes " + text(chunk_bytes_));
    }
    plan_.grid = make_chunk_grid(
        {plan_.layers.size(), plan_.tokens, plan_.unit_tokens, plan_.unit_bytes,
         std::lcm(std::uint64_t{from_.block_tokens}, to_.block_tokens), chunk_bytes_});
    return std::move(plan_);
  }

 private:
  void choose_order() {
    if (from_.opaque()) return use_opaque_blocks();
    const std::uint64_t head_bytes = std::uint64_t{from_.part_bytes[0]} + from_.part_bytes[1];
    const std::uint64_t token_bytes = plan_.heads.size() * head_bytes;
    const std::uint64_t block_bytes = token_bytes * from_.block_tokens;
    if (blocks_are_alike() && block_bytes <= chunk_bytes_) {
      use(WireOrder::kBlock, from_.block_tokens, block_bytes);
    } else {
      use(WireOrder::kCanonical, 1, token_bytes);
    }
  }

  void use_opaque_blocks() {
    const std::uint32_t block = from_.block_tokens;
    plan_.tokens.end = (plan_.tokens.end + block - 1) / block * block;
    use(WireOrder::kBlock, block, from_.opaque_block_bytes);
  }

  void use(WireOrder order, std::uint32_t unit_tokens, std::uint64_t unit_bytes) {
    plan_.order = order;
    plan_.unit_tokens = unit_tokens;
    plan_.unit_bytes = unit_bytes;
  }

  // Whole blocks mean the same bytes on both sides.
  bool blocks_are_alike() const {
    return from_.inner_order != 0 && from_.inner_order == to_.inner_order &&
           from_.block_tokens == to_.block_tokens &&
           heads_of(from_, source_.rank) == heads_of(to_, sink_.rank) &&
           block_aligned(plan_.tokens, from_.block_tokens);
  }

  const KvShape& source_;
  const KvShape& sink_;
  const KvGroupShape& from_;
  const KvGroupShape& to_;
  std::uint64_t chunk_bytes_;
  GroupPlan plan_;
};

// A unit's bytes times the cell's units. No overflow: a chunk's is ≤ kMaxChunkBytes, and a group's
// ≤ kMaxChunksPerStream times that.
std::uint64_t bytes_of(const GroupPlan& plan, const LayerRange& layers, const TokenRange& tokens) {
  return std::uint64_t{layers.size()} * (tokens.size() / plan.unit_tokens) * plan.unit_bytes;
}

Status check_inputs(const KvShape& source, const KvShape& sink, std::span<const TokenRange> tokens,
                    std::uint64_t chunk_bytes) {
  const Status source_status = check_shape(source);
  if (!source_status.ok()) return source_status.error().within("source shape");
  const Status sink_status = check_shape(sink);
  if (!sink_status.ok()) return sink_status.error().within("sink shape");
  PEGAFLOW_TRY(check_compatible(source, sink));
  if (tokens.size() != source.groups.size()) {
    return Error(Code::kInvalidArgument, text(tokens.size()) + " token ranges for " +
                                             text(source.groups.size()) + " groups");
  }
  if (chunk_bytes == 0 || chunk_bytes > kMaxChunkBytes) {
    return Error(Code::kInvalidArgument,
                 "chunk_bytes = " + text(chunk_bytes) + ", expected 1 to " + text(kMaxChunkBytes));
  }
  return {};
}

Status append(StreamPlan& plan, GroupPlan group) {
  if (group.grid.n_chunks() > kMaxChunksPerStream - plan.n_chunks) {
    return Error(Code::kResourceExhausted,
                 text(group.grid.n_chunks()) + " chunks of the group and " + text(plan.n_chunks) +
                     " before it are more than " + text(kMaxChunksPerStream) +
                     "; larger chunks are needed");
  }
  group.first_chunk = plan.n_chunks;
  plan.n_chunks += static_cast<std::uint32_t>(group.grid.n_chunks());
  plan.bytes += bytes_of(group, group.layers, group.tokens);
  plan.groups.push_back(group);
  return {};
}

Status add_group(StreamPlan& plan, const KvShape& source, const KvShape& sink, std::size_t index,
                 const TokenRange& tokens, std::uint64_t chunk_bytes) {
  PEGAFLOW_TRY(check_tokens(source.groups[index], tokens));
  PEGAFLOW_ASSIGN(const GroupPlan group,
                  GroupPlanner(source, sink, index, chunk_bytes).make(tokens));
  return group.grid.n_chunks() == 0 ? Status() : append(plan, group);
}

const GroupPlan& group_of(const StreamPlan& plan, std::uint32_t chunk, std::uint32_t& index) {
  index = static_cast<std::uint32_t>(plan.groups.size()) - 1;
  while (plan.groups[index].first_chunk > chunk) --index;
  return plan.groups[index];
}

}  // namespace

Result<StreamPlan> plan_stream(const KvShape& source, const KvShape& sink,
                               std::span<const TokenRange> tokens, std::uint64_t chunk_bytes) {
  PEGAFLOW_TRY(check_inputs(source, sink, tokens, chunk_bytes));
  StreamPlan plan;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const Status status = add_group(plan, source, sink, i, tokens[i], chunk_bytes);
    if (!status.ok()) return status.error().within("groups[" + text(i) + "]");
  }
  plan.hash = plan_hash(plan);
  return plan;
}

ChunkCell cell(const StreamPlan& plan, ChunkIndex chunk) {
  PEGAFLOW_CHECK(chunk.value < plan.n_chunks);
  ChunkCell result;
  const GroupPlan& group = group_of(plan, chunk.value, result.group_index);
  const std::uint32_t in_group = chunk.value - group.first_chunk;
  const std::uint32_t tile = in_group / group.grid.n_layer_groups;
  const std::uint32_t layer_group = in_group % group.grid.n_layer_groups;
  const std::uint32_t first = group.layers.begin + layer_group * group.grid.layers_per_chunk;
  result.layers = {first, std::min(group.layers.end, first + group.grid.layers_per_chunk)};
  result.tokens = tile_range(group.grid, group.tokens, tile);
  result.bytes = bytes_of(group, result.layers, result.tokens);
  return result;
}

}  // namespace pegaflow::core
