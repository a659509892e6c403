#include "cli/rule_commands.hpp"

#include "cli/command.hpp"

#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>

namespace tutti::cli {

namespace {

/// The JSON in a file, or on standard input for "-".
json read_file(const std::string& name) {
  std::string content;
  if (name == "-") {
    content.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else {
    std::ifstream file(name, std::ios::binary);
    if (!file)
      throw failure{wrong_use, "cannot read " + name};
    content.assign(std::istreambuf_iterator<char>(file), {});
  }
  auto parsed = json::parse(content, nullptr, false);
  if (parsed.is_discarded())
    throw failure{wrong_use, name + " is no JSON"};
  return parsed;
}

std::string rule_path(const std::string& id) {
  return "/api/v1/rules/" + segment(id);
}

/// True if there was such a rule; it is gone now.
bool remove_rule(client& hub, const std::string& id) {
  try {
    hub.ask("DELETE", rule_path(id));
    return true;
  } catch (const failure& no) {
    if (no.code != not_found)
      throw;
    return false;
  }
}

// -- routes -----------------------------------------------------------------------------------

void show_routes(client& hub, const client_options& options) {
  auto routes = hub.list("/api/v1/routes");
  table rows({"FROM", "TO", "RULE", ">EVENTS"});
  for (const auto& one : routes)
    rows.add({text(one["from"]), text(one["to"]), text(one["rule"]), text(one["events_out"])});
  print_list(options, routes, rows, "no routes");
}

/// A pattern that fits this id only.
std::string literal(const std::string& id) {
  std::string out;
  for (char c : id) {
    if (c == '*' || c == '?' || c == '\\' || (c == '/' && out.empty()))
      out += '\\';
    out += c;
  }
  return out;
}

struct pair_of_ports {
  std::string from;
  std::string to;

  std::string connecting() const { return from + " > " + to; }
  std::string blocking() const { return from + " | " + to; }
  bool is_routed(client& hub) const {
    auto found = hub.get("/api/v1/routes?limit=1&from=" + segment(from) + "&to=" + segment(to));
    return !found["items"].empty();
  }
  json rule(const std::string& name) const {
    return {{"name", name}, {"from", literal(from)}, {"to", literal(to)}};
  }
};

// What disconnect() blocked is let through again; a rule is made only if none connects them.
void connect(client& hub, const pair_of_ports& ports) {
  auto unblocked = remove_rule(hub, ports.blocking());
  if (ports.is_routed(hub)) {
    std::printf("%s\n", unblocked ? "connected again" : "connected already");
    return;
  }
  remove_rule(hub, ports.connecting());
  hub.ask("POST", "/api/v1/rules", ports.rule(ports.connecting()));
  std::puts("connected");
}

// If another rule connects them as well, a rule that blocks the pair stands above it.
void disconnect(client& hub, const pair_of_ports& ports) {
  auto removed = remove_rule(hub, ports.connecting());
  if (ports.is_routed(hub)) {
    auto rule = ports.rule(ports.blocking());
    rule["block"] = true;
    rule["priority"] = 1000;
    hub.ask("POST", "/api/v1/rules", rule);
  } else if (!removed) {
    throw failure{not_found, "nothing goes from " + ports.from + " to " + ports.to};
  }
  std::puts("disconnected");
}

void add_connecting(CLI::App& app, int& result, const char* name, const char* description,
                    void (*act)(client&, const pair_of_ports&)) {
  command made(app, result, name, description);
  auto ports = std::make_shared<pair_of_ports>();
  made->add_option("from", ports->from, "Port that plays, by id")->type_name("PORT")->required();
  made->add_option("to", ports->to, "Port that is played to, by id")->type_name("PORT")->required();
  made.asks([ports, act](client& hub, const client_options&) { act(hub, *ports); });
}

// -- rules and scenes ---------------------------------------------------------------------------

/// A pattern of a rule in few words.
std::string in_short(const json& rule, const char* key) {
  return rule.contains(key) ? text(rule[key]) : "*";
}

void show_rules(client& hub, const client_options& options) {
  auto rules = hub.list("/api/v1/rules");
  table rows({"RULE", "ENABLED", ">PRIORITY", "FROM", "TO", "DOES"});
  for (const auto& one : rules) {
    const auto& rule = one["value"];
    auto block = rule.value("block", false);
    rows.add({text(one["id"]), rule.value("enabled", true) ? "yes" : "no",
              std::to_string(rule.value("priority", 0)), in_short(rule, "from"),
              in_short(rule, "to"),
              block                         ? "blocks"
              : rule.contains("transforms") ? "changes"
              : rule.contains("filter")     ? "filters"
                                            : "passes"});
  }
  print_list(options, rules, rows, "no rules");
}

struct rule_arguments {
  std::string action = "list";
  std::vector<std::string> rest;
};

void run_rules(client& hub, const client_options& options, const rule_arguments& given) {
  auto argument = [&](std::size_t index, const char* what) {
    if (given.rest.size() <= index)
      throw failure{wrong_use, "rules " + given.action + ": " + what + " is missing"};
    return given.rest[index];
  };
  const auto& action = given.action;
  if (action == "list")
    return show_rules(hub, options);
  if (action == "add")
    return print_json(hub.ask("POST", "/api/v1/rules", read_file(argument(0, "a file"))));
  auto id = argument(0, "a rule");
  if (action == "show")
    return print_json(hub.get(rule_path(id)));
  if (action == "remove")
    hub.ask("DELETE", rule_path(id));
  else if (action == "replace")
    hub.ask("PUT", rule_path(id), read_file(argument(1, "a file")));
  else if (action == "enable" || action == "disable")
    hub.ask("PATCH", rule_path(id), {{"enabled", action == "enable"}});
  else if (action == "move") {
    auto place = json::parse(argument(1, "a position"), nullptr, false);
    if (!place.is_number_unsigned())
      throw failure{wrong_use, "rules move: the position must be a whole number"};
    hub.ask("POST", rule_path(id) + "/move", {{"position", place}});
  }
}

void add_rules(CLI::App& app, int& result) {
  command rules(app, result, "rules", "Show or change rules");
  auto given = std::make_shared<rule_arguments>();
  rules
      ->add_option("action", given->action,
                   "list, show RULE, add FILE, replace RULE FILE, remove RULE, enable RULE, "
                   "disable RULE, or move RULE POSITION")
      ->type_name("ACTION")
      ->check(
          CLI::IsMember({"list", "show", "add", "replace", "remove", "enable", "disable", "move"}));
  rules->add_option("arguments", given->rest, "What the action takes; FILE may be - for stdin")
      ->type_name("ARGUMENT");
  rules.asks(
      [given](client& hub, const client_options& options) { run_rules(hub, options, *given); });
}

void show_scenes(client& hub, const client_options& options) {
  auto active = text(hub.get("/api/v1/scene")["name"]);
  auto scenes = hub.list("/api/v1/scenes");
  table rows({"SCENE", "ACTIVE", ">RULES"});
  for (const auto& one : scenes)
    rows.add({text(one["id"]), one["id"] == active ? "yes" : "",
              std::to_string(one["value"].value("rules", json::array()).size())});
  print_list(options, scenes, rows, "no scenes");
}

void add_scenes(CLI::App& app, int& result) {
  command scenes(app, result, "scenes", "Show scenes, or switch to one");
  struct arguments {
    std::string scene;
    bool none = false;
  };
  auto given = std::make_shared<arguments>();
  scenes->add_option("scene", given->scene, "Switch to this one")->type_name("SCENE");
  scenes->add_flag("--none", given->none, "Switch to no scene");
  scenes.asks([given](client& hub, const client_options& options) {
    if (given->none || !given->scene.empty())
      hub.ask("PUT", "/api/v1/scene", {{"name", given->none ? "" : given->scene}});
    else
      show_scenes(hub, options);
  });
}

void add_config(CLI::App& app, int& result) {
  command config(app, result, "config", "Show, check, replace or reload the configuration");
  struct arguments {
    std::string action = "show";
    std::string file;
  };
  auto given = std::make_shared<arguments>();
  config->add_option("action", given->action, "show, validate FILE, replace FILE or reload")
      ->type_name("ACTION")
      ->check(CLI::IsMember({"show", "validate", "replace", "reload"}));
  config->add_option("file", given->file, "JSON file, or - for stdin")->type_name("FILE");
  config.asks([given](client& hub, const client_options& options) {
    const auto& action = given->action;
    if (action == "show")
      return print_json(hub.get("/api/v1/config"));
    if (action != "reload" && given->file.empty())
      throw failure{wrong_use, "config " + action + ": a file is missing"};
    auto answer = action == "reload" ? hub.ask("POST", "/api/v1/config/reload")
                  : action == "validate"
                      ? hub.ask("POST", "/api/v1/config/validate", read_file(given->file))
                      : hub.ask("PUT", "/api/v1/config", read_file(given->file));
    if (options.as_json)
      print_json(answer);
  });
}

} // namespace

void add_rule_commands(CLI::App& app, int& result) {
  command(app, result, "routes", "Live routes from port to port").asks(show_routes);
  add_connecting(app, result, "connect", "Let one port be heard by another", connect);
  add_connecting(app, result, "disconnect", "Let one port not be heard by another any more",
                 disconnect);
  add_rules(app, result);
  add_scenes(app, result);
  add_config(app, result);
}

} // namespace tutti::cli
