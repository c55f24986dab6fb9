// gpu_bench: what the CUDA mover reaches between two GPUs of one host, without agents: one thread
// gathers from GPU 0 into slots of a region on GPU 1, another scatters there. Prints one JSON
// object per case; every case verifies its bytes. Usage: gpu_bench [substring of case names]
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/gather.h"
#include "core/layout_builder.h"
#include "core/slot_word.h"
#include "memory/cuda/resources.h"
#include "memory/region.h"

namespace pegaflow::memory::cuda {
namespace {

template <typename T>
T need(Result<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "gpu_bench: %s\n", result.error().message().c_str());
    std::exit(1);
  }
  return std::move(result).value();
}
void need(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "gpu_bench: %s\n", status.error().message().c_str());
  std::exit(1);
}

// What one case does.
struct Case {
  std::string name;
  std::uint64_t bytes = 512U << 20;
  std::uint32_t page = 16U << 10;  // a block of a layer
  std::uint64_t slot_bytes = 4U << 20;
  std::uint32_t slots = 32;
  MoverConfig mover{};
  bool integrity = false;
  bool copy_engine = false;  // gathers as beside compute, where runs are long enough
  bool by_agent = false;     // gather to an own slot, copy slot to slot
  bool reshape = false;      // NHD of 16-token blocks to half the heads of HND of 64
  MemoryKind memory = MemoryKind::kCuda;
  int repeats = 12;
};

// A pool of one group on a GPU, in any style.
struct Pool {
  Pool(const Context& gpu, KvGroupShape group, core::BlockStyle style, std::uint32_t blocks,
       Rank rank)
      : context(gpu), stream(need(make_stream(gpu))), ids(blocks) {
    KvShape shape;
    shape.rank = rank;
    shape.gpu_uuid = gpu.uuid();
    shape.groups = {std::move(group)};
    const core::GroupStyle group_style{style, core::Placement::kPerLayer, blocks, 0};
    layout = need(core::make_layout(shape, std::span(&group_style, 1), MemoryKind::kCuda,
                                    [&](std::uint64_t bytes) -> Result<std::uint64_t> {
                                      PEGAFLOW_ASSIGN(DeviceBuffer buffer,
                                                      allocate_device(gpu, bytes, stream.get()));
                                      buffers.push_back(std::move(buffer));
                                      return buffers.back().get();
                                    }));
    std::iota(ids.begin(), ids.end(), 0);
    std::shuffle(ids.begin(), ids.end(), std::mt19937_64(reinterpret_cast<std::uint64_t>(this)));
    view = {ids, 0};
  }
  // The pool's memory as one run of bytes per allocation.
  std::vector<std::vector<std::byte>> read() const {
    const ContextUse use(context);
    std::vector<std::vector<std::byte>> all;
    for (const MemoryRange& range : layout.allocations) {
      all.emplace_back(range.bytes);
      need(context.check(
          context.api().cuMemcpyAsync(reinterpret_cast<CUdeviceptr>(all.back().data()),
                                      range.address, range.bytes, stream.get()),
          "read"));
      need(context.check(context.api().cuStreamSynchronize(stream.get()), "read"));
    }
    return all;
  }
  void write(const std::vector<std::vector<std::byte>>& all) {
    const ContextUse use(context);
    for (std::size_t i = 0; i < all.size(); ++i) {
      need(
          context.check(context.api().cuMemcpyHtoDAsync(layout.allocations[i].address,
                                                        all[i].data(), all[i].size(), stream.get()),
                        "write"));
      need(context.check(context.api().cuStreamSynchronize(stream.get()), "write"));
    }
  }
  const Context& context;
  Stream stream;
  std::vector<DeviceBuffer> buffers;
  KvLayout layout;
  std::vector<std::uint32_t> ids;
  core::TableView view;
};

