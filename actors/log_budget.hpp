// How much of something that others cause may be told in the log.
// Decides: when a line is one too many, and that what was left out is counted in the next one.
// Leaves: the lines. Thread: a value; now is an argument.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace tutti {

class log_budget {
public:
  using time_point = std::chrono::steady_clock::time_point;

  static constexpr unsigned lines = 40;
  static constexpr std::chrono::seconds interval{10};

  /// What to append to the line, mostly nothing; nullopt if the line is one too many.
  std::optional<std::string> spend(time_point now) {
    if (now >= refill_at_) {
      refill_at_ = now + interval;
      left_ = lines;
    }
    if (left_ == 0) {
      ++left_out_;
      return std::nullopt;
    }
    --left_;
    auto missed = left_out_;
    left_out_ = 0;
    return missed == 0 ? std::string()
                       : " (" + std::to_string(missed) + " lines like this were left out)";
  }

private:
  time_point refill_at_{};
  unsigned left_ = 0;
  std::uint64_t left_out_ = 0;
};

} // namespace tutti
