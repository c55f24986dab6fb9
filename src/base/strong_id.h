// StrongId: an integer with a name, so that slots, streams and sessions never mix.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace pegaflow {

template <typename Tag, typename T>
struct StrongId {
  using value_type = T;
  T value{};
  auto operator<=>(const StrongId&) const = default;
};

using RegionId = StrongId<struct RegionTag, std::uint16_t>;  // within one agent's mapping table
using SlotIndex = StrongId<struct SlotTag, std::uint32_t>;   // within one region
using Generation = StrongId<struct GenerationTag, std::uint32_t>;
using WriterId = StrongId<struct WriterTag, std::uint16_t>;    // in a region owner's tables, ≥ 1
using XferId = StrongId<struct XferTag, std::uint64_t>;        // minted by D's agent per attempt
using StreamId = StrongId<struct StreamTag, std::uint32_t>;    // within one xfer
using ChunkIndex = StrongId<struct ChunkTag, std::uint32_t>;   // within one stream
using SessionId = StrongId<struct SessionTag, std::uint16_t>;  // within one agent, ≥ 1
using PoolId = StrongId<struct PoolTag, std::uint32_t>;        // within one agent epoch, ≥ 1
using LinkId = StrongId<struct LinkTag, std::uint16_t>;        // within one agent
using AgentEpoch = StrongId<struct EpochTag, std::uint64_t>;
using LinkIncarnation = StrongId<struct LinkIncarnationTag, std::uint32_t>;

// A stream as messages name it after GRANT.
struct StreamKey {
  XferId xfer;
  StreamId stream;
  auto operator<=>(const StreamKey&) const = default;
};

}  // namespace pegaflow

template <typename Tag, typename T>
struct std::hash<pegaflow::StrongId<Tag, T>> {
  std::size_t operator()(const pegaflow::StrongId<Tag, T>& id) const noexcept {
    return std::hash<T>{}(id.value);
  }
};

template <>
struct std::hash<pegaflow::StreamKey> {
  std::size_t operator()(const pegaflow::StreamKey& key) const noexcept {
    return std::hash<std::uint64_t>{}(key.xfer.value * 0x9E3779B97F4A7C15ULL ^ key.stream.value);
  }
};
