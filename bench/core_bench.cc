// Gather and scatter per layout and fragment size, and the plan they follow.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <vector>

#include "core/gather.h"
#include "core/plan.h"
#include "sample_pool.h"

namespace {

using namespace pegaflow;
using bench::PoolForm;
using bench::SamplePool;
using core::BlockStyle;

// Blocks that are one contiguous piece of `page` bytes: 64 MiB of them.
PoolForm pages_of(std::uint32_t page) {
  PoolForm form;
  form.heads = 1;
  form.block_tokens = page < 8192 ? 1 : page / 8192;
  form.part_bytes = page / form.block_tokens / 2;
  form.layers = 1;
  form.blocks = (128U << 20) / page;
  return form;
}

// Every style, with rows of 256 bytes where it has rows.
PoolForm form_of(BlockStyle style) {
  PoolForm form;
  form.style = style;
  form.blocks = 1024;
  return form;
}

struct Copy {
  Copy(const PoolForm& form, bool comparable)
      : pool(form, comparable), plan(bench::plan_between(pool, pool)), slot(1U << 20) {}
  SamplePool pool;
  core::StreamPlan plan;
  std::vector<std::byte> slot;
};

void gather_all(benchmark::State& state, Copy& copy) {
  const auto table = copy.pool.table();
  for (auto _ : state) {
    for (std::uint32_t i = 0; i < copy.plan.n_chunks; ++i) {
      benchmark::DoNotOptimize(
          core::gather_crc(copy.plan, ChunkIndex{i}, copy.pool.layout(), {&table, 1}, copy.slot));
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(copy.plan.bytes));
}

void scatter_all(benchmark::State& state, Copy& copy) {
  const auto table = copy.pool.table();
  for (auto _ : state) {
    for (std::uint32_t i = 0; i < copy.plan.n_chunks; ++i) {
      benchmark::DoNotOptimize(
          core::scatter_crc(copy.plan, ChunkIndex{i}, copy.pool.layout(), {&table, 1}, copy.slot));
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(copy.plan.bytes));
}

void gather_pages(benchmark::State& state) {
  Copy copy(pages_of(static_cast<std::uint32_t>(state.range(0))), true);
  gather_all(state, copy);
}
void scatter_pages(benchmark::State& state) {
  Copy copy(pages_of(static_cast<std::uint32_t>(state.range(0))), true);
  scatter_all(state, copy);
}
BENCHMARK(gather_pages)->RangeMultiplier(4)->Range(512, 1 << 20)->ArgName("page");
BENCHMARK(scatter_pages)->RangeMultiplier(4)->Range(512, 1 << 20)->ArgName("page");

// In canonical order, as between different layouts.
void gather_layout(benchmark::State& state) {
  Copy copy(form_of(static_cast<BlockStyle>(state.range(0))), false);
  gather_all(state, copy);
}
void scatter_layout(benchmark::State& state) {
  Copy copy(form_of(static_cast<BlockStyle>(state.range(0))), false);
  scatter_all(state, copy);
}
BENCHMARK(gather_layout)->DenseRange(0, 5)->ArgName("style");
BENCHMARK(scatter_layout)->DenseRange(0, 5)->ArgName("style");

void plan(benchmark::State& state) {
  const SamplePool source(form_of(BlockStyle::kPartNhd), false);
  const SamplePool sink(form_of(BlockStyle::kHndKv), false);
  for (auto _ : state) benchmark::DoNotOptimize(bench::plan_between(source, sink));
}
BENCHMARK(plan);

}  // namespace

BENCHMARK_MAIN();
