#include "memory/host_mover.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/crc32c.h"
#include "core/slot_word.h"
#include "memory/region.h"
#include "tests/core/layouts.h"

namespace pegaflow::memory {
namespace {

using core::testing::TestPool;

constexpr std::uint32_t kLayers = 2;
constexpr std::uint32_t kTokens = 16;
constexpr std::uint64_t kSlotBytes = 4096;
constexpr std::uint64_t kSeed = 7;

KvShape pool_shape() {
  KvShape shape;
  shape.groups = {core::testing::small_group(kLayers)};
  return shape;
}

TestPool pool_of(core::BlockStyle style) {
  const core::GroupStyle group{style, core::Placement::kPerLayer, 8, 0};
  return TestPool(pool_shape(), std::span(&group, 1));
}

// A chunk gathered from one pool into a slot of a region and scattered into a pool of another
// layout.
class HostMoverTest : public testing::Test {
 protected:
  HostMoverTest() {
    source_.fill(kSeed, 0, 0, kTokens, ids_);
    const core::TokenRange tokens{0, kTokens};
    plan_ = core::plan_stream(source_.shape(), sink_.shape(), std::span(&tokens, 1), kSlotBytes)
                .value();
  }

  MoveJob gather_job(core::ChecksumKind integrity) {
    MoveJob job;
    job.direction = MoveDirection::kGather;
    job.cookie = 11;
    job.plan = &plan_;
    job.chunk = ChunkIndex{0};
    job.layout = &source_.layout();
    job.tables = std::span(&table_, 1);
    job.slot = region_.slot(slot_);
    job.integrity = integrity;
    job.header = region_.control().header(slot_);
    job.word = &region_.control().word(slot_);
    job.filled_word = core::filled_word(Generation{3}, WriterId{5});
    return job;
  }
  MoveJob scatter_job(core::ChecksumKind integrity, std::uint32_t checksum) {
    MoveJob job = gather_job(integrity);
    job.direction = MoveDirection::kScatter;
    job.cookie = 12;
    job.layout = &sink_.layout();
    job.checksum = checksum;
    job.header = nullptr;
    job.word = nullptr;
    return job;
  }
  MoveResult run(const MoveJob& job) {
    mover_.submit(std::span(&job, 1));
    std::array<MoveResult, 2> results;
    EXPECT_EQ(mover_.poll(results), 1U);
    return results[0];
  }
  std::span<const std::byte> content() {
    return region_.slot(slot_).first(core::cell(plan_, ChunkIndex{0}).bytes);
  }
  void expect_moved() {
    core::testing::for_each_byte(
        sink_.shape(), 0, 0, kTokens, [&](const core::testing::KvByte& at) {
          ASSERT_EQ(sink_.at(at, ids_), core::testing::expected_byte(kSeed, at));
        });
  }

