// Verifier: compares received KV with the pattern on a thread of its own, at low priority, so that
// the comparing is outside what is measured as far as the machine allows.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "base/event_fd.h"
#include "pegaflow-demo/kv_pool.h"
#include "pegaflow-demo/prompt.h"
#include "pegaflow/key.h"

namespace pegaflow::demo {

struct VerifyJob {
  Key key;
  Prompt prompt;
  std::vector<std::uint32_t> ids;
  bool corrupt = false;  // flip a bit first: the comparing must find it
};
struct VerifyResult {
  Key key;
  Mismatch mismatch;
};

class Verifier {
 public:
  // The pool outlives the verifier.
  Verifier(KvPool& pool, EventFd wake);
  ~Verifier();  // ends after the job in hand
  Verifier(const Verifier&) = delete;
  Verifier& operator=(const Verifier&) = delete;

  // The blocks stay untouched until the result is there. As many jobs as receives are live.
  void submit(VerifyJob job);
  std::vector<VerifyResult> take_results();
  int wake_fd() const { return wake_.fd(); }  // readable: results wait

 private:
  void run();
  VerifyResult check(const VerifyJob& job);
  Result<Mismatch> compare(const VerifyJob& job);

  KvPool& pool_;
  EventFd wake_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<VerifyJob> jobs_;         // guarded by mutex_
  std::vector<VerifyResult> results_;  // guarded by mutex_
  bool stopping_ = false;              // guarded by mutex_
  std::thread thread_;                 // last: uses all of the above
};

}  // namespace pegaflow::demo
