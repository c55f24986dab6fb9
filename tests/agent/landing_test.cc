// Landing: chunks land beside their slots and are copied there before anybody hears of them.
#include "agent/link/landing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "memory/host_device.h"
#include "transport/loopback/network.h"

namespace pegaflow::agent {
namespace {

constexpr std::uint64_t kSlotBytes = 4096;
constexpr std::uint32_t kSlots = 4;

// A GPU whose memory is the host's and whose copies end when the test lets them.
class FakeGpu final : public memory::Device {
 public:
  class Copier final : public memory::SlotCopier {
   public:
    Copier(FakeGpu& gpu, std::size_t limit) : gpu_(gpu), limit_(limit) {}
    std::size_t limit() const override { return limit_; }
    std::size_t batch() const override { return 1; }
    void start(std::span<const memory::SlotCopy> copies) override {
      running_.insert(running_.end(), copies.begin(), copies.end());
    }
    std::size_t poll(std::span<memory::SlotCopied> out) override {
      std::size_t count = 0;
      while (count < out.size() && !running_.empty() && gpu_.may_end > 0) {
        const memory::SlotCopy copy = running_.front();
        running_.pop_front();
        --gpu_.may_end;
        std::copy(copy.from.begin(), copy.from.end(), copy.to.begin());
        out[count++] = {copy.cookie, !gpu_.lost};
      }
      return count;
    }

   private:
    FakeGpu& gpu_;
    std::size_t limit_;
    std::deque<memory::SlotCopy> running_;
  };

  MemoryKind memory() const override { return MemoryKind::kCuda; }
  const std::string& gpu_uuid() const override { return uuid_; }
  Status attach_thread() override { return {}; }
  Result<std::unique_ptr<memory::Mover>> make_mover(const memory::MoverConfig& config,
                                                    const Clock& clock) override {
    return host_.make_mover(config, clock);
  }
  Result<std::unique_ptr<memory::Streams>> make_streams(std::size_t max_marks) override {
    return host_.make_streams(max_marks);
  }
  Result<std::unique_ptr<memory::SlotCopier>> make_slot_copier(std::size_t limit) override {
    return std::unique_ptr<memory::SlotCopier>(std::make_unique<Copier>(*this, limit));
  }
  Result<std::unique_ptr<memory::Segment>> create_segment(MemoryKind /*memory*/,
                                                          const std::string& name,
                                                          std::uint64_t bytes) override {
    return host_.create_segment(MemoryKind::kHost, name, bytes);
  }
  Result<std::unique_ptr<memory::Segment>> map_segment(MemoryKind memory, std::string_view what,
                                                       UniqueFd fd, std::uint64_t bytes) override {
    return host_.map_segment(memory, what, std::move(fd), bytes);
  }
  Result<std::unique_ptr<memory::Segment>> create_private(std::uint64_t bytes) override {
    return host_.create_segment(MemoryKind::kHost, "private", bytes);
  }
  Result<std::unique_ptr<memory::Pin>> pin(std::span<std::byte> memory) override {
    return host_.pin(memory);
  }

  std::size_t may_end = 0;  // copies
  bool lost = false;

 private:
  const std::string uuid_ = "GPU-0";
  memory::HostDevice host_;
};

class LandingTest : public ::testing::Test {
 protected:
  LandingTest()
      : region_(memory::Region::create({"r", MemoryKind::kCuda, kSlotBytes, kSlots}, gpu_).value()),
        context_(network_.make_context()) {
    memory::Region* const regions[] = {&region_};
    registered_.emplace(RegisteredRegions::create(*context_, regions, [this](const auto&) {
                          return &gpu_;
                        }).value());
    landing_ = Landing::create(*registered_, 8).value();
  }

