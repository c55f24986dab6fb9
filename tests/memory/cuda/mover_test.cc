// The CUDA mover against the host's copies: any layout to any layout, slot by slot and pool by
// pool.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <deque>
#include <numeric>
#include <random>

#include "core/gather.h"
#include "core/slot_word.h"
#include "core/sources.h"
#include "memory/region.h"
#include "tests/core/scenarios.h"
#include "tests/memory/cuda/gpu_fixture.h"

namespace pegaflow::memory::cuda {
namespace {

using core::ChecksumKind;
using core::TableView;
using core::TokenRange;
using core::testing::Instance;
using core::testing::Scenario;
using core::testing::TestPool;
using testing::GpuPool;
using testing::need;

constexpr std::size_t kJobs = 8;
// So that copy engines get what is cut into small pieces, too.
constexpr std::uint64_t kShortRun = 16;

// One rank: a pool on the host, its twin on the GPU, and block tables.
struct Endpoint {
  Endpoint(const Context& context, TestPool made, std::size_t groups, std::size_t skew,
           std::mt19937& random, std::uint64_t seed, std::uint32_t filled_tokens)
      : pool(std::move(made)) {
    for (std::uint32_t i = 0; i < groups; ++i) {
      auto& table = ids.emplace_back(pool.layout().groups[i].n_blocks);
      std::iota(table.begin(), table.end(), 0);
      std::shuffle(table.begin(), table.end(), random);
      views.push_back({table, 0});
      if (seed != 0) pool.fill(seed, i, 0, filled_tokens, table);
    }
    gpu = std::make_unique<GpuPool>(context, pool, skew);
  }
  TestPool pool;
  std::deque<std::vector<std::uint32_t>> ids;
  std::vector<TableView> views;
  std::unique_ptr<GpuPool> gpu;
};

class CudaMoverTest : public testing::GpuTest {
 protected:
  void SetUp() override {
    open(1);
    if (!IsSkipped()) renew();
  }
  void renew() {
    MoverConfig config;
    config.max_jobs = kJobs;
    config.copy_engine_run_bytes = kShortRun;
    mover_.reset();
    mover_ = need(device().make_mover(config, clock_));
  }
  Region region(std::uint64_t chunk_bytes, MemoryKind memory = MemoryKind::kCuda) {
    const std::uint64_t slot = (chunk_bytes + kSlotAlignment - 1) / kSlotAlignment * kSlotAlignment;
    return need(Region::create({"test", memory, slot, kJobs}, device()));
  }

  // Moves a whole stream, and its twin on the host; compares slots, sums, headers and words.
  void move(const core::StreamPlan& plan, Endpoint& source, Endpoint& sink, Region& staging,
            ChecksumKind kind) {
    need(mover_->check(plan, source.gpu->layout()));
    need(mover_->check(plan, sink.gpu->layout()));
    for (std::uint32_t first = 0; first < plan.n_chunks; first += kJobs) {
      const std::uint32_t count = std::min<std::uint32_t>(kJobs, plan.n_chunks - first);
      gather(plan, first, count, source, staging, kind);
      scatter(plan, first, count, sink, staging, kind);
    }
  }

