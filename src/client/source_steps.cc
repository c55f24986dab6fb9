#include "client/source_steps.h"

#include <algorithm>

namespace pegaflow::client {

Step& StepPool::begin() {
  const auto idle = std::find_if(steps_.begin(), steps_.end(),
                                 [](const auto& step) { return !step->open && step->marks == 0; });
  Step& step = idle != steps_.end() ? **idle : *steps_.emplace_back(std::make_unique<Step>());
  step.entries.clear();
  step.open = true;
  open_ = &step;
  return step;
}

void StepPool::end() {
  open_->open = false;
  open_ = nullptr;
}

void StepPool::forget(const Offer& offer) {
  for (const auto& step : steps_) {
    std::erase_if(step->entries,
                  [&offer](const StepEntry& entry) { return entry.offer == &offer; });
  }
}

void StepPool::cut(const Offer& offer, std::uint32_t token) {
  for (const auto& step : steps_) {
    for (StepEntry& entry : step->entries) {
      if (entry.offer == &offer) entry.tokens.end = std::min(entry.tokens.end, token);
    }
  }
}

}  // namespace pegaflow::client
