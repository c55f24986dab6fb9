#include "client/ready_map.h"

#include <algorithm>
#include <string>

namespace pegaflow::client {
namespace {

std::string text(std::uint32_t begin, std::uint32_t end) {
  return "[" + std::to_string(begin) + ", " + std::to_string(end) + ")";
}

Error bad(const std::string& what) { return {Code::kInvalidArgument, "mark ready: " + what}; }

}  // namespace

ReadyMap::ReadyMap(std::span<const std::uint32_t> layers_per_group, std::uint32_t n_tokens)
    : n_tokens_(n_tokens) {
  first_.push_back(0);
  for (const std::uint32_t layers : layers_per_group) first_.push_back(first_.back() + layers);
  end_.resize(first_.back());
}

Status ReadyMap::mark(std::uint32_t group, LayerRange layers, TokenInterval tokens) {
  if (group >= groups()) {
    return bad("group " + std::to_string(group) + " of " + std::to_string(groups()));
  }
  if (layers.begin >= layers.end || layers.end > this->layers(group)) {
    return bad("layers " + text(layers.begin, layers.end) + " of " +
               std::to_string(this->layers(group)));
  }
  if (tokens.begin > tokens.end || tokens.end > n_tokens_) {
    return bad("tokens " + text(tokens.begin, tokens.end) + " of " + std::to_string(n_tokens_));
  }
  const std::uint32_t known = ready_end(group, layers.begin, layers.end);
  if (tokens.begin > known) {
    return bad("tokens " + text(tokens.begin, tokens.end) + " of layers " +
               text(layers.begin, layers.end) + " leave a gap: only [0, " + std::to_string(known) +
               ") is ready in all of them");
  }
  for (std::uint32_t i = first_[group] + layers.begin; i < first_[group] + layers.end; ++i) {
    end_[i] = std::max(end_[i], tokens.end);
  }
  return {};
}

void ReadyMap::mark_all(std::uint32_t end) {
  for (std::uint32_t& layer_end : end_) layer_end = std::max(layer_end, end);
}

bool ReadyMap::mark_span(std::uint32_t group, LayerRange layers, TokenInterval tokens) {
  return grow(first_[group] + layers.begin, first_[group] + layers.end, tokens);
}

bool ReadyMap::mark_span(TokenInterval tokens) { return grow(0, first_.back(), tokens); }

bool ReadyMap::grow(std::uint32_t first, std::uint32_t last, TokenInterval tokens) {
  bool grew = false;
  for (std::uint32_t i = first; i < last; ++i) {
    if (tokens.begin > end_[i] || tokens.end <= end_[i]) continue;
    end_[i] = tokens.end;
    grew = true;
  }
  return grew;
}

bool ReadyMap::rewind(std::uint32_t token) {
  bool changed = false;
  for (std::uint32_t& layer_end : end_) {
    changed |= layer_end > token;
    layer_end = std::min(layer_end, token);
  }
  return changed;
}

std::uint32_t ReadyMap::ready_end(std::uint32_t group, std::uint32_t begin,
                                  std::uint32_t end) const {
  std::uint32_t least = n_tokens_;
  for (std::uint32_t i = first_[group] + begin; i < first_[group] + end; ++i) {
    least = std::min(least, end_[i]);
  }
  return least;
}

std::uint32_t ReadyMap::ready_end() const {
  return end_.empty() ? n_tokens_ : *std::min_element(end_.begin(), end_.end());
}

}  // namespace pegaflow::client
