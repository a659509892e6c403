#include "cli/commands.hpp"

#include "cli/command.hpp"
#include "cli/completion.hpp"
#include "cli/monitor.hpp"
#include "cli/rule_commands.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <memory>

namespace tutti::cli {

namespace {

// -- looking ----------------------------------------------------------------------

void show_status(client& hub, const client_options& options) {
  auto status = hub.get("/api/v1/status");
  if (options.as_json)
    return print_json(status);
  std::printf("tutti %s, up %.0f s\n%d sessions, %d of %d peers connected, %d of %d ports up\n",
              text(status["version"]).c_str(), status["uptime_s"].get<double>(),
              status["sessions"].get<int>(), status["peers_connected"].get<int>(),
              status["peers"].get<int>(), status["ports_up"].get<int>(),
              status["ports"].get<int>());
  if (auto waiting = status["invitations_waiting"].get<int>(); waiting > 0)
    std::printf("%d waiting to be admitted: tutti invitations\n", waiting);
}

void show_ports(client& hub, const client_options& options) {
  auto ports = hub.list("/api/v1/ports");
  table rows({"PORT", "STATE", "DIRECTION", ">IN", ">OUT", ">DROPPED"});
  for (const auto& one : ports) {
    auto in = one["source"].get<bool>(), out = one["destination"].get<bool>();
    rows.add({text(one["id"]), one["up"].get<bool>() ? "up" : "away",
              in && out ? "both"
              : in      ? "in"
                        : "out",
              text(one["events_in"]), text(one["events_out"]), text(one["dropped"])});
  }
  print_list(options, ports, rows, "no ports yet");
}

void show_peers(client& hub, const client_options& options) {
  auto peers = hub.list("/api/v1/peers");
  table rows({"ID", "PEER", "SESSION", "ADDRESS", "STATE", ">RTT ms", ">LOST", ">REPAIRED"});
  for (const auto& one : peers) {
    std::uint64_t repaired = 0;
    for (const auto& [chapter, count] : one["received"]["repaired"].items())
      repaired += count.get<std::uint64_t>();
    rows.add({text(one["id"]), text(one["name"]), text(one["session"]), text(one["address"]),
              text(one["state"]),
              fmt::format("{:.2f}", one["clock"]["round_trip_ms"].get<double>()),
              text(one["received"]["lost"]), std::to_string(repaired)});
  }
  print_list(options, peers, rows, "no peers");
}

void show_sessions(client& hub, const client_options& options) {
  auto sessions = hub.list("/api/v1/sessions");
  table rows({"SESSION", "CONTROL", "DATA", "POLICY", ">PEERS", ">WAITING", ">REFUSED"});
  for (const auto& one : sessions)
    rows.add({text(one["name"]), text(one["control"]), text(one["data"]), text(one["policy"]),
              text(one["peers"]), text(one["waiting"]), text(one["refused"])});
  print_list(options, sessions, rows, "no sessions");
}

void show_discovered(client& hub, const client_options& options) {
  auto services = hub.get("/api/v1/discovery")["items"];
  table rows({"SERVICE", "HOST", "ADDRESSES", "CONNECT", "CONNECTED"});
  for (const auto& one : services) {
    std::string addresses;
    for (const auto& address : one["addresses"])
      addresses += (addresses.empty() ? "" : " ") + text(address);
    rows.add({text(one["name"]), text(one["host"]), addresses, text(one["connect"]),
              one["connected"].get<bool>() ? "yes" : "no"});
  }
  print_list(options, services, rows, "nothing is announced");
}

void show_invitations(client& hub, const client_options& options) {
  auto waiting = hub.list("/api/v1/invitations");
  table rows({"ID", "PEER", "ADDRESS", "SESSION", ">WAITING s"});
  for (const auto& one : waiting)
    rows.add({text(one["id"]), text(one["name"]), text(one["address"]), text(one["session"]),
              fmt::format("{:.0f}", one["waiting_ms"].get<double>() / 1000)});
  print_list(options, waiting, rows, "nobody is waiting");
}

void add_looking(CLI::App& app, int& result) {
  command(app, result, "status", "The hub in a few numbers").asks(show_status);
  command(app, result, "ports", "Every port, up or away").asks(show_ports);
  command(app, result, "peers", "Every RTP-MIDI peer and how it is doing").asks(show_peers);
  command(app, result, "sessions", "The sessions that the hub offers").asks(show_sessions);
  command(app, result, "discover", "Sessions that the network announces").asks(show_discovered);
  command(app, result, "invitations", "Who waits to be admitted").asks(show_invitations);
}

void add_live(CLI::App& app, int& result) {
  command monitor(app, result, "monitor", "Show MIDI as it passes, until interrupted");
  auto wanted = std::make_shared<monitor_options>();
  monitor->add_option("ports", wanted->ports, "Ports by id (default: all that comes in)")
      ->type_name("PORT");
  monitor->add_option("--from", wanted->from, "Only what this port plays")->type_name("PORT");
  monitor->add_option("--to", wanted->to, "Only what is played to this port")->type_name("PORT");
  monitor->add_flag("--events", wanted->events,
                    "Also what happens to ports, peers, invitations and services");
  monitor->add_flag("--log", wanted->log, "Also the hub's log");
  monitor->add_flag("--octets", wanted->octets, "With the octets of each message");
  monitor->add_option("-n,--count", wanted->count, "End after N lines")->type_name("N");
  monitor.does([wanted](const client_options& options) { run_monitor(options, *wanted); });

  command top(app, result, "top", "A live table of peers and ports");
  auto often = std::make_shared<top_options>();
  top->add_option("-i,--interval", often->interval_ms, "Milliseconds between two looks")
      ->type_name("MS")
      ->check(CLI::Range(100, 60'000))
      ->capture_default_str();
  top->add_option("-n,--count", often->count, "End after N tables")->type_name("N");
  top.does([often](const client_options& options) { run_top(options, *often); });
}

// -- acting -----------------------------------------------------------------------

void add_playing(CLI::App& app, int& result) {
  command send(app, result, "send", "Play messages to a port");
  struct arguments {
    std::string port;
    std::vector<std::string> messages;
    bool as_source = false;
  };
  auto given = std::make_shared<arguments>();
  send->add_option("port", given->port, "Port by id")->type_name("PORT")->required();
  send->add_option("messages", given->messages,
                   "Octets such as \"90 3C 64\", or JSON such as "
                   R"({"type":"note_on","channel":1,"note":60,"velocity":100})")
      ->type_name("MESSAGE")
      ->required();
  send->add_flag("--as-source", given->as_source, "As if the port had played them");
  send.asks([given](client& hub, const client_options& options) {
    json body{{"messages", json::array()}};
    for (const auto& one : given->messages) {
      auto parsed = one.starts_with('{') ? json::parse(one, nullptr, false) : json(one);
      if (parsed.is_discarded())
        throw failure{wrong_use, one + " is no JSON"};
      body["messages"].push_back(parsed);
    }
    if (given->as_source)
      body["as"] = "source";
    auto answer = hub.ask("POST", "/api/v1/ports/" + segment(given->port) + "/send", body);
    if (options.as_json)
      print_json(answer);
  });

  command panic(app, result, "panic", "Silence everything, or one port");
  auto port = std::make_shared<std::string>();
  panic->add_option("port", *port, "Port by id (default: all)")->type_name("PORT");
  panic.asks([port](client& hub, const client_options& options) {
    auto answer =
        hub.ask("POST", "/api/v1/panic", port->empty() ? json::object() : json{{"port", *port}});
    if (options.as_json)
      print_json(answer);
    else
      std::printf("silenced %d ports\n", answer["ports"].get<int>());
  });
}

/// The one whose id or name this is.
std::string find_waiting(client& hub, const std::string& wanted) {
  std::string id;
  for (const auto& one : hub.list("/api/v1/invitations"))
    if (text(one["id"]) == wanted || text(one["name"]) == wanted) {
      if (!id.empty())
        throw failure{wrong_use, "more than one \"" + wanted + "\" is waiting; take the id"};
      id = text(one["id"]);
    }
  if (id.empty())
    throw failure{not_found, "nobody called \"" + wanted + "\" is waiting"};
  return id;
}

void add_decision(CLI::App& app, int& result, const char* verb, const char* description) {
  command decide(app, result, verb, description);
  struct arguments {
    std::string who;
    std::string remember = "once";
  };
  auto given = std::make_shared<arguments>();
  decide->add_option("who", given->who, "Its id or name, see: tutti invitations")
      ->type_name("WHO")
      ->required();
  decide
      ->add_option("--remember", given->remember,
                   "once: this time; restart: until the hub starts again; always: for good")
      ->type_name("TERM")
      ->check(CLI::IsMember({"once", "restart", "always"}))
      ->capture_default_str();
  decide.asks([given, verb](client& hub, const client_options&) {
    hub.ask("POST", "/api/v1/invitations/" + find_waiting(hub, given->who) + '/' + verb,
            {{"remember", given->remember}});
  });
}

/// The peer whose id or name this is.
std::string find_peer(client& hub, const std::string& wanted) {
  std::string id;
  for (const auto& one : hub.list("/api/v1/peers"))
    if (text(one["id"]) == wanted || text(one["name"]) == wanted || text(one["port"]) == wanted) {
      if (!id.empty())
        throw failure{wrong_use, "more than one peer is called \"" + wanted + "\"; take the id"};
      id = text(one["id"]);
    }
  if (id.empty())
    throw failure{not_found, "no peer is called \"" + wanted + "\""};
  return id;
}

void add_peering(CLI::App& app, int& result) {
  command invite(app, result, "invite", "Invite a remote session, and keep at it");
  struct arguments {
    std::string host;
    std::string session;
  };
  auto given = std::make_shared<arguments>();
  invite->add_option("host", given->host, "Name or address, with or without a port")
      ->type_name("HOST[:PORT]")
      ->required();
  invite->add_option("--session", given->session, "Offered session (default: the first)")
      ->type_name("NAME");
  invite.asks([given](client& hub, const client_options& options) {
    json body{{"host", given->host}};
    if (!given->session.empty())
      body["session"] = given->session;
    auto answer = hub.ask("POST", "/api/v1/peers", body);
    if (options.as_json)
      print_json(answer);
  });

  command dismiss(app, result, "dismiss", "Say goodbye to a peer, for good");
  auto who = std::make_shared<std::string>();
  dismiss->add_option("peer", *who, "Its id, name or port")->type_name("PEER")->required();
  dismiss.asks([who](client& hub, const client_options&) {
    hub.ask("DELETE", "/api/v1/peers/" + find_peer(hub, *who));
  });

  add_decision(app, result, "approve", "Admit somebody who waits");
  add_decision(app, result, "refuse", "Refuse somebody who waits");

  command level(app, result, "log-level", "Show or set how much the hub logs");
  auto wanted = std::make_shared<std::string>();
  level->add_option("level", *wanted, "trace, debug, info, warning, error or off")
      ->type_name("LEVEL");
  level.asks([wanted](client& hub, const client_options& options) {
    auto answer = wanted->empty() ? hub.get("/api/v1/log-level")
                                  : hub.ask("PUT", "/api/v1/log-level", {{"level", *wanted}});
    if (options.as_json)
      print_json(answer);
    else
      std::puts(text(answer["level"]).c_str());
  });
}

// -- without a hub ------------------------------------------------------------------

void add_local(CLI::App& app) {
  auto completion = app.add_subcommand("completion", "Print completions for a shell");
  auto shell = std::make_shared<std::string>();
  completion->add_option("shell", *shell, "bash or zsh")
      ->type_name("SHELL")
      ->check(CLI::IsMember({"bash", "zsh"}))
      ->required();
  completion->footer("bash: source <(tutti completion bash)\n"
                     "zsh:  tutti completion zsh > \"${fpath[1]}/_tutti\"");
  completion->callback([shell, &app] {
    std::fputs((*shell == "bash" ? bash_completion(app) : zsh_completion(app)).c_str(), stdout);
  });
}

} // namespace

void add_client_commands(CLI::App& app, int& result) {
  add_looking(app, result);
  add_live(app, result);
  add_playing(app, result);
  add_peering(app, result);
  add_rule_commands(app, result);
  add_local(app);
}

} // namespace tutti::cli
