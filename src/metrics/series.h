// Shorthand over prometheus-cpp for the files of this folder: families made in one line, one
// series per value of an enum or name.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/registry.h"

namespace pegaflow::metrics {

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Labels;
template <typename T>
using Family = prometheus::Family<T>;

Family<Counter>& counters(prometheus::Registry& registry, const char* name, const char* help);
Family<Gauge>& gauges(prometheus::Registry& registry, const char* name, const char* help);
Family<Histogram>& histograms(prometheus::Registry& registry, const char* name, const char* help);

// 10 µs to 10 s in steps of 1, 2, 5.
const Histogram::BucketBoundaries& second_buckets();

inline double seconds(Duration time) { return std::chrono::duration<double>(time).count(); }

inline Labels with(Labels labels, const char* name, std::string_view value) {
  labels.emplace(name, value);
  return labels;
}

// One series per value of the enum E, whose values are 0 … N−1.
template <typename T, typename E, std::size_t N>
class EnumSeries {
 public:
  template <typename... Args>
  EnumSeries(Family<T>& family, const Labels& labels, const char* name, const Args&... args) {
    for (std::size_t i = 0; i < N; ++i) {
      series_[i] = &family.Add(with(labels, name, to_string(static_cast<E>(i))), args...);
    }
  }
  T& operator[](E value) const { return *series_.at(static_cast<std::size_t>(value)); }

 private:
  std::array<T*, N> series_{};
};

// One counter per number that has a name, and one for all others.
class NamedCounters {
 public:
  NamedCounters(Family<Counter>& family, const Labels& labels, const char* label,
                const std::vector<std::string>& names);
  Counter& operator[](std::uint8_t number) const {
    return number < series_.size() ? *series_[number] : *other_;
  }

 private:
  Counter* other_;
  std::vector<Counter*> series_;
};

std::string text_of(const prometheus::Registry& registry);
std::vector<FamilyInfo> families_of(const prometheus::Registry& registry);
void add_build_info(prometheus::Registry& registry, const BuildInfo& build);

}  // namespace pegaflow::metrics
