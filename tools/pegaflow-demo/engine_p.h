// ProducerEngine: a prefill rank. Computes one prompt at a time, layer by layer, and offers it.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>

#include "pegaflow-demo/block_pool.h"
#include "pegaflow-demo/engine.h"
#include "pegaflow-demo/kv_pool.h"
#include "pegaflow-demo/messages.h"

namespace pegaflow::demo {

class ProducerEngine final : public Engine {
 public:
  // The references outlive the engine. `handle`: of `pool`, added to `session`.
  ProducerEngine(const EngineSetup& setup, Session& session, KvPool& pool, PoolHandle handle,
                 ReportSink report);

  void submit(const Submit& submit) override;
  void abandon(const Abandon& abandon) override;
  void on_event(const Event& event, TimePoint seen) override;
  std::optional<TimePoint> work(TimePoint now) override;

 private:
  struct Offer {
    Submit submit;
    BlockPool::Blocks blocks;
    std::uint32_t cached_tokens = 0;
    std::uint64_t first_ready_ns = 0;
    bool live = true;       // the session has it
    bool computing = true;  // not all of its KV is in the blocks
    bool sent = false;      // all consumers have what they want of it
    bool holds_blocks = true;
    TokenInterval computed() const { return {cached_tokens, submit.prompt.n_tokens}; }
  };
  // The offer being computed.
  struct Prefill {
    Key key;
    std::uint32_t layer = 0;       // being computed
    std::optional<TimePoint> due;  // when this layer's time is over; nullopt: not started
  };

  bool start_next();
  Status announce(Offer& offer);
  Status start_layer(const Offer& offer, TimePoint now);
  void finish_layer(Offer& offer);
  Status mark(Offer& offer, LayerRange layers);
  void finish_prefill(Offer& offer);
  void stop_computing(Offer& offer);
  void end(Offer& offer, EventKind kind, Reason reason, const std::string& detail);
  void end_with(Offer& offer, const Error& error);
  void free_unused_blocks(Offer& offer);
  void forget_if_over(const Key& key);

  EngineSetup setup_;
  Session& session_;
  KvPool& pool_;
  PoolHandle handle_;
  ReportSink report_;
  BlockPool blocks_;
  std::deque<Submit> queue_;  // as long as the parent's concurrency
  std::unordered_map<Key, Offer> offers_;
  std::optional<Prefill> prefill_;
};

}  // namespace pegaflow::demo