// A copy of the pool on the host: its layout names host addresses.
struct Twin {
  explicit Twin(const Pool& pool) : memory(pool.read()), layout(pool.layout) {
    layout.memory = MemoryKind::kHost;
    for (std::size_t i = 0; i < memory.size(); ++i) {
      const MemoryRange range = pool.layout.allocations[i];
      const auto here = reinterpret_cast<std::uint64_t>(memory[i].data());
      for (KvLayerLayout& layer : layout.groups[0].layers) {
        for (std::uint64_t& base : layer.part_base) {
          if (base - range.address < range.bytes) base = base - range.address + here;
        }
      }
    }
  }
  std::vector<std::vector<std::byte>> memory;
  KvLayout layout;
};

struct Gpus {
  std::unique_ptr<Device> device[2];
  std::unique_ptr<Context> context[2];
};

constexpr int kWarmUps = 3;

using Seconds = std::chrono::duration<double>;

class Run {
 public:
  Run(Gpus& gpus, const Case& what)
      : gpus_(gpus),
        case_(what),
        source_(make_pool(0)),
        sink_(make_pool(1)),
        region_(need(
            Region::create({"sink", what.memory, what.slot_bytes, what.slots}, *gpus.device[1]))),
        mapped_(need(MappedRegion::map(region_.shape(), copies(region_.fds()), *gpus.device[0]))),
        own_(need(
            Region::create({"own", what.memory, what.slot_bytes, what.slots}, *gpus.device[0]))) {
    const core::TokenRange tokens{0, tokens_};
    plan_ = need(core::plan_stream(source_->layout.shape, sink_->layout.shape,
                                   std::span(&tokens, 1), what.slot_bytes));
    movers_[0] = need(gpus.device[0]->make_mover(what.mover, clock_));
    movers_[1] = need(gpus.device[1]->make_mover(what.mover, clock_));
    copier_ = need(gpus.device[0]->make_slot_copier(what.slots));
    need(movers_[0]->add_pool(source_->layout));
    need(movers_[1]->add_pool(sink_->layout));
    fill();
  }

  void report() {
    std::vector<double> seconds;
    seconds.reserve(static_cast<std::size_t>(case_.repeats));
    std::thread source = start(0, [this] { gather_all(); });
    std::thread sink = start(1, [this] { scatter_all(); });
    for (int i = 0; i < kWarmUps; ++i) once();
    for (int i = 0; i < case_.repeats; ++i) seconds.push_back(once());
    source.join();
    sink.join();
    const bool right = verify();
    std::sort(seconds.begin(), seconds.end());
    const double median = seconds[seconds.size() / 2];
    const double p99 = seconds[seconds.size() * 99 / 100];
    std::printf(
        "{\"case\":\"%s\",\"bytes\":%llu,\"page\":%u,\"slot\":%llu,\"slots\":%u,"
        "\"gather_ctas\":%u,\"scatter_ctas\":%u,\"integrity\":%d,\"median_us\":%.1f,"
        "\"p99_us\":%.1f,\"min_us\":%.1f,\"gather_us\":%.1f,\"scatter_us\":%.1f,\"submit_us\":%.1f,"
        "\"gb_s\":%.1f,"
        "\"verified\":%s}\n",
        case_.name.c_str(), static_cast<unsigned long long>(plan_.bytes), case_.page,
        static_cast<unsigned long long>(case_.slot_bytes), case_.slots, case_.mover.gather_ctas,
        case_.mover.scatter_ctas, case_.integrity ? 1 : 0, median * 1e6, p99 * 1e6,
        seconds[0] * 1e6, mean_us(0), mean_us(1),
        static_cast<double>(submit_nanos_) / 1e3 / static_cast<double>(submits_),
        static_cast<double>(plan_.bytes) / median / 1e9, right ? "true" : "false");
    std::fflush(stdout);
    if (!right) std::exit(1);
  }

 private:
  // A slot's copy time on the GPU.
  double mean_us(int direction) const {
    return static_cast<double>(nanos_[direction]) / 1e3 / (case_.repeats + kWarmUps) /
           plan_.n_chunks;
  }
  static std::vector<UniqueFd> copies(const std::vector<int>& fds) {
    std::vector<UniqueFd> result;
    result.reserve(fds.size());
    for (const int fd : fds) result.emplace_back(::dup(fd));
    return result;
  }