  void gather(const core::StreamPlan& plan, std::uint32_t first, std::uint32_t count,
              Endpoint& source, Region& staging, ChecksumKind kind) {
    std::vector<MoveJob> jobs;
    for (std::uint32_t i = 0; i < count; ++i) {
      MoveJob job;
      job.direction = MoveDirection::kGather;
      job.cookie = i;
      job.beside_compute = (first + i) / 2 % 2 == 1;  // two by kernel, two by copy engine, …
      job.plan = &plan;
      job.chunk = ChunkIndex{first + i};
      job.layout = &source.gpu->layout();
      job.tables = source.views;
      job.slot = staging.slot(SlotIndex{i});
      job.integrity = kind;
      job.header = staging.control().header(SlotIndex{i});
      job.word = &staging.control().word(SlotIndex{i});
      job.filled_word = core::filled_word(Generation{first + i + 1}, WriterId{5});
      *job.header = {};
      job.header->t_ready = 77;
      jobs.push_back(job);
    }
    mover_->submit(jobs);
    const auto results = testing::wait_for(*mover_, count);
    for (const MoveResult& result : results) {
      const SlotIndex slot{static_cast<std::uint32_t>(result.cookie)};
      const MoveJob& job = jobs[slot.value];
      ASSERT_TRUE(result.ok);
      const std::uint64_t bytes = core::cell(plan, job.chunk).bytes;
      std::vector<std::byte> expected(bytes);
      core::gather(plan, job.chunk, source.pool.layout(), source.views, expected);
      ASSERT_EQ(content(staging, slot, bytes), expected);
      sums_[slot.value] = result.checksum;
      const std::uint32_t sum = kind == ChecksumKind::kNone ? 0 : core::slot_sum(expected);
      ASSERT_EQ(result.checksum, sum);
      const SlotHeader header = staging.control().read_header(slot);
      ASSERT_EQ(header.checksum, sum);
      ASSERT_EQ(header.t_ready, 77U);
      ASSERT_LE(header.t_start, header.t_end);
      ASSERT_EQ(staging.control().word(slot).load(), job.filled_word);
    }
  }

  void scatter(const core::StreamPlan& plan, std::uint32_t first, std::uint32_t count,
               Endpoint& sink, Region& staging, ChecksumKind kind) {
    std::vector<MoveJob> jobs;
    for (std::uint32_t i = 0; i < count; ++i) {
      MoveJob job;
      job.direction = MoveDirection::kScatter;
      job.cookie = i;
      job.plan = &plan;
      job.chunk = ChunkIndex{first + i};
      job.layout = &sink.gpu->layout();
      job.tables = sink.views;
      job.slot = staging.slot(SlotIndex{i});
      job.integrity = kind;
      job.checksum = sums_[i];
      jobs.push_back(job);
      const auto bytes = content(staging, SlotIndex{i}, core::cell(plan, job.chunk).bytes);
      core::scatter(plan, job.chunk, sink.pool.layout(), sink.views, bytes);
    }
    mover_->submit(jobs);
    for (const MoveResult& result : testing::wait_for(*mover_, count)) ASSERT_TRUE(result.ok);
  }

  std::vector<std::byte> content(Region& staging, SlotIndex slot, std::uint64_t bytes) {
    return testing::download(context(), staging.slot(slot).data(), bytes);
  }

  // Every sink rank from all its sources.
  void run(const Scenario& scenario) {
    if (!ready()) return;
    renew();
    std::mt19937 random(scenario.seed);
    static constexpr std::size_t kSkews[] = {0, 0, 8, 4};
    Region staging = region(scenario.chunk_bytes);
    std::deque<Endpoint> sources;
    std::deque<Endpoint> sinks;  // pools outlive the mover
    std::vector<KvShape> shapes;
    const auto ends = [&](const Instance& instance, std::uint64_t seed, auto&& fn) {
      for (std::uint32_t pp = 0; pp < instance.rank.pp_size; ++pp) {
        for (std::uint32_t tp = 0; tp < instance.rank.tp_size; ++tp) {
          fn(Endpoint(context(),
                      TestPool(core::testing::shape_of(instance, pp, tp), instance.styles),
                      scenario.tokens.size(), kSkews[random() % 4], random, seed,
                      core::testing::kSequence));
        }
      }
    };
    ends(scenario.source, 42, [&](Endpoint end) {
      shapes.push_back(end.pool.shape());
      sources.push_back(std::move(end));
      need(mover_->add_pool(sources.back().gpu->layout()));
    });
    ends(scenario.sink, 0, [&](Endpoint end) {
      sinks.push_back(std::move(end));
      Endpoint& sink = sinks.back();
      need(mover_->add_pool(sink.gpu->layout()));
      for (const std::uint32_t index : need(core::select_sources(shapes, sink.pool.shape()))) {
        const auto plan = need(core::plan_stream(shapes[index], sink.pool.shape(), scenario.tokens,
                                                 scenario.chunk_bytes));
        move(plan, sources[index], sink, staging,
             random() % 2 == 0 ? ChecksumKind::kSlotSum : ChecksumKind::kNone);
      }
      RC_ASSERT(sink.gpu->contents() == testing::contents(sink.pool));
    });
    RC_ASSERT(!HasFatalFailure());
    mover_.reset();
  }

