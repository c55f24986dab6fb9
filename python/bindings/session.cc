// Session (pegaflow/session.h).
#include "pegaflow/session.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "convert.h"

namespace pegaflow::python {
namespace {

using std::chrono::milliseconds;
using Interval = std::pair<std::uint32_t, std::uint32_t>;

// How often a waiting thread looks for Ctrl-C.
constexpr milliseconds kSignalInterval{100};

// A session and whether it is still open. shared_ptr, because close() may come from one Python
// thread while another one waits inside the session without the GIL.
class PySession {
 public:
  explicit PySession(std::unique_ptr<Session> session) : session_(std::move(session)) {}
  ~PySession() { close(); }
  PySession(const PySession&) = delete;
  PySession& operator=(const PySession&) = delete;

  // REQUIRES the GIL. Raises when it is closed.
  std::shared_ptr<Session> use() const {
    if (session_ == nullptr) raise({Code::kFailedPrecondition, "the session is closed"});
    return session_;
  }
  bool open() const { return session_ != nullptr; }
  void close() {
    std::shared_ptr<Session> last = std::exchange(session_, nullptr);
    const nb::gil_scoped_release release;  // waits for the mover
    last.reset();
  }

 private:
  std::shared_ptr<Session> session_;
};

void connect(PySession* self, const std::string& socket_path, const std::string& instance,
             SessionRole role, const Rank& rank, const std::string& gpu, double connect_timeout,
             std::uint32_t max_offers, std::uint32_t max_receives, std::uint32_t max_events) {
  SessionConfig config;
  config.socket_path = socket_path;
  config.instance = instance;
  config.role = role;
  config.rank = rank;
  config.gpu = gpu;
  config.connect_timeout = duration_of(connect_timeout, "connect_timeout");
  config.max_offers = max_offers;
  config.max_receives = max_receives;
  config.max_events = max_events;
  Result<std::unique_ptr<Session>> session = [&] {
    const nb::gil_scoped_release release;
    return Session::connect(config);
  }();
  new (self) PySession(check(std::move(session)));
}

std::uint32_t add_pool(const PySession& self, const KvLayout& layout) {
  const auto session = self.use();
  Result<PoolHandle> pool = [&] {
    const nb::gil_scoped_release release;
    return session->add_pool(layout);
  }();
  return check(std::move(pool)).value;
}

void offer(const PySession& self, const nb::bytes& key, std::uint32_t pool, std::uint32_t n_tokens,
           const nb::bytes& content, double lease) {
  OfferSpec spec;
  spec.key = key_of(key);
  spec.pool = PoolHandle{pool};
  spec.n_tokens = n_tokens;
  spec.content = fixed_bytes<16>(content, "content");
  spec.lease = duration_of(lease, "lease");
  check(self.use()->offer(spec));
}

void table(const PySession& self, const nb::bytes& key, std::uint32_t group, std::uint32_t first,
           const IdBuffer& ids, bool replace, StreamHandle stream) {
  const auto session = self.use();
  const Key the_key = key_of(key);
  const auto the_ids = ids_of(ids);
  if (!replace) return check(session->table(the_key, group, first, the_ids, false));
  const Status status = [&] {
    const nb::gil_scoped_release release;  // may wait for a running copy
    return session->table(the_key, group, first, the_ids, true, stream);
  }();
  check(status);
}

void mark_ready(const PySession& self, const nb::bytes& key, std::uint32_t group, Interval layers,
                Interval tokens, StreamHandle stream) {
  check(self.use()->mark_ready(key_of(key), group, {layers.first, layers.second},
                               {tokens.first, tokens.second}, stream));
}

void begin_step(const PySession& self,
                const std::vector<std::tuple<nb::bytes, std::uint32_t, std::uint32_t>>& spans) {
  std::vector<StepSpan> steps;
  steps.reserve(spans.size());
  for (const auto& [key, begin, end] : spans) steps.push_back({key_of(key), {begin, end}});
  check(self.use()->begin_step(steps));
}

// Calls that may wait for a running copy.
template <typename Call>
void without_gil(const PySession& self, Call&& call) {
  const auto session = self.use();
  const Status status = [&] {
    const nb::gil_scoped_release release;
    return call(*session);
  }();
  check(status);
}

void rewind(const PySession& self, const nb::bytes& key, std::uint32_t token, StreamHandle stream) {
  const Key the_key = key_of(key);
  without_gil(self, [&](Session& session) { return session.rewind(the_key, token, stream); });
}

void withdraw(const PySession& self, const nb::bytes& key, Reason reason, StreamHandle stream) {
  const Key the_key = key_of(key);
  without_gil(self, [&](Session& session) { return session.withdraw(the_key, reason, stream); });
}

void intend(const PySession& self, const nb::bytes& key, const std::string& source,
            std::uint32_t n_tokens, std::uint32_t source_dp, const nb::bytes& content,
            const nb::bytes& fingerprint, OfferReference reference) {
  IntendSpec spec;
  spec.key = key_of(key);
  spec.source = {source, source_dp};
  spec.n_tokens = n_tokens;
  spec.content = fixed_bytes<16>(content, "content");
  spec.fingerprint = fixed_bytes<32>(fingerprint, "fingerprint");
  spec.reference = reference;
  check(self.use()->intend(spec));
}

using GroupWanted = std::tuple<std::uint32_t, std::uint32_t, IdBuffer>;

void receive(const PySession& self, const nb::bytes& key, std::uint32_t pool,
             const std::string& source, std::uint32_t n_tokens,
             const std::vector<GroupWanted>& groups, std::uint32_t source_dp,
             const nb::bytes& content, OfferReference reference, StreamHandle after,
             double offer_wait, double compute, double total, std::uint64_t trace_id) {
  ReceiveSpec spec;
  spec.key = key_of(key);
  spec.pool = PoolHandle{pool};
  spec.source = {source, source_dp};
  spec.n_tokens = n_tokens;
  spec.content = fixed_bytes<16>(content, "content");
  spec.reference = reference;
  spec.after = after;
  spec.offer_wait = duration_of(offer_wait, "offer_wait");
  spec.compute = duration_of(compute, "compute");
  spec.total = duration_of(total, "total");
  spec.trace_id = trace_id;
  for (const auto& [begin, end, ids] : groups) {
    const auto the_ids = ids_of(ids);
    spec.groups.push_back({{begin, end}, {the_ids.begin(), the_ids.end()}});
  }
  check(self.use()->receive(spec));
}

std::vector<Event> wait(const PySession& self, double timeout) {
  const auto session = self.use();
  milliseconds left = duration_of(timeout, "timeout");
  while (true) {
    const milliseconds slice = std::min(left, kSignalInterval);
    std::vector<Event> events = [&] {
      const nb::gil_scoped_release release;
      return session->wait(slice);
    }();
    left -= slice;
    if (!events.empty() || left.count() == 0 || !self.open()) return events;
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
  }
}

void bind_producing(nb::class_<PySession>& session) {
  const nb::bytes no_content(std::string(16, '\0').c_str(), 16);
  session
      .def("offer", &offer, nb::arg("key"), nb::arg("pool"), nb::arg("n_tokens"), nb::kw_only(),
           nb::arg("content") = no_content, nb::arg("lease") = 0.0,
           "Promises the KV of `n_tokens` tokens under `key`. Lease 0: the topology's default.")
      .def(
          "table", &table, nb::arg("key"), nb::arg("group"), nb::arg("first"), nb::arg("ids"),
          nb::arg("replace") = false, nb::arg("stream") = 0,
          "Block ids of `group` from block index `first` on. Ids beyond the sequence are ignored.\n"
          "`replace` forgets what was there before.")
      .def(
          "mark_cached",
          [](const PySession& self, const nb::bytes& key, std::uint32_t end, StreamHandle stream) {
            check(self.use()->mark_cached(key_of(key), end, stream));
          },
          nb::arg("key"), nb::arg("end"), nb::arg("stream") = 0,
          "Tokens [0, end) of all layers and groups are in the blocks after what `stream` has.\n"
          "What a step still to come computes is not, for whatever request: it belongs to it.")
      .def("mark_ready", &mark_ready, nb::arg("key"), nb::arg("group"), nb::arg("layers"),
           nb::arg("tokens"), nb::arg("stream") = 0,
           "Tokens [begin, end) of layers [begin, end) are in the blocks.")
      .def("begin_step", &begin_step, nb::arg("spans"),
           "The (key, first token, end token) that an engine step computes.")
      .def(
          "layer_done",
          [](const PySession& self, std::uint32_t group, std::uint32_t layer, StreamHandle stream) {
            check(self.use()->layer_done(group, layer, stream));
          },
          nb::arg("group"), nb::arg("layer"), nb::arg("stream") = 0,
          "The layer is computed for all requests of the step.")
      .def(
          "end_step",
          [](const PySession& self, StreamHandle stream) { check(self.use()->end_step(stream)); },
          nb::arg("stream") = 0, "Marks every layer of the step that was not marked.")
      .def("rewind", &rewind, nb::arg("key"), nb::arg("token"), nb::arg("stream") = 0,
           "Tokens from `token` on are not ready any more; no copy of them runs on return.")
      .def("withdraw", &withdraw, nb::arg("key"), nb::arg("reason") = Reason::kWithdrawn,
           nb::arg("stream") = 0, "Ends the offer; no copy of it runs on return.")
      .def(
          "disown",
          [](const PySession& self, const nb::bytes& key) {
            check(self.use()->disown(key_of(key)));
          },
          nb::arg("key"),
          "No offer of this key is to come: who asks is refused at once, not after offer_wait.")
      .def(
          "finish",
          [](const PySession& self, const nb::bytes& key) {
            check(self.use()->finish(key_of(key)));
          },
          nb::arg("key"),
          "No more tokens will become ready; no error when the offer has just ended.");
}

void bind_consuming(nb::class_<PySession>& session) {
  const nb::bytes no_content(std::string(16, '\0').c_str(), 16);
  const nb::bytes no_fingerprint(std::string(32, '\0').c_str(), 32);
  session
      .def("intend", &intend, nb::arg("key"), nb::arg("source"), nb::arg("n_tokens"), nb::kw_only(),
           nb::arg("source_dp") = 0, nb::arg("content") = no_content,
           nb::arg("fingerprint") = no_fingerprint, nb::arg("reference") = 0,
           "Asks whether the source instance has the offer; the event says OFFERED or REFUSED.")
      .def("receive", &receive, nb::arg("key"), nb::arg("pool"), nb::arg("source"),
           nb::arg("n_tokens"), nb::arg("groups"), nb::kw_only(), nb::arg("source_dp") = 0,
           nb::arg("content") = no_content, nb::arg("reference") = 0, nb::arg("after") = 0,
           nb::arg("offer_wait") = 0.0, nb::arg("compute") = 0.0, nb::arg("total") = 0.0,
           nb::arg("trace_id") = 0,
           "Fetches the KV of `key` from the instance `source`. `groups`: per group of the pool "
           "the\n"
           "tokens (begin, end) to fetch, and a buffer with the ids of the blocks that take them.\n"
           "Deadlines in seconds; 0: the topology's defaults.")
      .def(
          "cancel",
          [](const PySession& self, const nb::bytes& key) {
            check(self.use()->cancel(key_of(key)));
          },
          nb::arg("key"), "Cancels a receive; its event tells how it ended.")
      .def(
          "release",
          [](const PySession& self, const nb::bytes& key, const std::string& source,
             std::uint32_t source_dp, OfferReference reference) {
            check(self.use()->release(key_of(key), {source, source_dp}, reference));
          },
          nb::arg("key"), nb::arg("source"), nb::kw_only(), nb::arg("source_dp") = 0,
          nb::arg("reference") = 0, "The source need not hold the offer for this engine.");
}

}  // namespace

void bind_session(nb::module_& module) {
  nb::enum_<SessionRole>(module, "SessionRole")
      .value("WORKER", SessionRole::kWorker, "Has pools, and moves them.")
      .value("CONTROL", SessionRole::kControl, "A scheduler's: asks, never moves.");
  const SessionConfig defaults;
  auto session = nb::class_<PySession>(
      module, "Session",
      "An engine process's connection to its node's agent. Thread safe; inert after fork().");
  session
      .def("__init__", &connect, nb::arg("socket_path"), nb::arg("instance"), nb::kw_only(),
           nb::arg("role") = SessionRole::kWorker, nb::arg("rank") = Rank{}, nb::arg("gpu") = "",
           nb::arg("connect_timeout") = 5.0, nb::arg("max_offers") = defaults.max_offers,
           nb::arg("max_receives") = defaults.max_receives,
           nb::arg("max_events") = defaults.max_events)
      .def("add_pool", &add_pool, nb::arg("layout"),
           "Registers the memory that offers and receives name by the returned number.")
      .def_prop_ro(
          "reference", [](const PySession& self) { return self.use()->reference(); },
          "This process's incarnation, which travels to D with its offers.")
      .def_prop_ro(
          "alive", [](const PySession& self) { return self.open() && self.use()->alive(); },
          "False once the agent died or the session was closed; make a new one then.")
      .def(
          "poll", [](const PySession& self) { return self.use()->poll(); },
          "The unread events, oldest first.")
      .def("wait", &wait, nb::arg("timeout"),
           "The unread events; waits up to `timeout` seconds until there is one.")
      .def(
          "fileno", [](const PySession& self) { return self.use()->event_fd(); },
          "A descriptor that is readable while events are unread, for selectors and asyncio.")
      .def("close", &PySession::close, "Fails what is live without reporting it.")
      .def("__enter__", [](nb::object self) { return self; })
      .def(
          "__exit__", [](PySession& self, nb::handle, nb::handle, nb::handle) { self.close(); },
          nb::arg("type").none(), nb::arg("value").none(), nb::arg("traceback").none());
  bind_producing(session);
  bind_consuming(session);
}

}  // namespace pegaflow::python
