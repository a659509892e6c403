// Transforms out of JSON; part of read_rule.hpp.
#include "config/explain.hpp"
#include "config/midi_number.hpp"
#include "config/read_rule.hpp"

#include <algorithm>
#include <charconv>
#include <map>

namespace tutti::config {
namespace {

using nlohmann::json;

std::uint8_t octet(int number) {
  return static_cast<std::uint8_t>(number);
}

bool is_remark(const std::string& key) {
  return key == "$comment";
}

/// Calls `use(place, first, last)` for each key of a map whose keys are numbers or ranges.
template <class Use>
void each_range(const json_reader& map, number_kind kind, Use use) {
  for (const auto& [key, _] : map.value().items()) {
    if (is_remark(key))
      continue;
    auto place = map.at(key);
    if (auto range = parse_range(key, kind))
      use(place, range->first, range->second);
    else
      place.refuse("the key " + describe_value(key),
                   describe_number(kind) + std::string(", or a range such as ") +
                       (kind == number_kind::note ? "\"C2-B3\"" : "\"1-4\""));
  }
}

/// A list of points from the JSON "curve".
void read_points(const json_reader& place, value_map& map) {
  int last = -1;
  for (std::size_t i = 0; i < place.value().size(); ++i) {
    auto x = place.value()[i][0].get<int>(), y = place.value()[i][1].get<int>();
    if (x <= last)
      place.at(i).refuse("a point at " + std::to_string(x), "points by ascending first number");
    last = x;
    map.points.emplace_back(x, y);
  }
}

/// A value map: a number fixes the value. `lowest` is the least that may come out.
value_map read_value_map(const json_reader& place, int lowest = 0) {
  value_map map;
  map.lowest = lowest;
  if (place.value().is_number()) {
    map.fixed = place.value().get<int>();
    return map;
  }
  if (place.has("fixed"))
    map.fixed = place.value()["fixed"].get<int>();
  place.take("invert", map.invert);
  if (place.has("curve") && place.at("curve").value().is_number())
    place.take("curve", map.gamma);
  else if (place.has("curve"))
    read_points(place.at("curve"), map);
  place.take("scale", map.scale);
  place.take("offset", map.offset);
  place.take("min", map.lowest);
  place.take("max", map.highest);
  if (map.lowest > map.highest)
    place.refuse("a minimum above the maximum", "\"min\" of at most \"max\"");
  return map;
}

channel_set read_targets(const json_reader& place) {
  if (place.value().is_null())
    return {};
  return channel_set(read_numbers(place, number_kind::channel).to_ullong());
}

channel_map read_channel_map(const json_reader& place) {
  channel_map map;
  if (!place.value().is_object()) {
    map.targets.fill(read_targets(place));
    return map;
  }
  for (std::size_t channel = 0; channel < 16; ++channel)
    map.targets[channel].set(channel);
  each_range(place, number_kind::channel, [&](const json_reader& item, int first, int last) {
    auto targets = read_targets(item);
    for (int channel = first; channel <= last; ++channel)
      map.targets[std::size_t(channel)] = targets;
  });
  return map;
}

number_map read_number_map(const json_reader& place, number_kind kind) {
  number_map map;
  for (std::size_t i = 0; i < map.size(); ++i)
    map[i] = octet(int(i));
  each_range(place, kind, [&](const json_reader& item, int first, int last) {
    std::optional<std::uint8_t> target;
    if (!item.value().is_null())
      if (auto number = read_number(item, kind))
        target = octet(*number);
    for (int i = first; i <= last; ++i)
      map[std::size_t(i)] = target;
  });
  return map;
}

controller_value_map read_controller_values(const json_reader& place) {
  return {read_numbers(place.at("controllers"), number_kind::data), read_value_map(place)};
}

note_to_controller read_note_to_controller(const json_reader& place) {
  note_to_controller result;
  result.notes = read_numbers(place.at("notes"), number_kind::note);
  place.take("controller", result.controller);
  result.off = 0;
  if (place.has("on") && place.at("on").value().is_number())
    result.on = place.value()["on"].get<std::uint8_t>();
  if (place.has("off") && place.at("off").value().is_null())
    result.off = std::nullopt;
  else if (place.has("off"))
    result.off = place.value()["off"].get<std::uint8_t>();
  return result;
}

controller_to_note read_controller_to_note(const json_reader& place) {
  controller_to_note result;
  place.take("controller", result.controller);
  if (auto note = read_number(place.at("note"), number_kind::note))
    result.note = octet(*note);
  if (place.has("velocity") && place.at("velocity").value().is_number())
    result.velocity = place.value()["velocity"].get<std::uint8_t>();
  place.take("threshold", result.threshold);
  return result;
}

/// A program map's key: `program`, `program-program` or `bank:` before either.
bool read_program_key(const std::string& key, program_map::entry& entry) {
  std::string_view programs = key;
  if (auto colon = key.find(':'); colon != key.npos) {
    std::uint16_t bank = 0;
    auto [end, error] = std::from_chars(key.data(), key.data() + colon, bank);
    if (error != std::errc() || end != key.data() + colon || bank > 16383)
      return false;
    entry.bank = bank;
    programs.remove_prefix(colon + 1);
  }
  auto range = parse_range(programs, number_kind::data);
  if (!range)
    return false;
  entry.first = octet(range->first);
  entry.last = octet(range->second);
  return true;
}

program_map read_program_map(const json_reader& place) {
  program_map map;
  for (const auto& [key, value] : place.value().items()) {
    if (is_remark(key))
      continue;
    program_map::entry entry;
    if (!read_program_key(key, entry)) {
      place.at(key).refuse("the key " + describe_value(key),
                           "a program from 0 to 127, a range of them, or a bank from 0 to 16383 "
                           "before either, such as \"129:0-9\"");
      continue;
    }
    entry.drop = value.is_null();
    if (value.is_number())
      entry.to = value.get<std::uint8_t>();
    if (value.is_object() && value.contains("program"))
      entry.to = value["program"].get<std::uint8_t>();
    if (value.is_object() && value.contains("bank"))
      entry.to_bank = value["bank"].get<std::uint16_t>();
    map.entries.push_back(entry);
  }
  // JSON objects have no order, so the narrower entry decides: with a bank before without, fewer
  // programs before more.
  std::stable_sort(map.entries.begin(), map.entries.end(), [](const auto& a, const auto& b) {
    auto width = [](const auto& entry) { return entry.last - entry.first; };
    return a.bank.has_value() != b.bank.has_value() ? a.bank.has_value() : width(a) < width(b);
  });
  return map;
}

zones read_zones(const json_reader& place) {
  zones result;
  for (std::size_t i = 0; i < place.value().size(); ++i) {
    auto item = place.at(i);
    auto& zone = result.list.emplace_back();
    auto all = value_set().set();
    zone.notes = item.has("notes") ? read_numbers(item.at("notes"), number_kind::note) : all;
    zone.velocities =
        item.has("velocities") ? read_numbers(item.at("velocities"), number_kind::data) : all;
    if (item.has("channel"))
      if (auto channel = read_number(item.at("channel"), number_kind::channel))
        zone.channel = octet(*channel);
    item.take("transpose", zone.transpose);
  }
  return result;
}

/// Both directions of pressure and controller: a number, or an object with a value map.
template <class Conversion>
Conversion read_conversion(const json_reader& place) {
  Conversion result;
  if (place.value().is_number()) {
    result.controller = place.value().get<std::uint8_t>();
    return result;
  }
  place.take("controller", result.controller);
  result.value = read_value_map(place);
  return result;
}

sysex_replacement read_replacement(const json_reader& place) {
  sysex_replacement result;
  auto read = [&](const char* key, octet_pattern& octets, bool& rest) {
    auto parsed = parse_octets(place.value()[key].get_ref<const std::string&>());
    if (!parsed || (parsed->octets.empty() && !parsed->rest))
      return place.at(key).refuse(describe_value(place.value()[key]),
                                  "octets in hex, ?? for any and a final * for the rest, such as "
                                  "\"F0 41 ?? 42 * F7\"");
    octets = std::move(parsed->octets);
    rest = parsed->rest;
  };
  read("find", result.find, result.find_rest);
  read("replace", result.replace, result.replace_rest);
  auto wild = [](const octet_pattern& octets) {
    return std::count(octets.begin(), octets.end(), std::nullopt);
  };
  if (wild(result.replace) > wild(result.find) || (result.replace_rest && !result.find_rest))
    place.at("replace").refuse("more ?? or * than in \"find\"", "at most as many as there");
  return result;
}

duplicate_drop read_duplicate_drop(const json_reader& place) {
  duplicate_drop result;
  if (place.has("window_ms"))
    place.take("window_ms", result.window.emplace());
  return result;
}

rate_limit read_rate_limit(const json_reader& place) {
  rate_limit result;
  place.take("interval_ms", result.interval);
  if (place.has("controllers")) {
    result.controllers = read_numbers(place.at("controllers"), number_kind::data);
  } else {
    // All but what is no continuous value: banks, data entry and its parameters, switches and
    // channel mode.
    result.controllers.set();
    for (auto number : {0, 6, 32, 38})
      result.controllers.reset(std::size_t(number));
    for (std::size_t number = 64; number < 70; ++number)
      result.controllers.reset(number);
    for (std::size_t number = 96; number < 102; ++number)
      result.controllers.reset(number);
    for (std::size_t number = 120; number < 128; ++number)
      result.controllers.reset(number);
  }
  place.take("pressures", result.pressures);
  place.take("bends", result.bends);
  return result;
}

duration read_milliseconds(const json_reader& object, const char* key) {
  duration result{0};
  object.take(key, result);
  return result;
}

transform_action read_action(const json_reader& object) {
  using reader = transform_action (*)(const json_reader&);
  static const std::map<std::string, reader> readers = {
      {"channel", [](auto& at) -> transform_action { return read_channel_map(at); }},
      {"transpose",
       [](auto& at) -> transform_action { return transposition{at.value().template get<int>()}; }},
      {"notes",
       [](auto& at) -> transform_action {
         return note_map{read_number_map(at, number_kind::note)};
       }},
      {"velocity",
       [](auto& at) -> transform_action { return velocity_map{read_value_map(at, 1)}; }},
      {"controller",
       [](auto& at) -> transform_action {
         return controller_map{read_number_map(at, number_kind::data)};
       }},
      {"controller_value", [](auto& at) -> transform_action { return read_controller_values(at); }},
      {"note_to_controller",
       [](auto& at) -> transform_action { return read_note_to_controller(at); }},
      {"controller_to_note",
       [](auto& at) -> transform_action { return read_controller_to_note(at); }},
      {"program", [](auto& at) -> transform_action { return read_program_map(at); }},
      {"bend_range",
       [](auto& at) -> transform_action {
         return bend_range{at.value()["from"].template get<double>(),
                           at.value()["to"].template get<double>()};
       }},
      {"zones", [](auto& at) -> transform_action { return read_zones(at); }},
      {"pressure_to_controller",
       [](auto& at) -> transform_action { return read_conversion<pressure_to_controller>(at); }},
      {"controller_to_pressure",
       [](auto& at) -> transform_action { return read_conversion<controller_to_pressure>(at); }},
      {"sysex", [](auto& at) -> transform_action { return read_replacement(at); }},
      {"drop_duplicates", [](auto& at) -> transform_action { return read_duplicate_drop(at); }},
      {"rate_limit", [](auto& at) -> transform_action { return read_rate_limit(at); }},
  };
  if (object.has("delay_ms"))
    return fixed_delay{read_milliseconds(object, "delay_ms")};
  if (object.has("play_at_ms"))
    return play_out{read_milliseconds(object, "play_at_ms")};
  for (const auto& [key, _] : object.value().items())
    if (auto found = readers.find(key); found != readers.end())
      return found->second(object.at(key));
  return transposition{}; // the schema lets no such object through
}

} // namespace

transform read_transform(const json_reader& place) {
  transform result{read_action(place), std::nullopt};
  if (!place.has("only"))
    return result;
  auto only = place.at("only");
  result.only = read_criteria(only);
  if (only.has("sysex"))
    only.at("sysex").refuse("a prefix of System Exclusive",
                            "the type \"sysex\" here; prefixes belong in the rule's filter");
  return result;
}

} // namespace tutti::config