  std::unique_ptr<Pool> make_pool(int gpu) {
    KvGroupShape group;
    group.stage_bounds = {0, 1};
    if (case_.reshape) {
      // 8 heads of 128 elements of 2 bytes; the source holds half of them, the sink wants all.
      group.heads_total = 8;
      group.parts = 2;
      group.part_bytes = {256, 256};
      group.element_bytes = 2;
      group.block_tokens = gpu == 0 ? 16 : 64;
      tokens_ = static_cast<std::uint32_t>(case_.bytes / 2048);
      Rank rank;
      if (gpu == 0) rank.tp_size = 2;
      return std::make_unique<Pool>(
          *gpus_.context[gpu], group,
          gpu == 0 ? core::BlockStyle::kPartNhd : core::BlockStyle::kPartHnd,
          tokens_ / group.block_tokens, rank);
    }
    // One head, one part of 256 bytes: a block is one run of `page` bytes.
    group.heads_total = 1;
    group.parts = 1;
    group.part_bytes = {256, 0};
    group.element_bytes = 2;
    group.block_tokens = case_.page / 256;
    tokens_ = static_cast<std::uint32_t>(case_.bytes / 256);
    return std::make_unique<Pool>(*gpus_.context[gpu], group, core::BlockStyle::kNhdKv,
                                  tokens_ / group.block_tokens, Rank{});
  }

  void fill() {
    auto content = source_->read();
    std::mt19937_64 random(7);
    for (auto& bytes : content) {
      for (std::size_t i = 0; i + 8 <= bytes.size(); i += 8) {
        const std::uint64_t value = random();
        std::memcpy(bytes.data() + i, &value, 8);
      }
    }
    source_->write(content);
  }

  // One transfer; the threads stay from one to the next, as movers do.
  double once() {
    for (std::uint32_t i = 0; i < case_.slots; ++i) word(i).store(0);
    arrived_.store(0);
    const TimePoint start = clock_.now();
    go_.fetch_add(1, std::memory_order_release);
    while (ended_.load(std::memory_order_acquire) != 2) {
    }
    ended_.store(0);
    return Seconds(end_ - start).count();
  }

  // Runs one side of every transfer.
  template <typename Side>
  std::thread start(int gpu, Side side) {
    return std::thread([this, gpu, side] {
      need(gpus_.device[gpu]->attach_thread());
      for (int round = 1; round <= case_.repeats + kWarmUps; ++round) {
        while (go_.load(std::memory_order_acquire) != round) {
        }
        side();
        ended_.fetch_add(1, std::memory_order_release);
      }
    });
  }

  std::atomic<std::uint64_t>& word(std::uint32_t slot) {
    return region_.control().word(SlotIndex{slot});
  }
  MoveJob job(std::uint32_t chunk, MoveDirection direction) {
    MoveJob job;
    job.direction = direction;
    job.cookie = chunk;
    job.plan = &plan_;
    job.chunk = ChunkIndex{chunk};
    const bool gather = direction == MoveDirection::kGather;
    job.layout = gather ? &source_->layout : &sink_->layout;
    job.tables = std::span(gather ? &source_->view : &sink_->view, 1);
    job.integrity = case_.integrity ? core::ChecksumKind::kSlotSum : core::ChecksumKind::kNone;
    return job;
  }

