#include "actors/subscription.hpp"

#include "config/parse.hpp"

#include <charconv>

namespace tutti {

namespace {

using nlohmann::json;

constexpr auto allowed_topics =
    "ports, peers, routes, rules, invitations, services, log, midi or meters";
constexpr auto allowed_interval = "a whole number of milliseconds from 50 to 60000";

void add_topic(subscription& to, std::string_view name, const std::string& place,
               config::mistakes& found) {
  for (std::size_t i = 0; i < topic_count; ++i)
    if (name == to_string(static_cast<topic>(i))) {
      to.topics.set(i);
      return;
    }
  found.push_back({place, "\"" + std::string(name) + "\"", allowed_topics});
}

void set_default_topics(subscription& to) {
  for (auto usual : {topic::ports, topic::peers, topic::rules, topic::invitations})
    to.topics.set(static_cast<std::size_t>(usual));
}

void set_interval(subscription& to, std::int64_t number, const std::string& place,
                  config::mistakes& found) {
  std::chrono::milliseconds wanted(number);
  if (wanted < subscription::fastest_meters || wanted > subscription::slowest_meters)
    found.push_back({place, std::to_string(number), allowed_interval});
  else
    to.meters = wanted;
}

void add_port_tap(subscription& to, const std::string& id) {
  to.taps.push_back({id, {}});
  if (id != "*") // everything that goes out came in somewhere
    to.taps.push_back({{}, id});
}

void finish(subscription& made, bool any_topic, bool with_meters, config::mistakes& found) {
  if (made.taps.size() > subscription::max_taps)
    found.push_back(
        {"/taps", std::to_string(made.taps.size()) + " taps", "at most 64, a port being two"});
  if (!made.taps.empty())
    made.topics.set(static_cast<std::size_t>(topic::midi));
  if (with_meters)
    made.topics.set(static_cast<std::size_t>(topic::meters));
  if (!any_topic && made.topics.none())
    set_default_topics(made);
}

void read_tap(subscription& to, const json& one, const std::string& place,
              config::mistakes& found) {
  auto text = [&](const char* key) {
    auto value = one.find(key);
    return value != one.end() && value->is_string() ? value->get<std::string>() : std::string();
  };
  if (one.is_object()) {
    auto port = text("port");
    tap_choice route{text("from"), text("to")};
    if (!port.empty() && one.size() == 1)
      return add_port_tap(to, port);
    auto ends = !route.from.empty() + !route.to.empty();
    if (ends > 0 && one.size() == static_cast<std::size_t>(ends)) {
      to.taps.push_back(std::move(route));
      return;
    }
  }
  found.push_back(
      {place, one.is_object() ? "other keys" : one.type_name(),
       "an object with \"port\", or with \"from\" and \"to\", each a port id or \"*\""});
}

} // namespace

subscription read_subscription(const io::http_target& target, config::mistakes& found) {
  subscription out;
  tap_choice route;
  auto any_topic = false, with_meters = false;
  for (const auto& [key, value] : target.query) {
    if (key == "topics") {
      any_topic = true;
      for (std::size_t begin = 0; begin <= value.size();) {
        auto end = std::min(value.find(',', begin), value.size());
        add_topic(out, std::string_view(value).substr(begin, end - begin), "topics", found);
        begin = end + 1;
      }
    } else if (key == "tap") {
      add_port_tap(out, value);
    } else if (key == "from") {
      route.from = value;
    } else if (key == "to") {
      route.to = value;
    } else if (key == "meters_ms") {
      std::int64_t number = 0;
      auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
      if (error != std::errc{} || end != value.data() + value.size())
        found.push_back({"meters_ms", "\"" + value + "\"", allowed_interval});
      else
        set_interval(out, number, "meters_ms", found);
      with_meters = true;
    } else {
      found.push_back({key, "an unknown parameter", "topics, tap, from, to and meters_ms"});
    }
  }
  if (route != tap_choice{})
    out.taps.push_back(std::move(route));
  finish(out, any_topic, with_meters, found);
  return out;
}

subscription read_subscription(std::string_view text, config::mistakes& found) {
  subscription out;
  auto document = config::parse_json(text, found);
  if (!document)
    return out;
  if (!document->is_object()) {
    found.push_back({"", document->type_name(), "an object"});
    return out;
  }
  for (const auto& [key, value] : document->items()) {
    auto place = config::pointer_to("", key);
    auto is_list = value.is_array();
    if (key == "topics" && is_list) {
      for (std::size_t i = 0; i < value.size(); ++i)
        add_topic(out, value[i].is_string() ? value[i].get<std::string>() : value[i].type_name(),
                  config::pointer_to(place, i), found);
    } else if (key == "taps" && is_list) {
      for (std::size_t i = 0; i < value.size(); ++i)
        read_tap(out, value[i], config::pointer_to(place, i), found);
    } else if (key == "meters_ms" && value.is_number_integer()) {
      set_interval(out, value.get<std::int64_t>(), place, found);
    } else {
      found.push_back({place, "an unknown key or another kind of value",
                       "lists \"topics\" and \"taps\", and a number \"meters_ms\""});
    }
  }
  finish(out, document->contains("topics"), document->contains("meters_ms"), found);
  return out;
}

nlohmann::ordered_json describe(const subscription& wanted) {
  nlohmann::ordered_json out{{"topics", json::array()}, {"taps", json::array()}};
  for (std::size_t i = 0; i < topic_count; ++i)
    if (wanted.topics[i])
      out["topics"].push_back(to_string(static_cast<topic>(i)));
  for (const auto& tap : wanted.taps) {
    auto& one = out["taps"].emplace_back(json::object());
    if (!tap.from.empty())
      one["from"] = tap.from;
    if (!tap.to.empty())
      one["to"] = tap.to;
  }
  if (wanted.wants(topic::meters))
    out["meters_ms"] = wanted.meters.count();
  return out;
}

} // namespace tutti
