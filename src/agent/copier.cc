#include "agent/copier.h"

#include <sys/epoll.h>

#include <cstring>
#include <utility>

#include "base/check.h"

namespace pegaflow::agent {
namespace {

std::uint64_t nanos_of(TimePoint time) {
  return static_cast<std::uint64_t>(Nanos(time.time_since_epoch()).count());
}

}  // namespace

CopyOutcome copy_slot(const CopyJob& job, const Clock& clock) {
  PEGAFLOW_CHECK(job.from.size() <= job.to.size());
  std::uint64_t expected = job.loaned_word;
  if (!job.to_word->compare_exchange_strong(expected, job.claimed_word,
                                            std::memory_order_acq_rel)) {
    return CopyOutcome::kRevoked;
  }
  std::memcpy(job.to.data(), job.from.data(), job.from.size());
  memory::SlotHeader header = job.header;
  header.t_end = nanos_of(clock.now());
  *job.to_header = header;
  job.to_word->store(job.filled_word, std::memory_order_release);
  return CopyOutcome::kCopied;
}

Result<std::unique_ptr<MemoryCopier>> MemoryCopier::create(Loop& loop, const Clock& clock,
                                                           CopyEvents& events) {
  PEGAFLOW_ASSIGN(EventFd wake, EventFd::create());
  std::unique_ptr<MemoryCopier> copier(new MemoryCopier(clock, events, std::move(wake)));
  PEGAFLOW_ASSIGN(copier->watch_,
                  loop.watch(copier->wake_.fd(), EPOLLIN,
                             [raw = copier.get()](std::uint32_t) { raw->deliver(); }));
  copier->thread_ = std::thread([raw = copier.get()] { raw->run(); });
  return copier;
}

MemoryCopier::MemoryCopier(const Clock& clock, CopyEvents& events, EventFd wake)
    : clock_(clock), events_(events), wake_(std::move(wake)) {}

MemoryCopier::~MemoryCopier() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void MemoryCopier::submit(const CopyJob& job) { push(job); }

void MemoryCopier::keep_until_copied(Mappings mappings) {
  if (!mappings.empty()) push(std::move(mappings));
}

void MemoryCopier::push(Item item) {
  {
    const std::lock_guard lock(mutex_);
    items_.push_back(std::move(item));
  }
  changed_.notify_one();
}

void MemoryCopier::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !items_.empty(); });
    if (items_.empty()) return;
    const Item item = std::move(items_.front());
    items_.pop_front();
    lock.unlock();
    if (const auto* job = std::get_if<CopyJob>(&item)) {
      const TimePoint start = clock_.now();
      const CopyOutcome outcome = copy_slot(*job, clock_);
      report({job->token, outcome, clock_.now() - start});
    }
    lock.lock();
  }
}

void MemoryCopier::report(const Copied& copied) {
  {
    const std::lock_guard lock(mutex_);
    copied_.push_back(copied);
  }
  wake_.signal();
}

void MemoryCopier::deliver() {
  std::vector<Copied> copied;
  wake_.drain();
  {
    const std::lock_guard lock(mutex_);
    copied.swap(copied_);
  }
  for (const Copied& one : copied) events_.on_copied(one.token, one.outcome, one.took);
}

}  // namespace pegaflow::agent
