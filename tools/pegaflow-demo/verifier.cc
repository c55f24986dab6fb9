#include "pegaflow-demo/verifier.h"

#include <sys/resource.h>
#include <unistd.h>

#include <utility>

namespace pegaflow::demo {

Verifier::Verifier(KvPool& pool, EventFd wake)
    : pool_(pool), wake_(std::move(wake)), thread_([this] { run(); }) {}

Verifier::~Verifier() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Verifier::submit(VerifyJob job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  changed_.notify_one();
}

std::vector<VerifyResult> Verifier::take_results() {
  wake_.drain();
  const std::lock_guard lock(mutex_);
  return std::exchange(results_, {});
}

void Verifier::run() {
  constexpr int kNice = 5;
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice);  // Linux: of this thread
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (stopping_) return;
    const auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    auto result = check(job);
    lock.lock();
    results_.push_back(std::move(result));
    wake_.signal();
  }
}

VerifyResult Verifier::check(const VerifyJob& job) {
  auto mismatch = compare(job);
  if (mismatch.ok()) return {job.key, std::move(*mismatch)};
  // What cannot be compared counts as wrong, all of it.
  return {job.key, {pool_.bytes_of(job.prompt.n_tokens), mismatch.error().message()}};
}

Result<Mismatch> Verifier::compare(const VerifyJob& job) {
  const auto tokens = job.prompt.n_tokens;
  const auto flip = [&]() -> Status {
    return job.corrupt ? pool_.flip_bit(job.ids, pool_.layers() / 2, tokens / 2) : Status();
  };
  PEGAFLOW_TRY(flip());
  auto mismatch = pool_.verify(job.prompt, job.ids, {0, tokens});
  PEGAFLOW_TRY(flip());  // back: other prompts may share the block
  return mismatch;
}

}  // namespace pegaflow::demo
