// Typed messages over the rings: wire's codecs on top of RingWriter and RingReader.
#pragma once

#include <optional>

#include "memory/ring.h"
#include "pegaflow/result.h"
#include "wire/ring.h"

namespace pegaflow::memory {

// As RingWriter::try_write; kInvalidArgument: a list or text over its limit.
Result<bool> write_message(RingWriter& ring, const wire::ClientMessage& message);
Result<bool> write_message(RingWriter& ring, const wire::AgentMessage& message);

// As RingReader::next; kProtocol also for what the codec refuses.
Result<std::optional<wire::ClientMessage>> read_client_message(RingReader& ring);
Result<std::optional<wire::AgentMessage>> read_agent_message(RingReader& ring);

}  // namespace pegaflow::memory