  TestPool source_ = pool_of(core::BlockStyle::kPartNhd);
  TestPool sink_ = pool_of(core::BlockStyle::kBlockPartHnd);
  std::vector<std::uint32_t> ids_{5, 1, 7, 2};
  core::TableView table_{ids_, 0};
  core::StreamPlan plan_;
  Region region_ = *Region::create({"staging", MemoryKind::kHost, kSlotBytes, 2});
  SlotIndex slot_{1};
  FakeClock clock_;
  HostMover mover_{clock_, 4};
};

TEST_F(HostMoverTest, a_chunk_travels_between_two_layouts) {
  ASSERT_EQ(plan_.n_chunks, 1U);
  const MoveResult gathered = run(gather_job(core::ChecksumKind::kCrc32c));
  EXPECT_TRUE(gathered.ok);
  EXPECT_EQ(gathered.cookie, 11U);
  EXPECT_EQ(gathered.checksum, crc32c(content()));
  const MoveResult scattered = run(scatter_job(core::ChecksumKind::kCrc32c, gathered.checksum));
  EXPECT_TRUE(scattered.ok);
  EXPECT_EQ(scattered.cookie, 12U);
  expect_moved();
}

TEST_F(HostMoverTest, a_gather_completes_the_header_and_fills_the_word) {
  SlotHeader before;
  before.xfer = 1;
  before.bytes = 2;
  before.t_ready = 3;
  *region_.control().header(slot_) = before;
  const MoveResult gathered = run(gather_job(core::ChecksumKind::kCrc32c));
  const SlotHeader header = region_.control().read_header(slot_);
  EXPECT_EQ(header.xfer, 1U);
  EXPECT_EQ(header.bytes, 2U);
  EXPECT_EQ(header.t_ready, 3U);
  EXPECT_EQ(header.checksum, gathered.checksum);
  const auto now = std::chrono::nanoseconds(clock_.now().time_since_epoch()).count();
  EXPECT_EQ(header.t_start, static_cast<std::uint64_t>(now));
  EXPECT_EQ(header.t_end, static_cast<std::uint64_t>(now));
  EXPECT_EQ(region_.control().word(slot_).load(), core::filled_word(Generation{3}, WriterId{5}));
}

TEST_F(HostMoverTest, without_integrity_the_bytes_travel_and_the_checksum_is_zero) {
  EXPECT_EQ(run(gather_job(core::ChecksumKind::kNone)).checksum, 0U);
  EXPECT_EQ(region_.control().read_header(slot_).checksum, 0U);
  EXPECT_TRUE(run(scatter_job(core::ChecksumKind::kNone, 0xBAD)).ok);
  expect_moved();
}

TEST_F(HostMoverTest, a_stream_with_a_gpu_carries_the_slot_sum) {
  const MoveResult gathered = run(gather_job(core::ChecksumKind::kSlotSum));
  EXPECT_EQ(gathered.checksum, core::slot_sum(content()));
  EXPECT_TRUE(run(scatter_job(core::ChecksumKind::kSlotSum, gathered.checksum)).ok);
  expect_moved();
  region_.slot(slot_)[17] ^= std::byte{1};
  EXPECT_FALSE(run(scatter_job(core::ChecksumKind::kSlotSum, gathered.checksum)).ok);
}

TEST_F(HostMoverTest, there_is_nothing_to_fence_and_no_stream_to_wait) {
  EXPECT_TRUE(mover_.fence(MoveDirection::kGather, kNoStream).ok());
  EXPECT_EQ(mover_.fence(MoveDirection::kGather, 7).error().code(), Code::kUnsupported);
}

TEST_F(HostMoverTest, a_pool_on_a_gpu_is_refused) {
  KvLayout layout = source_.layout();
  EXPECT_TRUE(mover_.add_pool(layout).ok());
  layout.memory = MemoryKind::kCuda;
  EXPECT_EQ(mover_.add_pool(layout).error().code(), Code::kUnsupported);
}

TEST_F(HostMoverTest, a_damaged_slot_fails_its_scatter) {
  const MoveResult gathered = run(gather_job(core::ChecksumKind::kCrc32c));
  region_.slot(slot_)[17] ^= std::byte{1};
  const MoveResult scattered = run(scatter_job(core::ChecksumKind::kCrc32c, gathered.checksum));
  EXPECT_FALSE(scattered.ok);
  EXPECT_NE(scattered.checksum, gathered.checksum);
}

TEST_F(HostMoverTest, results_wait_in_order) {
  for (std::uint64_t cookie = 0; cookie < 4; ++cookie) {
    MoveJob job = gather_job(core::ChecksumKind::kNone);
    job.cookie = cookie;
    mover_.submit(std::span(&job, 1));
  }
  std::array<MoveResult, 3> some;
  EXPECT_EQ(mover_.poll(some), 3U);
  EXPECT_EQ(some[0].cookie, 0U);
  EXPECT_EQ(some[2].cookie, 2U);
  EXPECT_EQ(mover_.poll(some), 1U);
  EXPECT_EQ(some[0].cookie, 3U);
  EXPECT_EQ(mover_.poll(some), 0U);
}

TEST_F(HostMoverTest, more_jobs_than_results_have_room_for_are_a_bug) {
  const MoveJob job = gather_job(core::ChecksumKind::kNone);
  for (int i = 0; i < 4; ++i) mover_.submit(std::span(&job, 1));
  EXPECT_DEATH(mover_.submit(std::span(&job, 1)), "full");
}

}  // namespace
}  // namespace pegaflow::memory
