#include "tests/core/scenarios.h"

#include <algorithm>
#include <ostream>

#include "tests/core/layouts.h"

namespace pegaflow::core::testing {
namespace {

std::uint32_t below(std::uint32_t end) { return *rc::gen::inRange<std::uint32_t>(0, end); }
std::uint32_t between(std::uint32_t first, std::uint32_t last) {
  return *rc::gen::inRange<std::uint32_t>(first, last + 1);
}
std::uint32_t one_of(std::vector<std::uint32_t> values) {
  return *rc::gen::elementOf(std::move(values));
}

// What both sides must agree on.
KvGroupShape model_group() {
  KvGroupShape group;
  group.stage_bounds = {0, between(1, 5)};
  group.heads_total = one_of({1, 2, 4, 8});
  group.window = one_of({0, 128});
  group.block_tokens = between(1, 16);
  if (below(5) == 0) {
    group.opaque_block_bytes = between(1, 50);
    group.opaque_digest.fill(9);
    return group;
  }
  group.element_bytes = one_of({1, 2, 4});
  group.parts = between(1, 2);
  group.part_bytes[0] = group.element_bytes * between(1, 4);
  if (group.parts == 2) group.part_bytes[1] = group.part_bytes[0];
  if (group.parts == 2 && below(3) == 0) group.part_bytes[1] += group.element_bytes;
  return group;
}

std::vector<std::uint32_t> random_stages(std::uint32_t layers, std::uint32_t pp_size) {
  std::vector<std::uint32_t> bounds{0};
  for (std::uint32_t i = 1; i < pp_size; ++i) bounds.push_back(between(0, layers));
  bounds.push_back(layers);
  std::sort(bounds.begin(), bounds.end());
  return bounds;
}

BlockStyle random_block_style(const KvGroupShape& group) {
  const bool joined_only = group.parts == 2 && group.part_bytes[0] != group.part_bytes[1];
  if (joined_only) return *rc::gen::element(BlockStyle::kNhdKv, BlockStyle::kHndKv);
  return *rc::gen::element(BlockStyle::kPartNhd, BlockStyle::kPartHnd, BlockStyle::kBlockPartNhd,
                           BlockStyle::kBlockPartHnd, BlockStyle::kNhdKv, BlockStyle::kHndKv);
}

GroupStyle random_style(const KvGroupShape& group) {
  GroupStyle style;
  style.block = random_block_style(group);
  style.placement =
      *rc::gen::element(Placement::kPerLayer, Placement::kLayerFirst, Placement::kBlockFirst);
  style.n_blocks = kSequence / group.block_tokens + 1 + below(4);
  style.block_padding = group.opaque() ? below(4) : group.element_bytes * below(3);
  return style;
}

Rank random_rank() {
  Rank rank;
  rank.dp_size = between(1, 3);
  rank.dp = below(rank.dp_size);
  rank.pp_size = between(1, 3);
  rank.tp_size = one_of({1, 2, 4, 8});
  return rank;
}

// An instance of the model; opaque blocks can only be had with the same cut of the heads.
Instance random_instance(const std::vector<KvGroupShape>& model) {
  Instance instance;
  instance.rank = random_rank();
  for (KvGroupShape group : model) {
    group.stage_bounds = random_stages(group.stage_bounds.back(), instance.rank.pp_size);
    if (!group.opaque() && below(2) == 0) group.block_tokens = between(1, 16);
    instance.groups.push_back(group);
    instance.styles.push_back(random_style(group));
  }
  return instance;
}

void use_one_head_if_opaque(std::vector<KvGroupShape>& model) {
  for (KvGroupShape& group : model) {
    if (group.opaque()) group.heads_total = 1;
  }
}

// Another placement and other blocks to spare, but the same bytes in each block.
Instance similar_instance(const Instance& other) {
  Instance instance = other;
  for (std::size_t i = 0; i < instance.groups.size(); ++i) {
    const BlockStyle block = instance.styles[i].block;
    instance.styles[i] = random_style(instance.groups[i]);
    instance.styles[i].block = block;
  }
  return instance;
}

TokenRange random_tokens(const KvGroupShape& group, bool whole_blocks) {
  TokenRange tokens{below(kSequence), below(kSequence + 1)};
  if (tokens.begin > tokens.end) std::swap(tokens.begin, tokens.end);
  if (group.opaque() || whole_blocks) tokens.begin -= tokens.begin % group.block_tokens;
  if (whole_blocks) tokens.end -= tokens.end % group.block_tokens;
  return tokens;
}

std::uint64_t largest_unit(const Instance& instance) {
  std::uint64_t largest = 1;
  for (const KvGroupShape& group : instance.groups) {
    largest =
        std::max({largest, group.opaque_block_bytes,
                  std::uint64_t{group.heads_total} * (group.part_bytes[0] + group.part_bytes[1])});
  }
  return largest;
}

Scenario random_scenario() {
  std::vector<KvGroupShape> model;
  const std::uint32_t n_groups = between(1, 3);
  for (std::uint32_t i = 0; i < n_groups; ++i) model.push_back(model_group());
  const bool alike = below(3) == 0;
  if (!alike) use_one_head_if_opaque(model);
  Scenario scenario;
  scenario.source = random_instance(model);
  scenario.sink = alike ? similar_instance(scenario.source) : random_instance(model);
  for (const KvGroupShape& group : scenario.sink.groups) {
    scenario.tokens.push_back(random_tokens(group, alike && below(3) != 0));
  }
  scenario.chunk_bytes = largest_unit(scenario.sink) + one_of({0, 50, 700, 4000});
  scenario.seed = below(1U << 30);
  return scenario;
}

void show_instance(const Instance& instance, std::ostream& out) {
  const Rank& rank = instance.rank;
  out << "dp " << rank.dp << '/' << rank.dp_size << ", pp_size " << rank.pp_size << ", tp_size "
      << rank.tp_size << '\n';
  for (std::size_t i = 0; i < instance.groups.size(); ++i) {
    const KvGroupShape& group = instance.groups[i];
    const GroupStyle& style = instance.styles[i];
    out << "  group " << i << ": stages";
    for (const std::uint32_t bound : group.stage_bounds) out << ' ' << bound;
    out << ", heads " << group.heads_total << ", parts " << group.part_bytes[0] << '+'
        << group.part_bytes[1] << ", element " << group.element_bytes << ", block_tokens "
        << group.block_tokens << ", opaque " << group.opaque_block_bytes << ", style "
        << static_cast<int>(style.block) << ", placement " << static_cast<int>(style.placement)
        << ", blocks " << style.n_blocks << ", padding " << style.block_padding << '\n';
  }
}

}  // namespace

KvShape shape_of(const Instance& instance, std::uint32_t pp, std::uint32_t tp) {
  KvShape shape;
  shape.rank = instance.rank;
  shape.rank.pp = pp;
  shape.rank.tp = tp;
  shape.groups = instance.groups;
  const auto layout = make_layout(
      shape, instance.styles, MemoryKind::kHost,
      [next = std::uint64_t{1} << 20](std::uint64_t bytes) mutable {
        return Result<std::uint64_t>(std::exchange(next, next + bytes + 64 - bytes % 64));
      });
  return layout.value().shape;
}

std::vector<KvShape> shapes_of(const Instance& instance) {
  std::vector<KvShape> shapes;
  for (std::uint32_t pp = 0; pp < instance.rank.pp_size; ++pp) {
    for (std::uint32_t tp = 0; tp < instance.rank.tp_size; ++tp) {
      shapes.push_back(shape_of(instance, pp, tp));
    }
  }
  return shapes;
}

// Full size from the first case on: small scenarios are seldom the interesting ones.
rc::Gen<Scenario> scenarios() {
  return rc::gen::resize(rc::kNominalSize, rc::gen::exec(random_scenario));
}

void showValue(const Scenario& scenario, std::ostream& out) {
  out << "source ";
  show_instance(scenario.source, out);
  out << "sink ";
  show_instance(scenario.sink, out);
  out << "tokens";
  for (const TokenRange& tokens : scenario.tokens) {
    out << " [" << tokens.begin << ", " << tokens.end << ')';
  }
  out << ", chunk_bytes " << scenario.chunk_bytes << ", seed " << scenario.seed << '\n';
}

}  // namespace pegaflow::core::testing
