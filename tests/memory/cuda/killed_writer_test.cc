// A writer is killed while its kernels, or its copy engines, fill another process's slots: 10 ms
// after its pidfd has become readable nothing writes there any more. That is what lets the owner
// lend them again.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <numeric>
#include <random>
#include <thread>

#include "base/pidfd.h"
#include "core/slot_word.h"
#include "memory/region.h"
#include "tests/core/scenarios.h"
#include "tests/memory/cuda/gpu_fixture.h"

namespace pegaflow::memory::cuda {
namespace {

using testing::need;

constexpr std::uint32_t kSlots = 16;
constexpr std::uint64_t kSlotBytes = 2U << 20;
constexpr std::uint32_t kTokens = 1U << 16;
constexpr std::byte kPoison{0xEE};
constexpr int kKills = 5;
// WriterTable::kGpuTeardown: what agents wait for.
constexpr std::chrono::milliseconds kTeardown{10};
// How long the owner then watches for a late write.
constexpr std::chrono::milliseconds kWatch{150};
constexpr std::chrono::seconds kDeadline{60};

// Where the slots are, and what writes them.
struct Way {
  MemoryKind memory{};
  bool by_copy_engine = false;
};
constexpr Way kWays[] = {{MemoryKind::kCuda, false},
                         {MemoryKind::kCuda, true},
                         {MemoryKind::kHost, false},
                         {MemoryKind::kHost, true}};

std::string name_of(const Way& way) {
  return std::string(way.by_copy_engine ? "copy_engines" : "kernels") +
         (way.memory == MemoryKind::kCuda ? "_to_a_gpu" : "_to_host_memory");
}

RegionShape shape_of_slots(MemoryKind memory) {
  return need(shape_of({"test", memory, kSlotBytes, kSlots}, kMaxSegmentBytes));
}

// Time that passes is what this test is about.
void let_pass(std::chrono::milliseconds time) {
  ::poll(nullptr, 0, static_cast<int>(time.count()));
}

// ---- the writer's process

// Gathers into all slots again and again, always with a batch queued behind the one that runs.
class Writer {
 public:
  Writer(const Way& way, std::vector<UniqueFd> fds)
      : by_copy_engine_(way.by_copy_engine),
        device_(need(open_gpu("0"))),
        context_(need(Context::open("0"))),
        slots_(need(MappedRegion::map(shape_of_slots(way.memory), std::move(fds), *device_))),
        source_(kv_shape(), std::span(&kStyle, 1)),
        ids_(kStyle.n_blocks) {
    need(device_->attach_thread());
    std::iota(ids_.begin(), ids_.end(), 0);
    gpu_ = std::make_unique<testing::GpuPool>(*context_, source_);
    MoverConfig config;
    config.max_jobs = 2 * kSlots;
    config.copy_engine_run_bytes = 1;
    mover_ = need(device_->make_mover(config, clock_));
    need(mover_->add_pool(gpu_->layout()));
    const core::TokenRange tokens{0, kTokens};
    plan_ = need(core::plan_stream(kv_shape(), kv_shape(), std::span(&tokens, 1), kSlotBytes));
  }

  [[noreturn]] void run() {
    std::size_t queued = 0;
    std::array<MoveResult, 2 * kSlots> results;
    while (true) {
      if (queued <= kSlots) {
        mover_->submit(batch());
        queued += kSlots;
      }
      queued -= mover_->poll(results);
    }
  }

 private:
  static constexpr core::GroupStyle kStyle{core::BlockStyle::kPartNhd, core::Placement::kPerLayer,
                                           kTokens / 16, 0};
  static KvShape kv_shape() {
    KvShape shape;
    shape.groups = {core::testing::small_group(1)};
    shape.groups[0].part_bytes = {64, 64};
    shape.groups[0].block_tokens = 16;
    return shape;
  }

  std::vector<MoveJob> batch() {
    std::vector<MoveJob> jobs;
    for (std::uint32_t i = 0; i < kSlots; ++i) {
      MoveJob job;
      job.beside_compute = by_copy_engine_;
      job.plan = &plan_;
      job.chunk = ChunkIndex{i % plan_.n_chunks};
      job.layout = &gpu_->layout();
      job.tables = std::span(&view_, 1);
      job.slot = slots_.slot(SlotIndex{i});
      job.header = slots_.control().header(SlotIndex{i});
      job.word = &slots_.control().word(SlotIndex{i});
      job.filled_word = core::filled_word(Generation{1}, WriterId{1});
      jobs.push_back(job);
    }
    return jobs;
  }

