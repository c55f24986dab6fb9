// Computes the worked example of docs/formats/wire_order.md and looks every number up there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iomanip>
#include <numeric>
#include <sstream>
#include <string>

#include "core/copy_runs.h"
#include "core/plan.h"
#include "tests/core/layouts.h"

namespace pegaflow::core {
namespace {

using ::testing::HasSubstr;

std::string page() {
  std::ifstream file(PEGAFLOW_WIRE_ORDER_PAGE);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

template <typename... Parts>
std::string join(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

template <typename Range>
std::string show(const Range& range) {
  return join('[', range.begin, ", ", range.end, ')');
}

std::string show(const GroupPlan& plan) {
  return join(plan.order == WireOrder::kBlock ? "block, " : "canonical, ", plan.unit_tokens,
              plan.unit_tokens == 1 ? " token of " : " tokens of ", plan.unit_bytes, " bytes |");
}

std::string show(const ChunkGrid& grid) {
  return join("| ", grid.layers_per_chunk, ", ", grid.n_layer_groups, ", ", grid.n_tiles, " |");
}

std::string show(const StreamPlan& plan, std::uint32_t chunk) {
  const ChunkCell where = cell(plan, ChunkIndex{chunk});
  return join("| chunk ", chunk, " | layers ", show(where.layers), ", tokens ", show(where.tokens),
              ", ", where.bytes, " bytes |");
}

KvLayout example_rank(std::uint32_t tp_size, std::uint32_t tp, std::uint32_t block_tokens,
                      BlockStyle style) {
  KvShape shape;
  shape.rank.tp_size = tp_size;
  shape.rank.tp = tp;
  shape.groups = {testing::small_group(32)};
  shape.groups[0].part_bytes = {256, 256};
  shape.groups[0].block_tokens = block_tokens;
  const GroupStyle group{style, Placement::kPerLayer, 10, 0};
  return make_layout(shape, std::span(&group, 1), MemoryKind::kHost,
                     [next = std::uint64_t{1} << 32](std::uint64_t bytes) mutable {
                       return Result<std::uint64_t>(std::exchange(next, next + bytes));
                     })
      .value();
}

// Where the pool has the byte that the slot has at `offset` of the chunk, counted from V's base.
std::uint64_t offset_in_second_tensor(const StreamPlan& plan, std::uint32_t chunk,
                                      const KvLayout& layout, std::uint64_t offset,
                                      std::uint32_t pool_block) {
  const std::vector<std::uint32_t> ids(300, pool_block);
  const ChunkCell where = cell(plan, ChunkIndex{chunk});
  std::uint64_t found = 0;
  for_each_run(plan.groups[0], where, layout.shape.groups[0], layout.groups[0], layout.shape.rank,
               TableView{ids, 0}, [&](std::uint64_t address, std::uint64_t at, std::uint64_t n) {
                 if (offset < at || offset >= at + n) return;
                 const std::uint64_t base =
                     layout.groups[0].layers[where.layers.begin].part_base[1];
                 found = address + (offset - at) - base;
               });
  return found;
}

TEST(WireOrderPage, has_the_canonical_example_right) {
  const KvLayout source = example_rank(2, 1, 16, BlockStyle::kPartNhd);
  const KvLayout sink = example_rank(1, 0, 24, BlockStyle::kPartNhd);
  const TokenRange tokens{1000, 4000};
  const auto plan = plan_stream(source.shape, sink.shape, std::span(&tokens, 1), 4 << 20).value();
  const GroupPlan& group = plan.groups.at(0);
  const std::string text = page();
  EXPECT_THAT(text, HasSubstr(join("| layers, heads, tokens | ", show(group.layers), ", ",
                                   show(group.heads), ", ", show(group.tokens), " |")));
  EXPECT_THAT(text, HasSubstr(join("| order, unit | ", show(group))));
  EXPECT_THAT(text, HasSubstr(join("| stream | ", plan.bytes, " bytes |")));
  EXPECT_THAT(text, HasSubstr(join("| lcm of the block sizes | ", std::lcm(16, 24), " tokens |")));
  EXPECT_THAT(text, HasSubstr(join("| tile, origin | ", group.grid.tile_tokens, " tokens, ",
                                   group.grid.origin, " |")));
  EXPECT_THAT(text, HasSubstr(show(group.grid)));
  EXPECT_THAT(text, HasSubstr(join("| chunks | ", plan.n_chunks, " |")));
  EXPECT_THAT(text, HasSubstr(show(plan, 5)));
  EXPECT_THAT(text, HasSubstr(show(plan, 37)));
  EXPECT_THAT(text, HasSubstr(join("| plan hash | ", std::hex, std::setw(16), std::setfill('0'),
                                   plan.hash, " |")));

  const std::uint64_t offset = 24 * 2048 + 2 * 512 + 256 + 10;
  EXPECT_THAT(text, HasSubstr(join("K's 256 + 10 | ", offset, " |")));
  EXPECT_THAT(text, HasSubstr(join("2 heads · 256 + 10 | ",
                                   offset_in_second_tensor(plan, 37, source, offset, 7), " |")));
  EXPECT_THAT(text, HasSubstr(join("6 heads · 256 + 10 | ",
                                   offset_in_second_tensor(plan, 37, sink, offset, 3), " |")));
}

TEST(WireOrderPage, has_the_block_example_right) {
  const KvLayout rank = example_rank(2, 1, 16, BlockStyle::kBlockPartNhd);
  const TokenRange tokens{992, 4000};
  const auto plan = plan_stream(rank.shape, rank.shape, std::span(&tokens, 1), 4 << 20).value();
  const GroupPlan& group = plan.groups.at(0);
  const std::string text = page();
  EXPECT_THAT(text, HasSubstr(join("| order, unit | ", show(group))));
  EXPECT_THAT(text, HasSubstr(join("| tile, origin | ", group.grid.tile_tokens, " tokens, ",
                                   group.grid.origin, " |")));
  EXPECT_THAT(text, HasSubstr(show(group.grid)));
  EXPECT_THAT(text, HasSubstr(show(plan, 63)));
}

}  // namespace
}  // namespace pegaflow::core
