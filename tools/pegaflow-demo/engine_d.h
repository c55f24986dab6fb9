// ConsumerEngine: a decode rank. Allocates blocks, receives what it does not have, compares.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>

#include "base/event_fd.h"
#include "pegaflow-demo/block_pool.h"
#include "pegaflow-demo/engine.h"
#include "pegaflow-demo/kv_pool.h"
#include "pegaflow-demo/messages.h"
#include "pegaflow-demo/verifier.h"

namespace pegaflow::demo {

class ConsumerEngine final : public Engine {
 public:
  // The references outlive the engine. `handle`: of `pool`, added to `session`.
  ConsumerEngine(const EngineSetup& setup, Session& session, KvPool& pool, PoolHandle handle,
                 EventFd wake, ReportSink report);

  void submit(const Submit& submit) override;
  void abandon(const Abandon& abandon) override;
  void on_event(const Event& event, TimePoint seen) override;
  std::optional<TimePoint> work(TimePoint now) override;
  int wake_fd() const override { return verifier_.wake_fd(); }

 private:
  struct Receive {
    Submit submit;
    BlockPool::Blocks blocks;
    std::uint32_t cached_tokens = 0;
    bool done = false;  // received; its bytes are being compared
  };

  bool start_next();
  Status ask(const Receive& receive);
  void finish(const VerifyResult& result);
  void fail(const Key& key, EventKind kind, Reason reason, const std::string& detail);

  EngineSetup setup_;
  Session& session_;
  KvPool& pool_;
  PoolHandle handle_;
  ReportSink report_;
  BlockPool blocks_;
  std::deque<Submit> queue_;  // as long as the parent's concurrency
  std::unordered_map<Key, Receive> receives_;
  Verifier verifier_;
};

}  // namespace pegaflow::demo
