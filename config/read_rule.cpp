#include "config/read_rule.hpp"

#include "config/explain.hpp"
#include "config/midi_number.hpp"
#include "config/validate.hpp"

#include <map>

namespace tutti::config {

namespace {

using nlohmann::json;

/// A pattern out of `text`, which stands at `place`, perhaps behind a prefix.
std::optional<name_pattern> pattern_of(const json_reader& place, std::string_view text) {
  std::string why;
  auto pattern = name_pattern::parse(text, why);
  if (!pattern)
    place.refuse(describe_value(place.value()) + " (" + why + ")",
                 "a name with * and ?, or a regular expression between slashes");
  return pattern;
}

std::optional<port_direction> direction_of(const json_reader& place, std::string_view text) {
  auto value = json(text).get<port_direction>();
  if (json(value) == json(text))
    return value;
  place.refuse(describe_value(place.value()), "direction:in, direction:out or direction:both");
  return std::nullopt;
}

port_selector selector_of_text(const json_reader& place, std::string_view text) {
  port_selector selector;
  auto after = [&](std::string_view prefix) {
    bool found = text.starts_with(prefix);
    if (found)
      text.remove_prefix(prefix.size());
    return found;
  };
  if (after("direction:"))
    selector.direction = direction_of(place, text);
  else if (after("kind:"))
    selector.kind = pattern_of(place, text);
  else if (after("session:"))
    selector.session = pattern_of(place, text);
  else if (after("name:"))
    selector.name = pattern_of(place, text);
  else
    selector.id = pattern_of(place, text);
  return selector;
}

void read_selectors(const json_reader& place, std::vector<port_selector>& any,
                    std::vector<port_selector>* except);

port_selector selector_of_object(const json_reader& place) {
  port_selector selector;
  auto take = [&](const char* key, std::optional<name_pattern>& pattern) {
    if (place.has(key))
      pattern = read_name_pattern(place.at(key));
  };
  take("id", selector.id);
  take("kind", selector.kind);
  take("session", selector.session);
  take("name", selector.name);
  if (place.has("direction"))
    selector.direction = place.value()["direction"].get<port_direction>();
  if (place.has("except"))
    read_selectors(place.at("except"), selector.except, nullptr);
  return selector;
}

/// Adds one text or object to `any`, or to `except` if it begins with "!" and that is given.
void read_selector(const json_reader& place, std::vector<port_selector>& any,
                   std::vector<port_selector>* except) {
  if (place.value().is_object()) {
    any.push_back(selector_of_object(place));
    return;
  }
  std::string_view text = place.value().get_ref<const std::string&>();
  if (!text.starts_with('!'))
    any.push_back(selector_of_text(place, text));
  else if (except)
    except->push_back(selector_of_text(place, text.substr(1)));
  else
    place.refuse(describe_value(place.value()), "a pattern without \"!\" inside an exception");
}

void read_selectors(const json_reader& place, std::vector<port_selector>& any,
                    std::vector<port_selector>* except) {
  if (!place.value().is_array())
    return read_selector(place, any, except);
  for (std::size_t i = 0; i < place.value().size(); ++i)
    read_selector(place.at(i), any, except);
}

void read_trigger(const json_reader& place, scene_trigger& trigger) {
  trigger.from = read_port_pattern(place.at("from"));
  auto take = [&](const char* key, number_kind kind, std::optional<std::uint8_t>& field) {
    if (place.has(key))
      if (auto number = read_number(place.at(key), kind))
        field = static_cast<std::uint8_t>(*number);
  };
  take("channel", number_kind::channel, trigger.channel);
  take("program", number_kind::data, trigger.program);
  take("note", number_kind::note, trigger.note);
  take("controller", number_kind::data, trigger.controller);
  if (place.has("values"))
    trigger.values = read_numbers(place.at("values"), number_kind::data);
  if (place.has("values") && !trigger.controller)
    place.at("values").refuse("values without a controller", "values beside \"controller\" only");
  place.take("pass", trigger.pass);
}

template <class Part, class Read>
std::optional<Part> load_part(const json& document, const char* part, const std::string& path,
                              mistakes& found, Read read) {
  auto known = found.size();
  validate(document, part, path, found);
  if (found.size() > known)
    return std::nullopt;
  auto result = read(json_reader(document, path, found));
  if (found.size() > known)
    return std::nullopt;
  return result;
}

} // namespace

rule default_rule() {
  constexpr const char* text = R"({"from":"*","name":"everyone to everyone else","to":"*"})";
  mistakes none;
  auto document = json::parse(text);
  return read_rule(json_reader(document, "", none));
}

std::optional<name_pattern> read_name_pattern(const json_reader& place) {
  return pattern_of(place, place.value().get_ref<const std::string&>());
}

port_pattern read_port_pattern(const json_reader& place) {
  port_pattern pattern;
  read_selectors(place, pattern.any, &pattern.except);
  return pattern;
}

rule read_rule(const json_reader& place) {
  rule result;
  place.take("name", result.name);
  place.take("enabled", result.enabled);
  place.take("priority", result.priority);
  result.from = read_port_pattern(place.at("from"));
  result.to = read_port_pattern(place.at("to"));
  place.take("echo", result.echo);
  place.take("block", result.block);
  place.take("chase", result.chase);
  if (place.has("filter"))
    result.filter = read_filter(place.at("filter"));
  if (place.has("transforms"))
    for (std::size_t i = 0; i < place.value()["transforms"].size(); ++i)
      result.transforms.push_back(read_transform(place.at("transforms").at(i)));
  for (auto key : {"filter", "transforms", "chase"})
    if (result.block && place.has(key))
      place.at(key).refuse("\"" + std::string(key) + "\" in a rule with \"block\"",
                           "nothing, for a rule that blocks passes nothing");
  result.text = place.value().dump();
  return result;
}

scene read_scene(const json_reader& place) {
  scene result;
  place.take("name", result.name);
  place.each("rules", [&](const json_reader& item) { result.rules.push_back(read_rule(item)); });
  if (place.has("rules"))
    check_names(place.at("rules"));
  place.each("triggers",
             [&](const json_reader& item) { read_trigger(item, result.triggers.emplace_back()); });
  return result;
}

void check_names(const json_reader& list) {
  std::map<std::string, std::size_t> known;
  for (std::size_t i = 0; i < list.value().size(); ++i) {
    auto item = list.at(i);
    if (!item.has("name") || !item.value()["name"].is_string())
      continue;
    auto name = item.value()["name"].get<std::string>();
    if (auto [earlier, fresh] = known.emplace(name, i); !fresh)
      item.at("name").refuse("\"" + name + "\", like number " + std::to_string(earlier->second),
                             "a name of its own");
  }
}

std::optional<rule> load_rule(const json& document, const std::string& path, mistakes& found) {
  return load_part<rule>(document, "rule", path, found, read_rule);
}

std::optional<scene> load_scene(const json& document, const std::string& path, mistakes& found) {
  return load_part<scene>(document, "scene", path, found, read_scene);
}

} // namespace tutti::config
