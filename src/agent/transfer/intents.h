// Intents: what local schedulers ask before they reserve blocks. An intent is answered once
// (OFFERED when every rank of the source holds the offer, or REFUSED) and repeated meanwhile and
// afterwards, so that the source keeps its blocks, until the receive or a release.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "agent/transfer/context.h"

namespace pegaflow::agent {

class Intents {
 public:
  explicit Intents(TransferContext& context) : context_(context) {}

  void on_intend(ClientPort& client, const wire::RingIntend& request);
  void on_receive(const Key& key);  // the receive holds the source's blocks from here on
  void on_release(const wire::RingRelease& release);
  void on_client_lost(ClientPort& client);

  void on_offered(LinkPort& link, const wire::Offered& offered);
  void on_refuse(LinkPort& link, const wire::Refuse& refuse);
  void on_peer_pool();
  void on_link_down(LinkPort& link);

  void on_time(TimePoint now);
  std::optional<TimePoint> next_deadline() const;
  void on_gap(Nanos gap);

 private:
  struct Asked {
    LinkId link;
    PoolId pool;
    Rank rank;
    bool offered = false;
  };
  struct Intent {
    wire::RingIntend request;
    ClientPort* client = nullptr;
    std::vector<Asked> asked;
    bool answered = false;
    TimePoint deadline;               // until answered: offer_wait; then: total
    std::optional<TimePoint> repeat;  // when answered
  };

  void ask(std::uint64_t number, Intent& intent, bool again);
  static bool complete(const Intent& intent);
  void answer(Intent& intent, EventKind kind, Reason reason, const std::string& detail);

  TransferContext& context_;
  std::map<std::uint64_t, Intent> intents_;
  std::uint64_t next_ = 1;
};

}  // namespace pegaflow::agent
