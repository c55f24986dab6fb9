// Session: the public face of client::Runtime.
#include "pegaflow/session.h"

#include <utility>

#include "client/runtime.h"

namespace pegaflow {

struct Session::Impl {
  std::unique_ptr<client::Runtime> runtime;
};

namespace {

const SteadyClock& machine_clock() {
  static const SteadyClock kClock;
  return kClock;
}

}  // namespace

Result<std::unique_ptr<Session>> Session::connect(const SessionConfig& config) {
  PEGAFLOW_ASSIGN(client::RuntimeParts parts, client::make_parts(config, machine_clock()));
  auto impl = std::make_unique<Impl>();
  PEGAFLOW_ASSIGN(impl->runtime, client::Runtime::connect(config, std::move(parts)));
  return std::unique_ptr<Session>(new Session(std::move(impl)));
}

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Session::~Session() {
  // A forked child has the memory but not the mover thread: nothing there can be ended in order,
  // so it is left as it lies.
  if (impl_->runtime->in_own_process()) return;
  [[maybe_unused]] const Impl* left = impl_.release();
}

Result<PoolHandle> Session::add_pool(const KvLayout& layout) {
  return impl_->runtime->add_pool(layout);
}

OfferReference Session::reference() const { return impl_->runtime->reference(); }

Status Session::offer(const OfferSpec& offer) { return impl_->runtime->offer(offer); }

Status Session::table(const Key& key, std::uint32_t group, std::uint32_t first,
                      std::span<const std::uint32_t> ids, bool replace, StreamHandle stream) {
  return impl_->runtime->table(key, group, first, ids, replace, stream);
}

Status Session::mark_cached(const Key& key, std::uint32_t end, StreamHandle stream) {
  return impl_->runtime->mark_cached(key, end, stream);
}

Status Session::mark_ready(const Key& key, std::uint32_t group, LayerRange layers,
                           TokenInterval tokens, StreamHandle stream) {
  return impl_->runtime->mark_ready(key, group, layers, tokens, stream);
}

Status Session::begin_step(std::span<const StepSpan> spans) {
  return impl_->runtime->begin_step(spans);
}

Status Session::layer_done(std::uint32_t group, std::uint32_t layer, StreamHandle stream) {
  return impl_->runtime->layer_done(group, layer, stream);
}

Status Session::end_step(StreamHandle stream) { return impl_->runtime->end_step(stream); }

Status Session::rewind(const Key& key, std::uint32_t token, StreamHandle stream) {
  return impl_->runtime->rewind(key, token, stream);
}

Status Session::withdraw(const Key& key, Reason reason, StreamHandle stream) {
  return impl_->runtime->withdraw(key, reason, stream);
}

Status Session::disown(const Key& key) { return impl_->runtime->disown(key); }

Status Session::finish(const Key& key) { return impl_->runtime->finish(key); }

Status Session::intend(const IntendSpec& intent) { return impl_->runtime->intend(intent); }

Status Session::receive(const ReceiveSpec& spec) { return impl_->runtime->receive(spec); }

Status Session::cancel(const Key& key) { return impl_->runtime->cancel(key); }

Status Session::release(const Key& key, const Source& source, OfferReference reference) {
  return impl_->runtime->release(key, source, reference);
}

std::vector<Event> Session::poll() { return impl_->runtime->poll(); }

std::vector<Event> Session::wait(std::chrono::milliseconds timeout) {
  return impl_->runtime->wait(timeout);
}

int Session::event_fd() const { return impl_->runtime->event_fd(); }

bool Session::alive() const { return impl_->runtime->alive(); }

}  // namespace pegaflow
