#include "pegaflow-demo/engine_d.h"

#include <algorithm>
#include <span>
#include <utility>

namespace pegaflow::demo {

ConsumerEngine::ConsumerEngine(const EngineSetup& setup, Session& session, KvPool& pool,
                               PoolHandle handle, EventFd wake, ReportSink report)
    : setup_(setup),
      session_(session),
      pool_(pool),
      handle_(handle),
      report_(std::move(report)),
      blocks_(setup.pool.n_blocks, setup.seed),
      verifier_(pool, std::move(wake)) {}

void ConsumerEngine::submit(const Submit& submit) { queue_.push_back(submit); }

void ConsumerEngine::abandon(const Abandon& abandon) {
  const auto queued = std::ranges::find(queue_, abandon.id, &Submit::id);
  if (queued != queue_.end()) {
    report_(
        ReceiveFailed{abandon.id, EventKind::kCancelled, Reason::kCancelled, "never asked for"});
    queue_.erase(queued);
    return;
  }
  for (const auto& [key, receive] : receives_) {
    if (receive.submit.id != abandon.id || receive.done) continue;
    // Refused when the receive is ending anyway: its event tells.
    [[maybe_unused]] const auto status = session_.cancel(key);
    return;
  }
}

void ConsumerEngine::on_event(const Event& event, TimePoint seen) {
  const auto found = receives_.find(event.key);
  if (found == receives_.end() || !event.receive) return;
  if (event.kind != EventKind::kDone) {
    fail(event.key, event.kind, event.reason, event.detail);
    return;
  }
  auto& receive = found->second;
  const auto& submit = receive.submit;
  receive.done = true;
  report_(Received{submit.id, receive.cached_tokens, to_ns(seen), event.stats});
  verifier_.submit({event.key, submit.prompt, receive.blocks.ids, submit.corrupt});
}

std::optional<TimePoint> ConsumerEngine::work(TimePoint now) {
  for (const auto& result : verifier_.take_results()) finish(result);
  return start_next() ? std::optional(now) : std::nullopt;
}

// False: nothing to start, or no room for it yet.
bool ConsumerEngine::start_next() {
  if (queue_.empty()) return false;
  const auto& next = queue_.front();
  const auto tokens = next.prompt.n_tokens;
  const auto block_tokens = pool_.block_tokens();
  const auto keys = next.prompt.block_keys(block_tokens);
  // At least the last token is always received.
  const auto cacheable = std::min<std::size_t>(keys.size(), (tokens - 1) / block_tokens);
  auto blocks = blocks_.allocate((tokens + block_tokens - 1) / block_tokens,
                                 std::span(keys).first(cacheable));
  if (!blocks) return false;
  const auto cached_tokens = blocks->cached * block_tokens;
  const auto key = next.key;
  const auto& receive =
      receives_.emplace(key, Receive{next, std::move(*blocks), cached_tokens, false}).first->second;
  queue_.pop_front();
  const auto status = ask(receive);
  if (!status.ok()) fail(key, EventKind::kFailed, Reason::kInternal, status.error().message());
  return true;
}

Status ConsumerEngine::ask(const Receive& receive) {
  const auto& prompt = receive.submit.prompt;
  ReceiveSpec spec;
  spec.key = receive.submit.key;
  spec.pool = handle_;
  spec.source = {setup_.source_instance, 0};
  spec.n_tokens = prompt.n_tokens;
  spec.content = prompt.hash();
  ReceiveGroup group;
  group.tokens = {receive.cached_tokens, prompt.n_tokens};
  const auto first = receive.blocks.ids.begin() + receive.blocks.cached;
  group.block_ids.assign(first, receive.blocks.ids.end());
  spec.groups.push_back(std::move(group));
  return session_.receive(spec);
}

void ConsumerEngine::finish(const VerifyResult& result) {
  auto node = receives_.extract(result.key);
  const auto& receive = node.mapped();
  const auto& ids = receive.blocks.ids;
  if (result.mismatch.wrong_bytes == 0) {
    blocks_.publish(ids, receive.submit.prompt.block_keys(pool_.block_tokens()));
  }
  blocks_.release(ids);
  report_(Verified{receive.submit.id, result.mismatch.wrong_bytes, result.mismatch.first});
}

void ConsumerEngine::fail(const Key& key, EventKind kind, Reason reason,
                          const std::string& detail) {
  auto node = receives_.extract(key);
  blocks_.release(node.mapped().blocks.ids);
  report_(ReceiveFailed{node.mapped().submit.id, kind, reason, detail});
}

}  // namespace pegaflow::demo
