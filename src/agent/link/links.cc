#include "agent/link/links.h"

#include <algorithm>
#include <utility>

namespace pegaflow::agent {
namespace {

Result<SocketAddress> address_of(const topology::Node& node, bool mapped) {
  return mapped ? SocketAddress::unix_path(link_socket_path(node))
                : SocketAddress::tcp(node.control.text());
}

}  // namespace

std::string link_socket_path(const topology::Node& node) { return node.socket + ".link"; }

Links::Links(LinkEnvironment environment, const topology::Node& node)
    : environment_(std::move(environment)),
      node_(node),
      listener_(environment_.loop, environment_.log, environment_.limits.handshake,
                [this](FrameSocket socket, const wire::Link& link) {
                  on_link(std::move(socket), link);
                }) {}

Result<std::unique_ptr<Links>> Links::create(LinkEnvironment environment,
                                             const topology::Topology& topology,
                                             const topology::Node& node,
                                             metrics::AgentProbe& probe) {
  std::unique_ptr<Links> links(new Links(std::move(environment), node));
  for (LinkTerms& terms : links_of(topology, node)) {
    std::optional<SocketAddress> dial;
    if (!terms.we_are_source) {
      PEGAFLOW_ASSIGN(dial, address_of(*topology.node(terms.from), terms.mapped));
    }
    const auto direction =
        terms.we_are_source ? metrics::Direction::kTo : metrics::Direction::kFrom;
    metrics::LinkProbe& link_probe = probe.link(terms.peer(), direction);
    links->links_.push_back(
        std::make_unique<Link>(links->environment_, std::move(terms), std::move(dial), link_probe));
  }
  return links;
}

Status Links::start() {
  for (const bool mapped : {false, true}) {
    const bool dialled = std::any_of(links_.begin(), links_.end(), [mapped](const auto& link) {
      return link->we_are_source() && link->terms().mapped == mapped;
    });
    if (!dialled) continue;
    PEGAFLOW_ASSIGN(const SocketAddress address, address_of(node_, mapped));
    const Status listening = listener_.listen(address);
    if (!listening.ok()) return listening.error().within("listening for links");
  }
  for (const auto& link : links_) link->dial();
  return {};
}

void Links::stop(const Error& why) {
  stopped_ = true;
  listener_.close();
  for (const auto& link : links_) link->stop(why);
}

void Links::on_link(FrameSocket socket, const wire::Link& link) {
  for (const auto& candidate : links_) {
    if (stopped_ || !candidate->we_are_source() || candidate->peer() != link.from) continue;
    return candidate->accept(std::move(socket), link);
  }
  const Error why = stopped_ ? Error(Code::kUnavailable, "this agent stops")
                             : Error(Code::kNotFound, "the topology of " + node_.name +
                                                          " has no link to " + link.from);
  environment_.log.warning("LINK from " + link.from + " refused: " + why.message());
  environment_.lingering.say_no(std::move(socket), why);
}

bool Links::poll() {
  bool moved = false;
  for (const auto& link : links_) moved |= link->poll();
  return moved;
}

bool Links::expecting() const {
  return std::any_of(links_.begin(), links_.end(),
                     [](const auto& link) { return link->expecting(); });
}

bool Links::in_traffic() const {
  return std::any_of(links_.begin(), links_.end(),
                     [](const auto& link) { return link->in_traffic(); });
}

bool Links::ready_to_sleep() {
  return std::all_of(links_.begin(), links_.end(),
                     [](const auto& link) { return link->ready_to_sleep(); });
}

void Links::pool_added(ClientSession& session, const LocalPool& pool) {
  for (const auto& link : links_) link->pool_added(session, pool);
}

void Links::session_closed(ClientSession& session) {
  for (const LocalPool& pool : session.pools()) {
    for (const auto& link : links_) link->pool_gone(pool.id);
  }
}

void Links::writer_gone(WriterId writer) {
  for (const auto& link : links_) link->writer_gone(writer);
}

void Links::peer_lives(std::string_view name, AgentEpoch epoch) {
  for (const auto& link : links_) {
    if (stopped_ || link->we_are_source() || link->peer() != name) continue;
    link->expect(epoch);
    link->dial();
  }
}

void Links::send_to_all(const wire::ControlMessage& message) {
  for (const auto& link : links_) link->send(message);
}

void Links::measure_all() {
  for (const auto& link : links_) link->measure();
}

std::vector<LinkStatus> Links::status() const {
  std::vector<LinkStatus> all;
  all.reserve(links_.size());
  for (const auto& link : links_) all.push_back(link->status());
  return all;
}

}  // namespace pegaflow::agent
