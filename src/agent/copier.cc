#include "agent/copier.h"

#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/wire_time.h"

namespace pegaflow::agent {
namespace {

// An agent that has just seen a slot is awake.
constexpr std::chrono::microseconds kRingEvery{50};

}  // namespace

Result<std::unique_ptr<MemoryCopier>> MemoryCopier::create(Loop& loop, const Clock& clock,
                                                           memory::Device& device,
                                                           CopyEvents& events, Nanos spin) {
  PEGAFLOW_ASSIGN(EventFd wake, EventFd::create());
  std::unique_ptr<MemoryCopier> copier(
      new MemoryCopier(clock, device, events, std::move(wake), spin));
  PEGAFLOW_ASSIGN(copier->copies_, device.make_slot_copier(kMaxCopies));
  copier->batch_limit_ = std::min(copier->copies_->batch(), kMaxBatch);
  PEGAFLOW_ASSIGN(copier->watch_,
                  loop.watch(copier->wake_.fd(), EPOLLIN,
                             [raw = copier.get()](std::uint32_t) { raw->deliver(); }));
  copier->thread_ = std::thread([raw = copier.get()] { raw->run(); });
  return copier;
}

MemoryCopier::MemoryCopier(const Clock& clock, memory::Device& device, CopyEvents& events,
                           EventFd wake, Nanos spin)
    : clock_(clock), device_(device), events_(events), wake_(std::move(wake)), spin_(spin) {}

MemoryCopier::~MemoryCopier() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void MemoryCopier::submit(const CopyJob& job) { push(job); }

void MemoryCopier::expect() {
  if (spin_ == Nanos(0)) return;
  {
    const std::lock_guard lock(mutex_);
    expecting_ = true;
  }
  changed_.notify_one();
}

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
  // Without it every copy would fail; each is reported so then.
  attached_ = device_.attach_thread().ok();
  while (look_for_items()) {
    start_next();
    finish();
  }
}

// False: nothing is left to do, and this is the end.
bool MemoryCopier::look_for_items() {
  if (next_taken_ != taken_.size()) return true;
  taken_.clear();
  next_taken_ = 0;
  std::unique_lock lock(mutex_);
  if (in_flight_ == 0) wait_for_items(lock);
  taken_.swap(items_);
  return in_flight_ != 0 || !taken_.empty();
}

// Starts what is waiting as one batch, as soon as no more than a batch runs.
void MemoryCopier::start_next() {
  if (in_flight_ > batch_limit_) return;
  batch_.clear();
  while (next_taken_ != taken_.size() && batch_.size() < batch_limit_) {
    Item& item = taken_[next_taken_];
    if (const auto* job = std::get_if<CopyJob>(&item)) {
      claim(*job);
    } else if (in_flight_ != 0) {
      break;  // copies that were submitted before may use the mappings
    } else {
      std::get<Mappings>(item).clear();
    }
    ++next_taken_;
  }
  if (!batch_.empty()) copies_->start(batch_.span());
}

// Returns as soon as there are some, or at the end.
void MemoryCopier::wait_for_items(std::unique_lock<std::mutex>& lock) {
  while (items_.empty() && !stopping_) {
    const TimePoint now = clock_.now();
    if (std::exchange(expecting_, false)) awake_until_ = now + spin_;
    if (now < awake_until_) {
      lock.unlock();
      std::this_thread::yield();
      lock.lock();
    } else {
      changed_.wait(lock, [this] { return stopping_ || expecting_ || !items_.empty(); });
    }
  }
}

// Claims the target's word for the next batch; when it had changed, nothing is written.
void MemoryCopier::claim(const CopyJob& job) {
  PEGAFLOW_CHECK(job.from.size() <= job.to.size());
  if (!attached_) return report({job.token, CopyOutcome::kFailed, {}});
  std::uint64_t expected = job.loaned_word;
  if (!job.to_word->compare_exchange_strong(expected, job.claimed_word,
                                            std::memory_order_acq_rel)) {
    return report({job.token, CopyOutcome::kRevoked, {}});
  }
  const auto place = std::find_if(running_.begin(), running_.end(),
                                  [](const Running& running) { return !running.busy; });
  const TimePoint now = clock_.now();
  *place = {true, job, now};
  ++in_flight_;
  if (job.bell != nullptr && now - rung_ >= kRingEvery) {
    rung_ = now;
    job.bell->signal();  // the peer wakes while the bytes travel
  }
  batch_.push_back({static_cast<std::uint64_t>(place - running_.begin()), job.to, job.from});
}

// Completes the header and sets FILLED for what has been copied.
void MemoryCopier::finish() {
  std::array<memory::SlotCopied, kMaxCopies> copied;
  const std::size_t count = in_flight_ == 0 ? 0 : copies_->poll(copied);
  for (std::size_t i = 0; i < count; ++i) {
    Running& running = running_[copied[i].cookie];
    const CopyJob& job = running.job;
    const TimePoint now = clock_.now();
    if (copied[i].ok) {
      memory::SlotHeader header = job.header;
      header.t_gathered = header.t_end;
      header.t_end = nanos_of(now);
      *job.to_header = header;
      job.to_word->store(job.filled_word, std::memory_order_release);
    }
    running.busy = false;
    --in_flight_;
    awake_until_ = now + spin_;
    report({job.token, copied[i].ok ? CopyOutcome::kCopied : CopyOutcome::kFailed,
            now - running.started});
  }
  if (count == 0 && in_flight_ != 0) std::this_thread::yield();  // microseconds away
}

void MemoryCopier::report(const Copied& copied) {
  {
    const std::lock_guard lock(mutex_);
    copied_.push_back(copied);
  }
  wake_.signal();
}

void MemoryCopier::deliver() {
  wake_.drain();
  delivering_.clear();
  {
    const std::lock_guard lock(mutex_);
    delivering_.swap(copied_);
  }
  for (const Copied& one : delivering_) events_.on_copied(one.token, one.outcome, one.took);
}

}  // namespace pegaflow::agent
