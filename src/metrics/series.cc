#include "metrics/series.h"

#include <prometheus/text_serializer.h>

#include <set>
#include <sstream>

namespace pegaflow::metrics {
namespace {

const char* type_name(prometheus::MetricType type) {
  switch (type) {
    case prometheus::MetricType::Counter:
      return "counter";
    case prometheus::MetricType::Gauge:
      return "gauge";
    case prometheus::MetricType::Histogram:
      return "histogram";
    case prometheus::MetricType::Summary:
      return "summary";
    case prometheus::MetricType::Untyped:
      return "untyped";
  }
  return "unknown";
}

}  // namespace

Family<Counter>& counters(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

Family<Gauge>& gauges(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

Family<Histogram>& histograms(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}

const Histogram::BucketBoundaries& second_buckets() {
  static const Histogram::BucketBoundaries kBuckets = {1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3,
                                                       2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1, 2e-1,
                                                       5e-1, 1.0,  2.0,  5.0,  10.0};
  return kBuckets;
}

NamedCounters::NamedCounters(Family<Counter>& family, const Labels& labels, const char* label,
                             const std::vector<std::string>& names)
    : other_(&family.Add(with(labels, label, "other"))) {
  for (const auto& name : names) {
    series_.push_back(name.empty() ? other_ : &family.Add(with(labels, label, name)));
  }
}

std::string text_of(const prometheus::Registry& registry) {
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, registry.Collect());
  return text.str();
}

std::vector<FamilyInfo> families_of(const prometheus::Registry& registry) {
  std::vector<FamilyInfo> families;
  for (const auto& family : registry.Collect()) {
    std::set<std::string> labels;
    for (const auto& metric : family.metric) {
      for (const auto& label : metric.label) labels.insert(label.name);
    }
    families.push_back({family.name, type_name(family.type), family.help,
                        std::vector<std::string>(labels.begin(), labels.end())});
  }
  return families;
}

void add_build_info(prometheus::Registry& registry, const BuildInfo& build) {
  gauges(registry, "pegaflow_build_info", "Always 1; its labels say which program this is.")
      .Add({{"program", build.program}, {"version", build.version}, {"node", build.node}})
      .Set(1);
}

}  // namespace pegaflow::metrics
