// Parts of the record's JSON form that other messages embed. Includes the JSON library: internal
// to this folder.
#pragma once

#include "base/json_view.h"
#include "rendezvous/record.h"

namespace pegaflow::rendezvous {

// Means something only when the view collected no faults.
AgentRecord read_record(const JsonView& view);
nlohmann::json pool_json(const PoolRecord& pool);

}  // namespace pegaflow::rendezvous
