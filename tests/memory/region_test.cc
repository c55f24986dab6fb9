#include "memory/region.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/base/child_process.h"

namespace pegaflow::memory {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kSlotBytes = 8192;
constexpr std::uint64_t kSegmentLimit = 3 * kSlotBytes + 4096;  // three slots and a rest

RegionSpec spec(std::uint32_t slots) { return {"test", MemoryKind::kHost, kSlotBytes, slots}; }

std::vector<UniqueFd> copies(const std::vector<int>& fds) {
  std::vector<UniqueFd> result;
  result.reserve(fds.size());
  for (const int fd : fds) result.emplace_back(::dup(fd));
  return result;
}

UniqueFd unsealed_memfd(std::uint64_t bytes, int seals) {
  UniqueFd fd(::memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(::ftruncate(fd.get(), static_cast<off_t>(bytes)), 0);
  EXPECT_EQ(::fcntl(fd.get(), F_ADD_SEALS, seals), 0);
  return fd;
}

TEST(Region, slots_never_straddle_segments) {
  auto region = Region::create(spec(7), kSegmentLimit);
  ASSERT_TRUE(region.ok()) << region.error().message();
  EXPECT_EQ(region->shape().segments, 3U);
  EXPECT_EQ(region->shape().segment_bytes, 3 * kSlotBytes);
  const auto segments = region->segments();
  ASSERT_EQ(segments.size(), 3U);
  EXPECT_EQ(segments[0].size(), 3 * kSlotBytes);
  EXPECT_EQ(segments[2].size(), 1 * kSlotBytes);
  for (std::uint32_t i = 0; i < 7; ++i) {
    const auto slot = region->slot(SlotIndex{i});
    EXPECT_EQ(slot.size(), kSlotBytes);
    EXPECT_EQ(slot.data(), segments[i / 3].data() + (i % 3) * kSlotBytes);
  }
  EXPECT_EQ(region->control().slot_count(), 7U);
}

TEST(Region, one_segment_is_as_long_as_its_slots) {
  auto region = Region::create(spec(2));
  ASSERT_TRUE(region.ok());
  EXPECT_EQ(region->shape().segments, 1U);
  EXPECT_EQ(region->shape().segment_bytes, 2 * kSlotBytes);
  EXPECT_EQ(region->name(), "test");
}

TEST(Region, another_process_can_map_it_and_sees_the_same_bytes) {
  auto owner = Region::create(spec(7), kSegmentLimit);
  ASSERT_TRUE(owner.ok());
  auto mapped = MappedRegion::map(owner->shape(), copies(owner->fds()));
  ASSERT_TRUE(mapped.ok()) << mapped.error().message();
  for (std::uint32_t i = 0; i < 7; ++i) {
    mapped->slot(SlotIndex{i}).front() = static_cast<std::byte>(i + 1);
    mapped->slot(SlotIndex{i}).back() = static_cast<std::byte>(i + 100);
    EXPECT_EQ(owner->slot(SlotIndex{i}).front(), static_cast<std::byte>(i + 1));
    EXPECT_EQ(owner->slot(SlotIndex{i}).back(), static_cast<std::byte>(i + 100));
  }
  mapped->control().word(SlotIndex{6}) = 1;
  EXPECT_EQ(owner->control().word(SlotIndex{6}).load(), 1U);
}

TEST(Region, its_memory_outlives_its_owner_in_mappings) {
  auto owner = std::make_optional(*Region::create(spec(1)));
  auto mapped = MappedRegion::map(owner->shape(), copies(owner->fds()));
  ASSERT_TRUE(mapped.ok());
  owner->slot(SlotIndex{0})[0] = std::byte{42};
  owner.reset();
  EXPECT_EQ(mapped->slot(SlotIndex{0})[0], std::byte{42});
}

TEST(Region, whoever_maps_it_can_ring_its_owners_bell) {
  auto owner = Region::create(spec(1));
  ASSERT_TRUE(owner.ok());
  auto mapped = MappedRegion::map(owner->shape(), copies(owner->fds()));
  ASSERT_TRUE(mapped.ok());
  EXPECT_FALSE(owner->bell().drain());
  mapped->bell().signal();
  EXPECT_TRUE(owner->bell().drain());
}

TEST(Region, segments_cannot_be_resized_by_anybody) {
  auto region = Region::create(spec(1));
  ASSERT_TRUE(region.ok());
  std::vector<int> files = region->segment_fds();
  files.push_back(region->control().fd());
  for (const int fd : files) {
    EXPECT_NE(::ftruncate(fd, 0), 0);
    EXPECT_NE(::ftruncate(fd, 1 << 20), 0);
    EXPECT_NE(::fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
  }
}

TEST(Region, a_forked_child_does_not_inherit_the_mapping) {
  auto region = Region::create(spec(1));
  ASSERT_TRUE(region.ok());
  std::byte* const at = region->slot(SlotIndex{0}).data();
  unsigned char resident = 0;
  ASSERT_EQ(::mincore(at, 1, &resident), 0);
  ChildProcess child([&] { return ::mincore(at, 1, &resident) != 0 && errno == ENOMEM ? 0 : 1; });
  EXPECT_EQ(child.wait(), 0);
}

TEST(Region, more_memory_than_there_is_is_an_error_that_says_what_to_do) {
  RegionSpec huge = spec(1);
  huge.slot_bytes = std::uint64_t{4} << 30U;
  huge.slot_count = 31 * 1024;
  auto refused_by_shape = Region::create(huge);  // too many segments to share
  ASSERT_FALSE(refused_by_shape.ok());
  EXPECT_EQ(refused_by_shape.error().code(), Code::kInvalidArgument);
  auto region = Region::create(huge, std::uint64_t{1} << 60U);
  ASSERT_FALSE(region.ok());
  EXPECT_EQ(region.error().code(), Code::kResourceExhausted);
  EXPECT_THAT(region.error().message(), HasSubstr("\"test\" needs 130023424 MiB"));
  EXPECT_THAT(region.error().message(), HasSubstr("fewer or smaller slots"));
}

TEST(Region, cuda_memory_is_refused_by_this_build) {
  RegionSpec cuda = spec(1);
  cuda.memory = MemoryKind::kCuda;
  EXPECT_EQ(Region::create(cuda).error().code(), Code::kUnsupported);
  auto host = Region::create(spec(1));
  ASSERT_TRUE(host.ok());
  RegionShape shape = host->shape();
  shape.memory = MemoryKind::kCuda;
  EXPECT_EQ(MappedRegion::map(shape, copies(host->fds())).error().code(), Code::kUnsupported);
}

TEST(Region, impossible_specs_are_refused_by_value) {
  const auto refusal = [](const RegionSpec& bad, std::uint64_t limit = kMaxSegmentBytes) {
    auto region = Region::create(bad, limit);
    return region.ok() ? "(accepted)" : region.error().message();
  };
  RegionSpec bad = spec(1);
  bad.slot_bytes = 0;
  EXPECT_THAT(refusal(bad), HasSubstr("slot_bytes is 0"));
  bad.slot_bytes = 5000;
  EXPECT_THAT(refusal(bad), HasSubstr("slot_bytes is 5000"));
  EXPECT_THAT(refusal(spec(1), 4096), HasSubstr("slot_bytes is 8192"));
  EXPECT_THAT(refusal(spec(0)), HasSubstr("slot_count is 0"));
  EXPECT_THAT(refusal(spec(32), kSlotBytes), HasSubstr("expected at most 30 segments"));
}

class ForeignRegion : public testing::Test {
 protected:
  Region owner_ = *Region::create(spec(7), kSegmentLimit);
  std::string refusal(const RegionShape& shape, std::vector<UniqueFd> fds) {
    auto mapped = MappedRegion::map(shape, std::move(fds));
    if (mapped.ok()) return "(accepted)";
    EXPECT_EQ(mapped.error().code(), Code::kProtocol);
    return mapped.error().message();
  }
  std::string refusal_with_first(UniqueFd first) {
    auto fds = copies(owner_.fds());
    fds.front() = std::move(first);
    return refusal(owner_.shape(), std::move(fds));
  }
};

TEST_F(ForeignRegion, numbers_that_do_not_fit_together_are_refused) {
  const RegionShape good = owner_.shape();
  const auto with = [&](auto change) {
    RegionShape shape = good;
    change(shape);
    return refusal(shape, copies(owner_.fds()));
  };
  EXPECT_THAT(with([](auto& s) { s.slot_bytes = 0; }), HasSubstr("slot_bytes is 0"));
  EXPECT_THAT(with([](auto& s) { s.slot_bytes = 100; }), HasSubstr("slot_bytes is 100"));
  EXPECT_THAT(with([](auto& s) { s.segment_bytes = 0; }), HasSubstr("segment_bytes is 0"));
  EXPECT_THAT(with([](auto& s) { s.segment_bytes += 4096; }), HasSubstr("segment_bytes"));
  EXPECT_THAT(with([](auto& s) { s.segment_bytes = s.slot_bytes << 40U; }),
              HasSubstr("segment_bytes"));
  EXPECT_THAT(with([](auto& s) { s.slot_count = 0; }), HasSubstr("slot_count is 0"));
  EXPECT_THAT(with([](auto& s) { s.slot_count = 10; }), HasSubstr("segments is 3, expected 4"));
  EXPECT_THAT(with([](auto& s) { s.slot_count = ~0U; }), HasSubstr("segments is 3"));
  EXPECT_THAT(with([](auto& s) { s.slot_count = 8; }), HasSubstr("expected 16384"));
}

TEST_F(ForeignRegion, a_wrong_number_of_files_is_refused) {
  auto fds = copies(owner_.fds());
  fds.pop_back();
  EXPECT_THAT(refusal(owner_.shape(), std::move(fds)),
              HasSubstr("4 files came, expected 3 segments"));
}

TEST_F(ForeignRegion, files_that_their_owner_could_shrink_are_refused) {
  EXPECT_THAT(refusal_with_first(unsealed_memfd(3 * kSlotBytes, 0)), HasSubstr("can be resized"));
  EXPECT_THAT(refusal_with_first(unsealed_memfd(3 * kSlotBytes, F_SEAL_SHRINK | F_SEAL_GROW)),
              HasSubstr("can be resized"));
}

TEST_F(ForeignRegion, read_only_files_are_refused) {
  constexpr int kAll = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | F_SEAL_FUTURE_WRITE;
  EXPECT_THAT(refusal_with_first(unsealed_memfd(3 * kSlotBytes, kAll)), HasSubstr("read-only"));
}

TEST_F(ForeignRegion, what_is_no_shared_memory_is_refused) {
  EXPECT_THAT(refusal_with_first(UniqueFd(::open("/dev/zero", O_RDWR | O_CLOEXEC))),
              HasSubstr("not sealable shared memory"));
  EXPECT_THAT(refusal_with_first(UniqueFd()), HasSubstr("not sealable shared memory"));
}

TEST_F(ForeignRegion, a_file_of_another_size_is_refused) {
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  EXPECT_THAT(refusal_with_first(unsealed_memfd(2 * kSlotBytes, kSeals)),
              HasSubstr("has 16384 bytes, expected 24576"));
}

}  // namespace
}  // namespace pegaflow::memory