  static wire::Chunk chunk(std::initializer_list<std::uint32_t> slots, std::uint16_t region = 0) {
    wire::Chunk message;
    for (const std::uint32_t slot : slots) {
      wire::ChunkRecord record;
      record.slot = {region, SlotIndex{slot}, Generation{1}};
      record.bytes = kSlotBytes / 2;
      message.chunks.push_back(record);
    }
    return message;
  }
  void land(std::uint32_t slot, std::byte value) {
    std::ranges::fill(registered_->landing(0, SlotIndex{slot}), value);
  }
  std::byte in_slot(std::uint32_t slot, std::size_t at) const {
    return region_.slot(SlotIndex{slot})[at];
  }

  FakeGpu gpu_;
  memory::Region region_;
  transport::LoopbackNetwork network_;
  std::unique_ptr<transport::Context> context_;
  std::optional<RegisteredRegions> registered_;
  std::unique_ptr<Landing> landing_;
};

TEST_F(LandingTest, a_chunk_is_there_when_all_its_slots_have_been_copied) {
  land(1, std::byte{11});
  land(3, std::byte{33});
  ASSERT_TRUE(landing_->arrived(chunk({1, 3})).ok());
  EXPECT_FALSE(landing_->oldest_is_there().value());
  gpu_.may_end = 1;
  EXPECT_FALSE(landing_->oldest_is_there().value());
  gpu_.may_end = 1;
  EXPECT_TRUE(landing_->oldest_is_there().value());
  EXPECT_EQ(in_slot(1, 0), std::byte{11});
  EXPECT_EQ(in_slot(3, kSlotBytes / 2 - 1), std::byte{33});
  EXPECT_EQ(in_slot(3, kSlotBytes / 2), std::byte{0}) << "more than the chunk was copied";
  landing_->take_oldest();
  EXPECT_FALSE(landing_->busy());
}

TEST_F(LandingTest, copies_of_later_chunks_run_meanwhile_and_the_order_stays) {
  land(0, std::byte{1});
  land(2, std::byte{2});
  ASSERT_TRUE(landing_->arrived(chunk({0})).ok());
  ASSERT_TRUE(landing_->arrived(chunk({2})).ok());
  gpu_.may_end = 2;
  EXPECT_TRUE(landing_->oldest_is_there().value());
  landing_->take_oldest();
  EXPECT_TRUE(landing_->busy());
  EXPECT_TRUE(landing_->oldest_is_there().value()) << "its copy ended with the first one's";
  EXPECT_EQ(in_slot(2, 0), std::byte{2});
}

TEST_F(LandingTest, slots_that_do_not_exist_are_left_to_who_judges_the_message) {
  ASSERT_TRUE(landing_->arrived(chunk({kSlots})).ok());
  ASSERT_TRUE(landing_->arrived(chunk({0}, 7)).ok());
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(landing_->oldest_is_there().value());
    landing_->take_oldest();
  }
}

TEST_F(LandingTest, more_slots_at_once_than_there_are_is_an_error) {
  ASSERT_TRUE(landing_->arrived(chunk({0, 1, 2, 3})).ok());
  EXPECT_EQ(landing_->arrived(chunk({0})).error().code(), Code::kResourceExhausted);
}

TEST_F(LandingTest, a_lost_gpu_is_an_error) {
  ASSERT_TRUE(landing_->arrived(chunk({0})).ok());
  gpu_.lost = true;
  gpu_.may_end = 1;
  EXPECT_EQ(landing_->oldest_is_there().error().code(), Code::kSystem);
}

TEST_F(LandingTest, peers_write_into_the_landing_and_not_into_the_region) {
  const auto keys = registered_->remote_keys(0);
  ASSERT_EQ(keys.size(), 1U);
  EXPECT_NE(keys[0], registered_->memory_of(0, SlotIndex{0}).remote_key());
  EXPECT_NE(registered_->landing(0, SlotIndex{0}).data(), region_.slot(SlotIndex{0}).data());
}

}  // namespace
}  // namespace pegaflow::agent