  // Chunk c goes through slot c mod slots; a word of 2c + 1 says that it is free for c, 2c + 2 that
  // it is filled.
  void gather_all() {
    std::uint32_t next = 0;
    std::uint32_t reported = 0;
    std::uint32_t copied = 0;
    std::vector<MoveJob> batch;
    batch.reserve(64);
    std::array<MoveResult, 32> results;
    std::array<SlotCopied, 32> copies_done;
    std::vector<SlotCopy> waiting;
    std::size_t copying = 0;
    while (copied < plan_.n_chunks) {
      batch.clear();
      while (next < plan_.n_chunks &&
             next < arrived_.load(std::memory_order_acquire) + case_.slots &&
             next - reported < movers_[0]->batch_limit()) {
        const SlotIndex slot{next % case_.slots};
        MoveJob gather = job(next, MoveDirection::kGather);
        Destination to = destination(slot);
        gather.beside_compute = case_.copy_engine;
        gather.slot = to.slot;
        gather.header = to.header;
        gather.word = to.word;
        gather.filled_word = next + 1;
        batch.push_back(gather);
        ++next;
      }
      if (!batch.empty()) {
        const TimePoint before = clock_.now();
        movers_[0]->submit(batch);
        submit_nanos_ += Nanos(clock_.now() - before).count();
        ++submits_;
      }
      const std::size_t n = movers_[0]->poll(results);
      reported += static_cast<std::uint32_t>(n);
      for (std::size_t i = 0; i < n; ++i) nanos_[0] += results[i].nanos;
      if (!case_.by_agent) {
        copied = reported;
        continue;
      }
      for (std::size_t i = 0; i < n; ++i) {
        const SlotIndex slot{static_cast<std::uint32_t>(results[i].cookie % case_.slots)};
        waiting.push_back({results[i].cookie, mapped_.slot(slot), own_.slot(slot)});
      }
      // As an agent does: a batch behind the one that runs.
      if (!waiting.empty() && copying <= copier_->batch()) {
        const auto together = std::span(waiting).first(std::min(waiting.size(), copier_->batch()));
        copier_->start(together);
        copying += together.size();
        waiting.erase(waiting.begin(),
                      waiting.begin() + static_cast<std::ptrdiff_t>(together.size()));
      }
      const std::size_t m = copier_->poll(copies_done);
      for (std::size_t i = 0; i < m; ++i) {
        const SlotIndex slot{static_cast<std::uint32_t>(copies_done[i].cookie % case_.slots)};
        *region_.control().header(slot) = own_.control().read_header(slot);
        word(slot.value).store(copies_done[i].cookie + 1, std::memory_order_release);
      }
      copied += static_cast<std::uint32_t>(m);
      copying -= m;
    }
  }

  struct Destination {
    std::span<std::byte> slot;
    SlotHeader* header;
    std::atomic<std::uint64_t>* word;
  };
  Destination destination(SlotIndex slot) {
    if (case_.by_agent) {
      return {own_.slot(slot), own_.control().header(slot), &own_.control().word(slot)};
    }
    return {mapped_.slot(slot), mapped_.control().header(slot), &mapped_.control().word(slot)};
  }

  void scatter_all() {
    std::vector<bool> seen(plan_.n_chunks);
    std::vector<bool> done(plan_.n_chunks);
    std::uint32_t low = 0;  // all below were scattered
    std::uint32_t ended = 0;
    std::uint32_t running = 0;
    std::vector<MoveJob> batch;
    batch.reserve(64);
    std::array<MoveResult, 32> results;
    while (ended < plan_.n_chunks) {
      batch.clear();
      for (std::uint32_t c = low;
           c < plan_.n_chunks && c < low + case_.slots && running < movers_[1]->batch_limit();
           ++c) {
        if (seen[c] || word(c % case_.slots).load(std::memory_order_acquire) != c + 1) continue;
        seen[c] = true;
        MoveJob scatter = job(c, MoveDirection::kScatter);
        scatter.slot = region_.slot(SlotIndex{c % case_.slots});
        scatter.checksum = static_cast<std::uint32_t>(
            region_.control().read_header(SlotIndex{c % case_.slots}).checksum);
        batch.push_back(scatter);
        ++running;
      }
      if (!batch.empty()) movers_[1]->submit(batch);
      const std::size_t n = movers_[1]->poll(results);
      for (std::size_t i = 0; i < n; ++i) {
        if (!results[i].ok) {
          std::fprintf(stderr, "gpu_bench: chunk %llu arrived damaged\n",
                       static_cast<unsigned long long>(results[i].cookie));
          std::exit(1);
        }
        done[results[i].cookie] = true;
        nanos_[1] += results[i].nanos;
        --running;
        ++ended;
      }
      while (low < plan_.n_chunks && done[low]) ++low;
      arrived_.store(low, std::memory_order_release);
    }
    end_ = clock_.now();
  }

