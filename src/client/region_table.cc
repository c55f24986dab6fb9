#include "client/region_table.h"

#include <string>
#include <utility>

#include "client/limits.h"
#include "core/slot_word.h"

namespace pegaflow::client {

bool readable(const MappedSlots& region, const wire::SlotRef& slot) {
  const auto read =
      core::unpack(region.region.control().word(slot.slot).load(std::memory_order_acquire));
  return read && read->generation == slot.generation &&
         (read->state == core::SlotState::kFilled || read->state == core::SlotState::kDraining);
}

Result<std::unique_ptr<MappedSlots>> map_region(const wire::MapRegion& message,
                                                std::vector<UniqueFd> fds, memory::Device& device) {
  const std::string name = "map region " + std::to_string(message.region.value);
  if (message.writer.value == 0) return Error{Code::kProtocol, name + ": writer 0"};
  const memory::RegionShape shape{message.memory, message.slot_bytes, message.slot_count,
                                  message.segments, message.segment_bytes};
  auto mapped = memory::MappedRegion::map(shape, std::move(fds), device);
  if (!mapped.ok()) return mapped.error().within(name);
  return std::make_unique<MappedSlots>(std::move(mapped).value(), message.writer, message.own);
}

Status RegionTable::add(RegionId id, std::unique_ptr<MappedSlots> region) {
  const std::string name = "map region " + std::to_string(id.value);
  if (regions_.contains(id)) return Error{Code::kProtocol, name + ": it is mapped already"};
  if (regions_.size() >= kMaxRegions) {
    return Error{Code::kProtocol, name + ": more than " + std::to_string(kMaxRegions)};
  }
  regions_.emplace(id, std::move(region));
  seen_.set(id.value);
  return {};
}

void RegionTable::retire(RegionId id) {
  const auto found = regions_.find(id);
  if (found == regions_.end() || found->second->retiring) return;
  found->second->retiring = true;
  ++retiring_;
}

std::vector<RegionTable::Retired> RegionTable::take_retired() {
  std::vector<Retired> gone;
  if (retiring_ == 0) return gone;
  for (auto it = regions_.begin(); it != regions_.end();) {
    if (it->second->retiring && it->second->copies == 0) {
      gone.emplace_back(it->first, std::move(it->second));
      it = regions_.erase(it);
      --retiring_;
    } else {
      ++it;
    }
  }
  return gone;
}

MappedSlots* RegionTable::find(const wire::SlotRef& slot) {
  const auto found = regions_.find(slot.region);
  if (found == regions_.end() || found->second->retiring ||
      slot.slot.value >= found->second->region.slot_count()) {
    return nullptr;
  }
  return found->second.get();
}

}  // namespace pegaflow::client
