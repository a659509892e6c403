// The table: what was measured, for the relay and for the hub, their ratio, its spread, the target.
// Decides: medians over the rounds; the ratio is taken within each round, so that a slow minute of
// the machine touches both sides of it. Leaves: the figures (works). Thread: one.
#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace tutti::bench {

enum class bound : std::uint8_t { at_least, at_most };

/// What issue and README promise. Targets are shown beside the figures, never enforced.
struct target {
  bound side;
  double value;
};

struct figure {
  std::string name;
  std::string unit;
  int decimals = 0;
  std::optional<target> wanted;
  std::vector<double> floor; ///< one a round; empty: no ratio, the hub's own figure is judged
  std::vector<double> hub;

  /// What the target is about: the ratio of each round, or the hub's figure of each round.
  std::vector<double> judged() const;
  bool judged_by_ratio() const noexcept { return !floor.empty(); }
  bool missed() const;
};

struct work_report {
  std::string work;
  std::vector<figure> figures;
  std::vector<std::string> remarks; ///< what must not go unseen: losses, an idle server in a flood
};

/// The middle one, or the mean of the two in the middle; 0 of none.
double median(std::vector<double> values);

/// The value that `share` (0 to 1) of `values` do not exceed; 0 of none.
double percentile(std::vector<double> values, double share);

void print_text(std::ostream& out, const std::vector<work_report>& reports);
void print_markdown(std::ostream& out, const std::vector<work_report>& reports);

} // namespace tutti::bench