  SteadyClock clock_;
  std::unique_ptr<Mover> mover_;
  std::array<std::uint32_t, kJobs> sums_{};
};

RC_GTEST_FIXTURE_PROP(CudaMoverTest, moves_any_layout_to_any_layout, (const Scenario& scenario)) {
  SetUp();
  run(scenario);
}

// Chunks of many stripes, with rows of real sizes.
struct Form {
  std::uint32_t part_bytes, source_block, sink_block;
  core::BlockStyle source, sink;
};

class LargeChunks : public CudaMoverTest, public ::testing::WithParamInterface<Form> {};

TEST_P(LargeChunks, arrive) {
  const Form form = GetParam();
  constexpr std::uint32_t kTokens = 700;
  constexpr std::uint64_t kChunk = 1U << 20;
  std::mt19937 random(5);
  const auto pool = [&](std::uint32_t block_tokens, core::BlockStyle style) {
    KvShape shape;
    shape.groups = {core::testing::small_group(3)};
    shape.groups[0].heads_total = 4;
    shape.groups[0].part_bytes = {form.part_bytes, form.part_bytes};
    shape.groups[0].element_bytes = 1;
    shape.groups[0].block_tokens = block_tokens;
    const core::GroupStyle group{style, core::Placement::kPerLayer, kTokens / block_tokens + 3, 0};
    return TestPool(shape, std::span(&group, 1));
  };
  Endpoint source(context(), pool(form.source_block, form.source), 1, 0, random, 9, kTokens);
  Endpoint sink(context(), pool(form.sink_block, form.sink), 1, 0, random, 0, 0);
  need(mover_->add_pool(source.gpu->layout()));
  need(mover_->add_pool(sink.gpu->layout()));
  for (const MemoryKind memory : {MemoryKind::kCuda, MemoryKind::kHost}) {
    Region staging = region(kChunk, memory);
    const TokenRange tokens{3, kTokens};
    const auto plan = need(
        core::plan_stream(source.pool.shape(), sink.pool.shape(), std::span(&tokens, 1), kChunk));
    move(plan, source, sink, staging, ChecksumKind::kSlotSum);
    EXPECT_EQ(sink.gpu->contents(), testing::contents(sink.pool));
  }
}

using Style = core::BlockStyle;
INSTANTIATE_TEST_SUITE_P(forms, LargeChunks,
                         ::testing::Values(Form{256, 16, 16, Style::kPartNhd, Style::kPartNhd},
                                           Form{256, 16, 64, Style::kPartNhd, Style::kPartHnd},
                                           Form{128, 64, 16, Style::kHndKv, Style::kBlockPartNhd},
                                           Form{72, 16, 1, Style::kNhdKv, Style::kPartNhd},
                                           Form{18, 1, 16, Style::kBlockPartHnd, Style::kHndKv},
                                           Form{7, 5, 16, Style::kPartNhd, Style::kNhdKv}));

TEST_F(CudaMoverTest, a_damaged_slot_fails_its_scatter_and_no_other) {
  std::mt19937 random(1);
  KvShape shape;
  shape.groups = {core::testing::small_group(2)};
  const core::GroupStyle style{Style::kPartNhd, core::Placement::kPerLayer, 600, 0};
  Endpoint end(context(), TestPool(shape, std::span(&style, 1)), 1, 0, random, 3, 2000);
  need(mover_->add_pool(end.gpu->layout()));
  const TokenRange tokens{0, 2000};
  const auto plan =
      need(core::plan_stream(shape, shape, std::span(&tokens, 1), std::uint64_t{1} << 20));
  Region staging = region(1U << 20);
  gather(plan, 0, plan.n_chunks, end, staging, ChecksumKind::kSlotSum);
  const std::byte bad[1] = {content(staging, SlotIndex{0}, 1)[0] ^ std::byte{1}};
  testing::upload(context(), reinterpret_cast<CUdeviceptr>(staging.slot(SlotIndex{0}).data()), bad);
  MoveJob job;
  job.direction = MoveDirection::kScatter;
  job.plan = &plan;
  job.layout = &end.gpu->layout();
  job.tables = end.views;
  job.slot = staging.slot(SlotIndex{0});
  job.integrity = ChecksumKind::kSlotSum;
  job.checksum = sums_[0];
  mover_->submit(std::span(&job, 1));
  EXPECT_FALSE(testing::wait_for(*mover_, 1)[0].ok);
}

TEST_F(CudaMoverTest, pools_of_other_memory_are_refused) {
  KvShape shape;
  shape.groups = {core::testing::small_group(1)};
  const core::GroupStyle style{Style::kPartNhd, core::Placement::kPerLayer, 4, 0};
  const TestPool pool(shape, std::span(&style, 1));
  KvLayout layout = pool.layout();
  EXPECT_EQ(mover_->add_pool(layout).error().code(), Code::kUnsupported);
  layout.memory = MemoryKind::kCuda;  // a lie
  EXPECT_EQ(mover_->add_pool(layout).error().code(), Code::kInvalidArgument);
}

// The engine takes blocks back while gathers of them run: its next writes wait, on the GPU.
TEST_F(CudaMoverTest, a_fenced_stream_writes_only_after_launched_gathers) {
  std::mt19937 random(1);
  constexpr std::uint32_t kTokens = 1U << 16;
  KvShape shape;
  shape.groups = {core::testing::small_group(1)};
  shape.groups[0].part_bytes = {64, 64};
  shape.groups[0].block_tokens = 16;
  const core::GroupStyle style{Style::kPartNhd, core::Placement::kPerLayer, kTokens / 16, 0};
  Endpoint end(context(), TestPool(shape, std::span(&style, 1)), 1, 0, random, 3, kTokens);
  need(mover_->add_pool(end.gpu->layout()));
  const TokenRange tokens{0, kTokens};
  const auto plan =
      need(core::plan_stream(shape, shape, std::span(&tokens, 1), std::uint64_t{4} << 20));
  Region staging = region(4U << 20);
  const Stream engine = need(make_stream(context()));
  for (int round = 0; round < 20; ++round) {
    std::vector<MoveJob> jobs;
    for (std::uint32_t i = 0; i < kJobs; ++i) {
      MoveJob job;
      job.plan = &plan;
      job.cookie = i;
      job.chunk = ChunkIndex{i};
      job.layout = &end.gpu->layout();
      job.tables = end.views;
      job.slot = staging.slot(SlotIndex{i});
      job.header = staging.control().header(SlotIndex{i});
      job.word = &staging.control().word(SlotIndex{i});
      job.filled_word = 1;
      jobs.push_back(job);
    }
    mover_->submit(jobs);
    need(mover_->fence(MoveDirection::kGather, reinterpret_cast<StreamHandle>(engine.get())));
    for (const MemoryRange& range : end.gpu->layout().allocations) {
      need(context().check(
          context().api().cuMemsetD8Async(range.address, 0xEE, range.bytes, engine.get()),
          "overwrite"));
    }
    testing::wait_for(*mover_, kJobs);
    need(context().check(context().api().cuStreamSynchronize(engine.get()), "overwrite"));
    for (std::uint32_t i = 0; i < kJobs; ++i) {
      const std::uint64_t bytes = core::cell(plan, ChunkIndex{i}).bytes;
      std::vector<std::byte> expected(bytes);
      core::gather(plan, ChunkIndex{i}, end.pool.layout(), end.views, expected);
      ASSERT_EQ(content(staging, SlotIndex{i}, bytes), expected);
    }
    const auto bytes = testing::contents(end.pool);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      testing::upload(context(), end.gpu->layout().allocations[i].address, bytes[i]);
    }
  }
}

}  // namespace
}  // namespace pegaflow::memory::cuda
