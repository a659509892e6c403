// Filters out of JSON; part of read_rule.hpp.
#include "config/explain.hpp"
#include "config/midi_number.hpp"
#include "config/read_rule.hpp"

#include <string_view>

namespace tutti::config {
namespace {

/// Octets by which a System Exclusive filter may decide; they are held back until it has.
constexpr std::size_t max_prefix = 16;

constexpr unsigned long bit(message_kind kind) {
  return 1ul << unsigned(kind);
}

constexpr unsigned long bits(message_kind first, message_kind last) {
  return (bit(last) << 1) - bit(first);
}

struct kind_name {
  std::string_view name;
  unsigned long kinds;
};

/// The words of "types"; the schema lists the same.
constexpr kind_name kind_names[] = {
    {"note", bit(message_kind::note)},
    {"poly_pressure", bit(message_kind::poly_pressure)},
    {"controller", bit(message_kind::controller)},
    {"program", bit(message_kind::program)},
    {"channel_pressure", bit(message_kind::channel_pressure)},
    {"pitch_bend", bit(message_kind::pitch_bend)},
    {"sysex", bit(message_kind::sysex)},
    {"time_code", bit(message_kind::time_code)},
    {"song_position", bit(message_kind::song_position)},
    {"song_select", bit(message_kind::song_select)},
    {"tune_request", bit(message_kind::tune_request)},
    {"clock", bit(message_kind::clock)},
    {"start", bit(message_kind::start)},
    {"continue", bit(message_kind::resume)},
    {"stop", bit(message_kind::stop)},
    {"active_sensing", bit(message_kind::active_sensing)},
    {"reset", bit(message_kind::reset)},
    {"other", bit(message_kind::other)},
    {"channel", bits(message_kind::note, message_kind::pitch_bend)},
    {"system_common", bits(message_kind::time_code, message_kind::tune_request)},
    {"transport", bits(message_kind::start, message_kind::stop)},
    {"real_time", bits(message_kind::clock, message_kind::reset)},
    {"system", bits(message_kind::sysex, message_kind::reset)},
};

message_kinds read_types(const json_reader& place) {
  message_kinds kinds;
  auto add = [&](const nlohmann::json& word) {
    for (const auto& [name, which] : kind_names)
      if (word == name)
        kinds |= message_kinds(which);
  };
  if (place.value().is_string())
    add(place.value());
  else
    for (const auto& word : place.value())
      add(word);
  return kinds;
}

channel_set read_channels(const json_reader& place) {
  return channel_set(read_numbers(place, number_kind::channel).to_ullong());
}

void read_prefix(const json_reader& place, std::vector<octet_pattern>& prefixes) {
  auto read = parse_octets(place.value().get_ref<const std::string&>());
  if (read && !read->octets.empty() && read->octets.size() <= max_prefix)
    prefixes.push_back(std::move(read->octets));
  else
    place.refuse(describe_value(place.value()),
                 "1 to 16 octets in hex, ?? for any, such as \"41\" or \"F0 7E ?? 09\"");
}

} // namespace

filter_criteria read_criteria(const json_reader& place) {
  filter_criteria criteria;
  auto take = [&](const char* key, number_kind kind, std::optional<value_set>& set) {
    if (place.has(key))
      set = read_numbers(place.at(key), kind);
  };
  if (place.has("types"))
    criteria.types = read_types(place.at("types"));
  if (place.has("channels"))
    criteria.channels = read_channels(place.at("channels"));
  if (place.has("groups"))
    criteria.groups = read_channels(place.at("groups"));
  take("notes", number_kind::note, criteria.notes);
  take("velocities", number_kind::data, criteria.velocities);
  take("controllers", number_kind::data, criteria.controllers);
  take("programs", number_kind::data, criteria.programs);
  take("values", number_kind::data, criteria.values);
  if (place.has("sysex")) {
    auto list = place.at("sysex");
    if (list.value().is_string())
      read_prefix(list, criteria.sysex);
    else
      place.each("sysex", [&](const json_reader& item) { read_prefix(item, criteria.sysex); });
  }
  return criteria;
}

filter read_filter(const json_reader& place) {
  filter result;
  result.include = read_criteria(place);
  if (place.has("exclude")) {
    auto exclude = place.at("exclude");
    if (exclude.value().is_object())
      result.exclude.push_back(read_criteria(exclude));
    else
      for (std::size_t i = 0; i < exclude.value().size(); ++i)
        result.exclude.push_back(read_criteria(exclude.at(i)));
  }
  return result;
}

} // namespace tutti::config
