// ReadyMap: how far the tokens of an offer are computed, per group and layer. Pure; not thread
// safe. Layers are this rank's own, 0-based. Tokens of a layer become ready as a growing prefix.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pegaflow/result.h"
#include "pegaflow/session.h"

namespace pegaflow::client {

class ReadyMap {
 public:
  ReadyMap(std::span<const std::uint32_t> layers_per_group, std::uint32_t n_tokens);

  // kInvalidArgument: a group, layer or token that is not there, or tokens.begin beyond what one
  // of the layers has ready. Never takes anything back.
  Status mark(std::uint32_t group, LayerRange layers, TokenInterval tokens);
  // Tokens [0, end) of every layer. REQUIRES: end ≤ n_tokens.
  void mark_all(std::uint32_t end);
  // For what was checked before: marks [begin, end) in each of these layers where it continues the
  // layer's prefix, and not where it does not (the offer was rewound since). True if a layer grew.
  bool mark_span(std::uint32_t group, LayerRange layers, TokenInterval tokens);
  bool mark_span(TokenInterval tokens);  // of every layer
  // Tokens from `token` on are not ready any more. True if that changed anything.
  bool rewind(std::uint32_t token);

  std::uint32_t n_tokens() const { return n_tokens_; }
  std::uint32_t groups() const { return static_cast<std::uint32_t>(first_.size() - 1); }
  std::uint32_t layers(std::uint32_t group) const { return first_[group + 1] - first_[group]; }
  // All layers of [begin, end) have tokens [0, result) ready; n_tokens for no layers.
  std::uint32_t ready_end(std::uint32_t group, std::uint32_t begin, std::uint32_t end) const;
  // The same for all layers of all groups.
  std::uint32_t ready_end() const;

 private:
  bool grow(std::uint32_t first, std::uint32_t last, TokenInterval tokens);

  std::uint32_t n_tokens_;
  std::vector<std::uint32_t> first_;  // where each group's layers start in end_; one more
  std::vector<std::uint32_t> end_;    // per layer: [0, end) is ready
};

}  // namespace pegaflow::client
