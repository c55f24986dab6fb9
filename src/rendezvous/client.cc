#include "rendezvous/client.h"

#include "http/client.h"
#include "rendezvous/messages.h"

namespace pegaflow::rendezvous {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMaxAnswerBytes = std::size_t{256} << 20;

std::string agent_path(std::string_view name) { return "/v1/agents/" + http::percent_encode(name); }

// The body of a 2xx answer, or what the server said.
Result<std::string> body_of(Result<http::Response> response) {
  if (!response.ok()) return response.error();
  if (response->status < 200 || response->status > 299) return http::error_of(*response);
  return std::move(response->body);
}

std::string seconds_text(milliseconds time) {
  const auto fraction = std::to_string(time.count() % 1000 + 1000).substr(1);
  return std::to_string(time.count() / 1000) + '.' + fraction;
}

}  // namespace

class Client::Impl {
 public:
  Impl(std::string host, std::uint16_t port) : http({std::move(host), port, kMaxAnswerBytes}) {}
  http::Client http;
};

Client::Client(std::string host, std::uint16_t port)
    : impl_(std::make_unique<Impl>(std::move(host), port)) {}

Client::~Client() = default;

Result<Lease> Client::put(const PutRequest& request, milliseconds deadline) {
  PEGAFLOW_ASSIGN(const std::string body, body_of(impl_->http.put(agent_path(request.record.name),
                                                                  put_to_json(request), deadline)));
  return lease_from_json(body);
}

Result<Lease> Client::heartbeat(std::string_view name, AgentEpoch epoch, milliseconds deadline) {
  PEGAFLOW_ASSIGN(const std::string body, body_of(impl_->http.post(agent_path(name) + "/heartbeat",
                                                                   epoch_body(epoch), deadline)));
  return lease_from_json(body);
}

Status Client::remove(std::string_view name, AgentEpoch epoch, milliseconds deadline) {
  const auto body =
      body_of(impl_->http.del(agent_path(name) + "?epoch=" + epoch_to_text(epoch), deadline));
  return body.ok() ? Status() : body.error();
}

Result<AgentRecord> Client::get(std::string_view name, milliseconds deadline) {
  PEGAFLOW_ASSIGN(const std::string body, body_of(impl_->http.get(agent_path(name), deadline)));
  PEGAFLOW_ASSIGN(const Entry entry, entry_from_json(body));
  if (entry.record == nullptr) return Error(Code::kProtocol, "/record: expected one, got null");
  return *entry.record;
}

Result<Listing> Client::list(const std::optional<Revision>& since, milliseconds wait,
                             milliseconds deadline) {
  std::string target = "/v1/agents?wait=" + seconds_text(wait);
  if (since.has_value()) target += "&since=" + http::percent_encode(since->text());
  PEGAFLOW_ASSIGN(const std::string body, body_of(impl_->http.get(target, wait + deadline)));
  return listing_from_json(body);
}

void Client::cancel() { impl_->http.cancel(); }

}  // namespace pegaflow::rendezvous
