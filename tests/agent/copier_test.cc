#include "agent/copier.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "core/slot_word.h"
#include "support/side.h"

namespace pegaflow::agent {
namespace {

constexpr Generation kGeneration{5};
constexpr WriterId kWriter{9};

class CopierTest : public ::testing::Test {
 protected:
  CopierTest() {
    SideConfig config{.topology = two_nodes(dir, topology::LinkPath::kAuto), .node = "p"};
    side.emplace(std::move(config));
    copier = MemoryCopier::create(side->loop(), clock, *device, side->upper).value();
    from.assign(1000, std::byte{7});
    word.store(core::loaned_word(kGeneration, kWriter));
  }
  CopyJob job(std::uint64_t token = 1) {
    CopyJob job;
    job.from = from;
    job.to = side->region().slot(SlotIndex{2});
    job.header.xfer = 33;
    job.header.t_end = 44;
    job.to_header = &header;
    job.to_word = &word;
    job.loaned_word = core::loaned_word(kGeneration, kWriter);
    job.claimed_word = core::claimed_word(kGeneration, kWriter);
    job.filled_word = core::filled_word(kGeneration, kWriter);
    job.token = token;
    return job;
  }
  bool until(const std::function<bool()>& condition) { return run_until({&*side}, condition); }

  TempDir dir;
  SteadyClock clock;
  std::unique_ptr<memory::Device> device = memory::make_host_device();
  std::optional<Side> side;
  std::unique_ptr<MemoryCopier> copier;
  std::vector<std::byte> from;
  memory::SlotHeader header;
  std::atomic<std::uint64_t> word;
};

TEST_F(CopierTest, copies_completes_the_header_and_fills_the_word) {
  copier->submit(job());
  ASSERT_TRUE(until([&] { return side->upper.copied.size() == 1; }));
  EXPECT_EQ(side->upper.copied[0], std::pair(std::uint64_t{1}, CopyOutcome::kCopied));
  EXPECT_EQ(word.load(), core::filled_word(kGeneration, kWriter));
  EXPECT_EQ(header.xfer, 33U);
  EXPECT_EQ(header.t_gathered, 44U);
  EXPECT_GT(header.t_end, 44U);
  const auto slot = side->region().slot(SlotIndex{2});
  EXPECT_TRUE(std::equal(from.begin(), from.end(), slot.begin()));
  EXPECT_EQ(slot[1000], std::byte{0});
}

TEST_F(CopierTest, the_owner_of_the_target_is_woken_when_a_copy_begins) {
  const EventFd bell = EventFd::create().value();
  CopyJob ringing = job();
  ringing.bell = &bell;
  copier->submit(ringing);
  ASSERT_TRUE(until([&] { return side->upper.copied.size() == 1; }));
  EXPECT_TRUE(bell.drain());
}

TEST_F(CopierTest, a_copier_that_spins_does_the_same) {
  copier.reset();
  copier = MemoryCopier::create(side->loop(), clock, *device, side->upper, Millis(1)).value();
  copier->expect();
  copier->submit(job());
  ASSERT_TRUE(until([&] { return side->upper.copied.size() == 1; }));
  EXPECT_EQ(word.load(), core::filled_word(kGeneration, kWriter));
}

TEST_F(CopierTest, revoked_credit_is_left_alone) {
  word.store(core::free_word(Generation{6}));
  copier->submit(job());
  ASSERT_TRUE(until([&] { return side->upper.copied.size() == 1; }));
  EXPECT_EQ(side->upper.copied[0].second, CopyOutcome::kRevoked);
  EXPECT_EQ(word.load(), core::free_word(Generation{6}));
  EXPECT_EQ(side->region().slot(SlotIndex{2})[0], std::byte{0});
}

TEST_F(CopierTest, many_jobs_are_reported_in_order) {
  constexpr std::uint64_t kJobs = 1000;
  word.store(0);  // all revoked: only the reports matter
  for (std::uint64_t n = 0; n < kJobs; ++n) copier->submit(job(n));
  ASSERT_TRUE(until([&] { return side->upper.copied.size() == kJobs; }));
  for (std::uint64_t n = 0; n < kJobs; ++n) EXPECT_EQ(side->upper.copied[n].first, n);
}

TEST_F(CopierTest, mappings_of_a_dead_link_outlive_the_copies_into_them) {
  std::vector<UniqueFd> fds;
  for (const int fd : side->region().fds()) fds.emplace_back(::dup(fd));
  auto mapping = std::make_unique<memory::MappedRegion>(
      memory::MappedRegion::map(side->region().shape(), std::move(fds)).value());
  CopyJob into_mapping = job();
  into_mapping.to = mapping->slot(SlotIndex{2});
  copier->submit(into_mapping);
  std::vector<std::unique_ptr<memory::MappedRegion>> mappings;
  mappings.push_back(std::move(mapping));
  copier->keep_until_copied(std::move(mappings));
  copier.reset();  // waits for both
  EXPECT_EQ(word.load(), core::filled_word(kGeneration, kWriter));
  EXPECT_EQ(side->region().slot(SlotIndex{2})[0], std::byte{7});
}

}  // namespace
}  // namespace pegaflow::agent
