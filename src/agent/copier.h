// MemoryCopier: copies slots of this agent to slots of a mapped peer, on a thread of its own.
#pragma once

#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <variant>
#include <vector>

#include "agent/loop.h"
#include "agent/ports.h"
#include "base/event_fd.h"
#include "base/inline_vector.h"
#include "memory/device.h"
#include "memory/region.h"
#include "memory/slot_copier.h"

namespace pegaflow::agent {

// submit() and keep_until_copied() on the loop thread.
class MemoryCopier final : public Copier {
 public:
  // All outlive the copier. `device` copies; `clock` is thread safe; `events` is called on `loop`'s
  // thread. `spin`: for so long after a job, or expect(), the thread looks for the next one without
  // sleeping.
  static Result<std::unique_ptr<MemoryCopier>> create(Loop& loop, const Clock& clock,
                                                      memory::Device& device, CopyEvents& events,
                                                      Nanos spin = Nanos(0));
  ~MemoryCopier() override;  // does the jobs it has, without reporting them
  MemoryCopier(const MemoryCopier&) = delete;
  MemoryCopier& operator=(const MemoryCopier&) = delete;

  void expect() override;
  void submit(const CopyJob& job) override;
  // Keeps mappings of a link that is down until the copies submitted before have ended.
  void keep_until_copied(std::vector<std::unique_ptr<memory::MappedRegion>> mappings);

 private:
  using Mappings = std::vector<std::unique_ptr<memory::MappedRegion>>;
  using Item = std::variant<CopyJob, Mappings>;
  struct Copied {
    std::uint64_t token;
    CopyOutcome outcome;
    Nanos took;
  };

  // Slots that are claimed at once: enough to keep a copy engine busy, one batch behind another.
  static constexpr std::size_t kMaxBatch = 4;
  static constexpr std::size_t kMaxCopies = 2 * kMaxBatch;
  struct Running {
    bool busy = false;
    CopyJob job;
    TimePoint started;
  };

  MemoryCopier(const Clock& clock, memory::Device& device, CopyEvents& events, EventFd wake,
               Nanos spin);
  void run();
  bool look_for_items();
  void wait_for_items(std::unique_lock<std::mutex>& lock);
  void start_next();
  void claim(const CopyJob& job);
  void finish();
  void push(Item item);
  void report(const Copied& copied);
  void deliver();

  const Clock& clock_;
  memory::Device& device_;
  CopyEvents& events_;
  EventFd wake_;
  const Nanos spin_;
  std::unique_ptr<Loop::Watch> watch_;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_; bounded by the slots of the regions. The other side swaps its empty one in,
  // so that nothing is allocated once both have grown:
  std::vector<Item> items_;
  std::vector<Copied> copied_;
  bool stopping_ = false;
  bool expecting_ = false;

  std::vector<Copied> delivering_;  // of the loop's thread

  // Of the copier's thread:
  std::vector<Item> taken_;
  std::size_t next_taken_ = 0;
  std::unique_ptr<memory::SlotCopier> copies_;
  std::size_t batch_limit_ = 1;
  InlineVector<memory::SlotCopy, kMaxBatch> batch_;  // claimed, to be started together
  std::array<Running, kMaxCopies> running_;
  std::size_t in_flight_ = 0;
  TimePoint awake_until_{};
  TimePoint rung_{};  // when a bell was rung last
  bool attached_ = false;

  std::thread thread_;
};

}  // namespace pegaflow::agent
