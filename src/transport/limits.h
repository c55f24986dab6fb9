// The checks that every backend makes on what it is given.
#pragma once

#include "transport/transport.h"

namespace pegaflow::transport {

// kInvalidArgument unless it has 1 to kMaxMessageBytes bytes.
Status check_message_size(std::span<const std::byte> message);

// kInvalidArgument when `from` is empty or leaves `local`, or lands outside `to`.
Status check_put_range(std::span<const std::byte> from, const LocalMemory& local,
                       const RemoteMemory& to, std::uint64_t offset);

}  // namespace pegaflow::transport