  // The sink holds what the host's copies make of the source.
  bool verify() {
    const Twin from(*source_);
    Twin to(*sink_);
    const auto arrived = to.memory;
    std::vector<std::byte> slot(case_.slot_bytes);
    for (auto& bytes : to.memory) std::fill(bytes.begin(), bytes.end(), std::byte{0});
    for (std::uint32_t c = 0; c < plan_.n_chunks; ++c) {
      core::gather(plan_, ChunkIndex{c}, from.layout, std::span(&source_->view, 1), slot);
      core::scatter(plan_, ChunkIndex{c}, to.layout, std::span(&sink_->view, 1), slot);
    }
    return to.memory == arrived;
  }

  Gpus& gpus_;
  const Case case_;
  SteadyClock clock_;
  std::uint32_t tokens_ = 0;
  std::unique_ptr<Pool> source_, sink_;
  Region region_;
  MappedRegion mapped_;
  Region own_;
  core::StreamPlan plan_;
  std::unique_ptr<Mover> movers_[2];
  std::unique_ptr<SlotCopier> copier_;
  std::array<std::uint64_t, 2> nanos_{};
  std::int64_t submit_nanos_ = 0;
  std::int64_t submits_ = 0;
  std::atomic<std::uint32_t> arrived_{0};
  std::atomic<int> go_{0};     // the number of the transfer
  std::atomic<int> ended_{0};  // sides that have come to its end
  TimePoint end_;
};

Case named(const char* name) {
  Case one;
  one.name = name;
  return one;
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const std::uint32_t page : {256U, 1024U, 4096U, 16384U, 65536U, 262144U, 1048576U}) {
    Case one(named("pages"));
    one.page = page;
    all.push_back(one);
  }
  for (const std::uint64_t bytes : {1U << 20, 8U << 20, 32U << 20}) {
    Case one(named("latency"));
    one.bytes = bytes;
    one.repeats = 300;
    all.push_back(one);
  }
  Case reshape(named("nhd_tp2_to_hnd_tp1"));
  reshape.reshape = true;
  all.push_back(reshape);
  for (const std::uint32_t page : {16384U, 256U}) {
    Case sum(named("integrity"));
    sum.integrity = true;
    sum.page = page;
    all.push_back(sum);
  }
  Case agent(named("agent_copies"));
  agent.by_agent = true;
  all.push_back(agent);
  for (const std::uint64_t run : {16384U, 32768U, 65536U, 1U << 20, 8U << 20}) {
    Case engine(named("copy_engine"));
    engine.page = static_cast<std::uint32_t>(run);
    engine.slot_bytes = std::max<std::uint64_t>(4U << 20, run);
    engine.integrity = true;
    engine.copy_engine = true;
    all.push_back(engine);
    engine.name = "copy_engine_off";
    engine.copy_engine = false;
    all.push_back(engine);
  }
  for (const std::uint32_t ctas : {16U, 32U, 64U, 128U, 264U}) {
    Case wide(named("gather_width"));
    wide.mover.gather_ctas = ctas;
    all.push_back(wide);
    Case scatter(named("scatter_width"));
    scatter.mover.scatter_ctas = ctas;
    all.push_back(scatter);
  }
  for (const std::uint64_t slot : {1U << 20, 2U << 20, 8U << 20, 16U << 20}) {
    Case size(named("slot_size"));
    size.slot_bytes = slot;
    all.push_back(size);
  }
  for (const std::uint32_t slots : {4U, 8U, 16U, 64U}) {
    Case window(named("window"));
    window.slots = slots;
    all.push_back(window);
  }
  Case host(named("host_slots"));
  host.memory = MemoryKind::kHost;
  all.push_back(host);
  return all;
}

}  // namespace
}  // namespace pegaflow::memory::cuda

int main(int argc, char** argv) {
  using namespace pegaflow::memory;  // NOLINT(google-build-using-namespace)
  cuda::Gpus gpus;
  for (int i = 0; i < 2; ++i) {
    gpus.device[i] = cuda::need(open_gpu(std::to_string(i)));
    gpus.context[i] = cuda::need(cuda::Context::open(std::to_string(i)));
  }
  const std::string wanted = argc > 1 ? argv[1] : "";
  for (const cuda::Case& one : cuda::cases()) {
    if (one.name.find(wanted) != std::string::npos) cuda::Run(gpus, one).report();
  }
}
