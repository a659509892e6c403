#include "cli/monitor.hpp"

#include "cli/midi_words.hpp"
#include "cli/table.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <map>
#include <thread>

namespace tutti::cli {

namespace {

std::string clock_text(std::int64_t microseconds) {
  std::time_t seconds = microseconds / 1'000'000;
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  return fmt::format("{:02}:{:02}:{:02}.{:06}", parts.tm_hour, parts.tm_min, parts.tm_sec,
                     microseconds % 1'000'000);
}

std::string monitor_path(const monitor_options& wanted) {
  std::string path = "/api/v1/events?topics=midi";
  if (wanted.events)
    path += ",ports,peers,invitations,services";
  if (wanted.log)
    path += ",log";
  for (const auto& port : wanted.ports)
    path += "&tap=" + segment(port);
  if (!wanted.from.empty())
    path += "&from=" + segment(wanted.from);
  if (!wanted.to.empty())
    path += "&to=" + segment(wanted.to);
  if (wanted.ports.empty() && wanted.from.empty() && wanted.to.empty())
    path += "&tap=*";
  return path;
}

std::string midi_line(const json& event, bool with_octets, bool color) {
  const auto& message = event["message"];
  auto octets = event.value("octets", "");
  auto from = event["from"].is_string() ? event["from"].get<std::string>() : std::string("hub");
  auto way = event["to"].is_string() ? from + " > " + event["to"].get<std::string>() : from;
  auto words = midi_words(message, octets);
  if (color)
    words = midi_color(message) + words + "\x1b[0m";
  return fmt::format("{}  {:>7.3f} ms  {:<28}  {}{}",
                     clock_text(event["time_us"].get<std::int64_t>()),
                     event["latency_us"].get<double>() / 1000, way, words,
                     with_octets ? "   [" + octets + "]" : "");
}

std::string other_line(const json& event) {
  auto kind = event.value("topic", "");
  auto what = event.value("event", "");
  if (kind == "ports")
    return "port " + event["port"]["id"].get<std::string>() + " is " + what;
  if (kind == "peers")
    return "peer " + event["peer"]["name"].get<std::string>() + " (" +
           event["peer"]["address"].get<std::string>() + ") " + what;
  if (kind == "invitations")
    return "invitation " + event["invitation"]["id"].get<std::string>() + " of " +
           event["invitation"]["name"].get<std::string>() + " (" +
           event["invitation"]["address"].get<std::string>() + ") " + what;
  if (kind == "services") {
    std::string where;
    for (const auto& address : event["service"]["addresses"])
      where += " " + address.get<std::string>();
    return "service " + event["service"]["name"].get<std::string>() + " on " +
           event["service"]["host"].get<std::string>() + " " + what + (where.empty() ? "" : ":") +
           where;
  }
  if (kind == "log")
    return event["line"]["level"].get<std::string>() + ": " +
           event["line"]["text"].get<std::string>();
  if (kind == "missed") {
    std::string out = "missed";
    for (const auto& [topic, count] : event["events"].items())
      out += fmt::format(" {} of {}", count.get<std::uint64_t>(), topic);
    return out;
  }
  return {};
}

} // namespace

void run_monitor(const client_options& options, const monitor_options& wanted) {
  client hub(options);
  auto color = use_color(options);
  std::size_t lines = 0;
  auto print = [&](const std::string& line) {
    std::puts(line.c_str());
    return wanted.count == 0 || ++lines < wanted.count;
  };
  hub.listen(monitor_path(wanted), [&](const json& event) {
    auto more = true;
    if (event.value("topic", "") == "midi") {
      for (const auto& one : event["events"])
        if (more)
          more = print(options.as_json ? one.dump() : midi_line(one, wanted.octets, color));
    } else if (options.as_json) {
      if (event.value("topic", "") != "hello")
        more = print(event.dump());
    } else if (auto line = other_line(event); !line.empty()) {
      more = print("-- " + line);
    }
    std::fflush(stdout);
    return more;
  });
}

namespace {

/// Totals of the look before, for rates.
struct former {
  std::map<std::string, std::pair<double, double>> ports;
  std::chrono::steady_clock::time_point at{};
};

std::string top_text(const json& status, const json& peers, const json& ports, former& before,
                     bool color) {
  auto now = std::chrono::steady_clock::now();
  auto seconds = std::chrono::duration<double>(now - before.at).count();
  auto first = before.at == std::chrono::steady_clock::time_point();
  std::map<std::string, std::pair<double, double>> rates;
  for (const auto& port : ports) {
    auto id = port["id"].get<std::string>();
    auto in = port["events_in"].get<double>(), out = port["events_out"].get<double>();
    auto& last = before.ports[id];
    rates[id] = first ? std::pair(0.0, 0.0)
                      : std::pair((in - last.first) / seconds, (out - last.second) / seconds);
    last = {in, out};
  }
  before.at = now;
  auto text = fmt::format("tutti {}   up {:.0f} s   {} of {} peers connected   {} of {} ports up   "
                          "{:.1f} MB\n\n",
                          status["version"].get<std::string>(), status["uptime_s"].get<double>(),
                          status["peers_connected"].get<int>(), status["peers"].get<int>(),
                          status["ports_up"].get<int>(), status["ports"].get<int>(),
                          status["memory_octets"].get<double>() / 1e6);
  table of_peers(
      {"PEER", "STATE", ">IN/s", ">OUT/s", ">RTT ms", ">JITTER ms", ">LOST", ">REPAIRED"});
  for (const auto& peer : peers) {
    auto port = peer["port"].is_string() ? peer["port"].get<std::string>() : std::string();
    std::uint64_t repaired = 0;
    for (const auto& [chapter, count] : peer["received"]["repaired"].items())
      repaired += count.get<std::uint64_t>();
    of_peers.add({peer["name"].get<std::string>(), peer["state"].get<std::string>(),
                  short_number(rates[port].first), short_number(rates[port].second),
                  fmt::format("{:.2f}", peer["clock"]["round_trip_ms"].get<double>()),
                  fmt::format("{:.2f}", peer["clock"]["jitter_ms"].get<double>()),
                  std::to_string(peer["received"]["lost"].get<std::uint64_t>()),
                  std::to_string(repaired)});
  }
  text += of_peers.text(color) + "\n";
  table of_ports({"PORT", "UP", ">IN/s", ">OUT/s", ">IN", ">OUT", ">DROPPED"});
  for (const auto& port : ports) {
    auto id = port["id"].get<std::string>();
    of_ports.add({id, port["up"].get<bool>() ? "up" : "away", short_number(rates[id].first),
                  short_number(rates[id].second), short_number(port["events_in"].get<double>()),
                  short_number(port["events_out"].get<double>()),
                  short_number(port["dropped"].get<double>())});
  }
  return text + of_ports.text(color);
}

} // namespace

void run_top(const client_options& options, const top_options& wanted) {
  client hub(options);
  auto color = use_color(options);
  former before;
  for (std::size_t round = 1;; ++round) {
    auto status = hub.get("/api/v1/status");
    auto peers = hub.list("/api/v1/peers");
    auto ports = hub.list("/api/v1/ports");
    if (options.as_json)
      std::puts(json({{"status", status}, {"peers", peers}, {"ports", ports}}).dump().c_str());
    else
      std::printf("%s%s", color ? "\x1b[H\x1b[2J" : "",
                  top_text(status, peers, ports, before, color).c_str());
    std::fflush(stdout);
    if (round == wanted.count)
      return;
    std::this_thread::sleep_for(std::chrono::milliseconds(wanted.interval_ms));
  }
}

} // namespace tutti::cli