  bool by_copy_engine_;
  SteadyClock clock_;
  std::unique_ptr<Device> device_;
  std::unique_ptr<Context> context_;
  MappedRegion slots_;
  core::testing::TestPool source_;
  std::vector<std::uint32_t> ids_;
  core::TableView view_{ids_, 0};  // ids_ has its size by now
  std::unique_ptr<testing::GpuPool> gpu_;
  std::unique_ptr<Mover> mover_;
  core::StreamPlan plan_;
};

// Descriptors 3, 4, … are the region's.
[[noreturn]] void writer_main(const std::string& name) {
  const Way& way = *std::find_if(std::begin(kWays), std::end(kWays),
                                 [&](const Way& one) { return name_of(one) == name; });
  std::vector<UniqueFd> fds;
  for (int fd = 3; fd < 6; ++fd) fds.emplace_back(fd);
  auto writer = std::make_unique<Writer>(way, std::move(fds));
  writer->run();
}

// ---- the owner's process

// A writer as a process of its own: this program once more, because CUDA survives no fork.
class WriterProcess {
 public:
  WriterProcess(const Way& way, const std::vector<int>& fds) : pid_(::fork()) {
    if (pid_ != 0) return;
    const int parents_end = 100;  // beyond what is duplicated
    for (std::size_t i = 0; i < fds.size(); ++i) {
      ::dup2(fds[i], parents_end + static_cast<int>(i));
    }
    for (std::size_t i = 0; i < fds.size(); ++i) {
      ::dup2(parents_end + static_cast<int>(i), 3 + static_cast<int>(i));
      ::close(parents_end + static_cast<int>(i));
    }
    ::execl("/proc/self/exe", "killed_writer", "--writer", name_of(way).c_str(), nullptr);
    ::_exit(127);
  }
  WriterProcess(const WriterProcess&) = delete;
  WriterProcess& operator=(const WriterProcess&) = delete;
  ~WriterProcess() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  bool running() const { return ::waitpid(pid_, nullptr, WNOHANG) == 0; }
  // Kills it and returns when its pidfd says so; the zombie stays until the destructor.
  void kill() const {
    const UniqueFd pidfd = need(pidfd_of_process(pid_));
    ::kill(pid_, SIGKILL);
    pollfd entry{pidfd.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&entry, 1, 60'000), 1);
  }

 private:
  pid_t pid_;
};

class KilledWriter : public testing::GpuTest, public ::testing::WithParamInterface<Way> {
 protected:
  void SetUp() override {
    open(2);
    if (IsSkipped()) return;
    region_ = std::make_unique<Region>(
        need(Region::create({"test", GetParam().memory, kSlotBytes, kSlots}, device(1))));
  }

  void poison() {
    const std::vector<std::byte> bytes(kSlotBytes, kPoison);
    for (std::uint32_t i = 0; i < kSlots; ++i) {
      const auto slot = region_->slot(SlotIndex{i});
      if (GetParam().memory == MemoryKind::kHost) {
        std::copy(bytes.begin(), bytes.end(), slot.begin());
      } else {
        testing::upload(context(1), reinterpret_cast<CUdeviceptr>(slot.data()), bytes);
      }
    }
    const auto control = region_->control().bytes();
    std::fill(control.begin(), control.end(), kPoison);
  }

  // Whether a byte of slots, words or headers is another than poison() left it.
  bool written() {
    const auto other = [](std::byte byte) { return byte != kPoison; };
    for (std::uint32_t i = 0; i < kSlots; ++i) {
      const auto bytes =
          testing::download(context(1), region_->slot(SlotIndex{i}).data(), kSlotBytes);
      if (std::any_of(bytes.begin(), bytes.end(), other)) return true;
    }
    const auto control = region_->control().bytes();
    return std::any_of(control.begin(), control.end(), other);
  }

  // Whether the writer is at it. Fails after a while, or when the writer has ended.
  bool comes_to_write(const WriterProcess& writer) {
    const auto deadline = std::chrono::steady_clock::now() + kDeadline;
    while (std::chrono::steady_clock::now() < deadline && writer.running()) {
      if (region_->control().word(SlotIndex{kSlots - 1}).load() !=
          core::filled_word(Generation{1}, WriterId{1})) {
        std::this_thread::yield();
        continue;
      }
      return true;
    }
    return false;
  }

  std::unique_ptr<Region> region_;
  std::mt19937 random_{std::random_device{}()};
};

TEST_P(KilledWriter, writes_nothing_10_ms_after_its_pidfd) {
  std::uniform_int_distribution<int> moment(0, 5);
  for (int i = 0; i < kKills; ++i) {
    poison();
    const WriterProcess writer(GetParam(), region_->fds());
    ASSERT_TRUE(comes_to_write(writer)) << "the writer does not write";
    // A living writer is noticed: else the rest of this test would mean nothing.
    poison();
    ASSERT_TRUE(comes_to_write(writer));
    ASSERT_TRUE(written());
    let_pass(std::chrono::milliseconds(moment(random_)));
    writer.kill();
    if (HasFatalFailure()) return;
    let_pass(kTeardown);
    poison();
    let_pass(kWatch);
    ASSERT_FALSE(written()) << "kill " << i << ": a dead writer wrote";
  }
  std::printf("%d kills, no late write\n", kKills);
}

INSTANTIATE_TEST_SUITE_P(ways, KilledWriter, ::testing::ValuesIn(kWays),
                         [](const auto& instance) { return name_of(instance.param); });

}  // namespace
}  // namespace pegaflow::memory::cuda

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--writer") {
    pegaflow::memory::cuda::writer_main(argv[2]);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
