// Bodies of the rendezvous API other than the record: what the server writes, the client reads and
// the other way round. docs/openapi/rendezvous.yaml.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pegaflow/result.h"
#include "rendezvous/store.h"

namespace pegaflow::rendezvous {

// All readers: kProtocol with a JSON pointer.
std::string put_to_json(const PutRequest& request);
Result<PutRequest> put_from_json(std::string_view json);

std::string epoch_body(AgentEpoch epoch);  // of a heartbeat
Result<AgentEpoch> epoch_from_body(std::string_view json);

std::string lease_to_json(const Lease& lease);
Result<Lease> lease_from_json(std::string_view json);

// REQUIRES: entry.record and entry.json, or neither.
std::string entry_to_json(const Entry& entry, const std::string& store);
Result<Entry> entry_from_json(std::string_view json);

std::string listing_to_json(const Listing& listing);
Result<Listing> listing_from_json(std::string_view json);

// Who serves an instance: the pools of that name in `listing`.
std::string instance_to_json(std::string_view instance, const Listing& listing);
bool has_instance(std::string_view instance, const Listing& listing);

}  // namespace pegaflow::rendezvous
