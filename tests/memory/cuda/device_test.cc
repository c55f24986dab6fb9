// Streams and memory of a GPU: marks, regions that travel between processes and GPUs, pins.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "memory/region.h"
#include "tests/memory/cuda/gpu_fixture.h"

namespace pegaflow::memory::cuda {
namespace {

using testing::need;

constexpr std::uint64_t kSlotBytes = 1U << 20;

std::vector<UniqueFd> copies(const std::vector<int>& fds) {
  std::vector<UniqueFd> result;
  result.reserve(fds.size());
  for (const int fd : fds) result.emplace_back(::dup(fd));
  return result;
}

TEST(GpuSupport, a_machine_without_a_driver_is_told_so) {
  if (gpu_support().ok()) GTEST_SKIP() << "this machine has a driver";
  const auto device = open_gpu("0");
  ASSERT_FALSE(device.ok());
  EXPECT_EQ(device.error().code(), Code::kUnsupported);
  EXPECT_THAT(device.error().message(), ::testing::HasSubstr("driver"));
}

class CudaDeviceTest : public testing::GpuTest {
 protected:
  StreamHandle handle(const Stream& stream) { return reinterpret_cast<StreamHandle>(stream.get()); }
  // Gives the stream some milliseconds of work.
  void occupy(const Stream& stream) {
    const std::size_t bytes = std::size_t{1} << 30;
    if (work_.get() == 0) work_ = need(allocate_device(context(), bytes, stream.get()));
    const ContextUse use(context());
    for (int i = 0; i < 20; ++i) {
      need(context().check(context().api().cuMemsetD8Async(
                               work_.get(), static_cast<unsigned char>(i), bytes, stream.get()),
                           "occupy"));
    }
  }
  bool passes(Streams& streams, Mark mark) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < deadline) {
      if (need(streams.passed(mark))) return true;
      std::this_thread::yield();
    }
    return false;
  }
  DeviceBuffer work_;
};

TEST_F(CudaDeviceTest, is_found_by_uuid_and_by_ordinal) {
  const std::string uuid = device().gpu_uuid();
  EXPECT_EQ(uuid.size(), 40U);
  EXPECT_EQ(need(open_gpu(uuid))->gpu_uuid(), uuid);
  EXPECT_EQ(open_gpu("GPU-00000000-dead").error().code(), Code::kNotFound);
  EXPECT_EQ(open_gpu("99").error().code(), Code::kNotFound);
}

TEST_F(CudaDeviceTest, a_mark_passes_when_its_stream_has_come_so_far) {
  auto streams = need(device().make_streams(4));
  const Stream busy = need(make_stream(context()));
  const Stream idle = need(make_stream(context()));
  occupy(busy);
  const Mark late = need(streams->record(handle(busy)));
  const Mark at_once = need(streams->record(handle(idle)));
  EXPECT_TRUE(passes(*streams, at_once));
  EXPECT_FALSE(need(streams->passed(late)));
  need(streams->make_wait(handle(idle), late));
  const Mark behind = need(streams->record(handle(idle)));
  EXPECT_TRUE(passes(*streams, behind));
  EXPECT_TRUE(need(streams->passed(late)));
}

TEST_F(CudaDeviceTest, marks_are_a_fixed_number_and_come_back) {
  auto streams = need(device().make_streams(2));
  const Stream stream = need(make_stream(context()));
  const Mark first = need(streams->record(handle(stream)));
  need(streams->record(handle(stream)));
  EXPECT_EQ(streams->record(handle(stream)).error().code(), Code::kResourceExhausted);
  streams->release(first);
  EXPECT_TRUE(streams->record(handle(stream)).ok());
}

TEST_F(CudaDeviceTest, a_gpu_region_is_the_same_memory_for_every_gpu) {
  open(2);
  if (IsSkipped()) return;
  Region region =
      need(Region::create({"test", MemoryKind::kCuda, kSlotBytes, 3}, device(1), 2 * kSlotBytes));
  auto mapped = need(MappedRegion::map(region.shape(), copies(region.fds()), device(0)));
  const std::vector<std::byte> pattern(kSlotBytes, std::byte{0x5A});
  testing::upload(context(0), reinterpret_cast<CUdeviceptr>(mapped.slot(SlotIndex{2}).data()),
                  pattern);
  EXPECT_EQ(testing::download(context(1), region.slot(SlotIndex{2}).data(), kSlotBytes), pattern);
}

TEST_F(CudaDeviceTest, a_region_that_is_no_gpu_memory_is_refused) {
  Region host = need(Region::create({"test", MemoryKind::kHost, kSlotBytes, 1}));
  RegionShape shape = host.shape();
  shape.memory = MemoryKind::kCuda;
  EXPECT_EQ(MappedRegion::map(shape, copies(host.fds()), device()).error().code(),
            Code::kUnsupported);
}

TEST_F(CudaDeviceTest, exports_a_region_as_a_dmabuf_or_says_that_it_cannot) {
  auto segment = need(device().create_segment(MemoryKind::kCuda, "test", kSlotBytes));
  const auto dmabuf = segment->export_dmabuf();
  if (dmabuf.ok()) {
    EXPECT_TRUE(dmabuf->valid());
  } else {
    RecordProperty("dmabuf", dmabuf.error().message());
    std::printf("no dma-buf: %s\n", dmabuf.error().message().c_str());
  }
}

TEST_F(CudaDeviceTest, slots_are_copied_between_gpus) {
  open(2);
  if (IsSkipped()) return;
  need(device(0).attach_thread());
  Region from = need(Region::create({"from", MemoryKind::kCuda, kSlotBytes, 8}, device(0)));
  Region to = need(Region::create({"to", MemoryKind::kCuda, kSlotBytes, 8}, device(1)));
  auto mapped = need(MappedRegion::map(to.shape(), copies(to.fds()), device(0)));
  auto copier = need(device(0).make_slot_copier(4));
  for (std::uint32_t i = 0; i < 8; ++i) {
    const std::vector<std::byte> pattern(kSlotBytes, static_cast<std::byte>(i + 1));
    testing::upload(context(0), reinterpret_cast<CUdeviceptr>(from.slot(SlotIndex{i}).data()),
                    pattern);
  }
  std::uint32_t started = 0;
  std::uint32_t ended = 0;
  std::array<SlotCopied, 4> copied;
  while (ended < 8) {
    // One alone first, then as many together as may be.
    std::vector<SlotCopy> together;
    while (started < 8 && started - ended < copier->limit() &&
           together.size() < (started == 1 ? 1 : copier->batch())) {
      together.push_back({started, mapped.slot(SlotIndex{started}), from.slot(SlotIndex{started})});
      ++started;
    }
    if (!together.empty()) copier->start(together);
    const std::size_t n = copier->poll(copied);
    for (std::size_t i = 0; i < n; ++i) {
      EXPECT_EQ(copied[i].cookie, ended);
      EXPECT_TRUE(copied[i].ok);
      ++ended;
    }
  }
  for (std::uint32_t i = 0; i < 8; ++i) {
    EXPECT_EQ(testing::download(context(1), to.slot(SlotIndex{i}).data(), kSlotBytes),
              std::vector<std::byte>(kSlotBytes, static_cast<std::byte>(i + 1)));
  }
}

}  // namespace
}  // namespace pegaflow::memory::cuda
