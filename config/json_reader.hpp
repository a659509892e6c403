// Picks fields out of a JSON document that the schema has checked, and notes what it could not say.
// Decides: that a part with mistakes is left at its defaults, so that the rest can still be judged.
// Leaves: what the fields mean (load, read_rule).
// Thread: values; no shared state.
#pragma once

#include "config/mistake.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace tutti::config {

/// A place in the document: the value there, its path, and the list that collects mistakes.
class json_reader {
public:
  json_reader(const nlohmann::json& value, std::string path, mistakes& found)
      : value_(&value)
      , path_(std::move(path))
      , found_(&found) {}

  const nlohmann::json& value() const noexcept { return *value_; }
  const std::string& path() const noexcept { return path_; }

  bool has(const char* key) const { return value_->is_object() && value_->contains(key); }

  /// The place under a key that has().
  json_reader at(const std::string& key) const {
    return {value_->at(key), pointer_to(path_, key), *found_};
  }
  json_reader at(std::size_t index) const {
    return {value_->at(index), pointer_to(path_, index), *found_};
  }

  /// No mistake is known at this place or below it.
  bool intact() const {
    return std::none_of(found_->begin(), found_->end(), [&](const mistake& known) {
      return known.path == path_ || known.path.starts_with(path_ + "/");
    });
  }

  /// Fills `field` from the key if it is there and intact.
  template <class Field>
  void take(const char* key, Field& field) const {
    if (!has(key))
      return;
    if (auto place = at(key); place.intact())
      place.read(field);
  }

  /// Calls `use(place)` for each intact element of the list under the key.
  template <class Use>
  void each(const char* key, Use use) const {
    if (!has(key) || !at(key).value().is_array())
      return;
    auto list = at(key);
    for (std::size_t i = 0; i < list.value().size(); ++i)
      if (auto place = list.at(i); place.intact())
        use(place);
  }

  void refuse(std::string found, std::string allowed) const {
    found_->push_back({path_, std::move(found), std::move(allowed)});
  }

private:
  template <class Field>
  void read(Field& field) const {
    value_->get_to(field);
  }
  /// Durations stand in milliseconds, whole or broken.
  template <class Rep, class Period>
  void read(std::chrono::duration<Rep, Period>& field) const {
    using nanoseconds = std::chrono::nanoseconds;
    field = std::chrono::duration_cast<std::chrono::duration<Rep, Period>>(
        nanoseconds(std::llround(value_->get<double>() * 1e6)));
  }

  const nlohmann::json* value_;
  std::string path_;
  mistakes* found_;
};

} // namespace tutti::config
