// The command line: reads the arguments, calls the command.
#include "cli/client.hpp"
#include "cli/commands.hpp"
#include "cli/manual.hpp"
#include "cli/serve.hpp"
#include "config/configuration.hpp"
#include "config/load.hpp"
#include "config/schema.hpp"
#include "io/log.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace {

using namespace tutti;

struct serve_arguments {
  std::string config_file;
  std::string state_file;
  std::string session;
  int port = -1;
  std::string bind;
  std::vector<std::string> connect;
  std::string discovery;
  std::string log_level;
  std::vector<std::string> control;
  bool no_control = false;
  int busy_poll = 0;
};

void report(const config::mistakes& mistakes, const std::string& where) {
  for (const auto& mistake : mistakes)
    std::fprintf(stderr, "%s: %s\n", where.c_str(), mistake.sentence().c_str());
}

int run_check(const std::string& file) {
  auto loaded = config::load_file(file);
  if (!loaded) {
    report(loaded.mistakes(), file);
    return 1;
  }
  std::printf("%s: no mistakes\n", file.c_str());
  return 0;
}

/// The list under this key, made if there is none; nothing if something else stands there, which is
/// then refused as a mistake.
nlohmann::json* list_of(nlohmann::json& document, const char* key) {
  auto& list = document[key];
  if (list.is_null())
    list = nlohmann::json::array();
  return list.is_array() ? &list : nullptr;
}

/// What it says of a session concerns the first one.
void lay_over_session(const serve_arguments& given, nlohmann::json& document) {
  bool of_session = !given.session.empty() || given.port >= 0 || !given.bind.empty();
  auto sessions = of_session ? list_of(document, "sessions") : nullptr;
  if (!sessions)
    return;
  if (sessions->empty())
    sessions->push_back(nlohmann::json::object());
  auto& first = sessions->front();
  if (!first.is_object())
    return;
  if (!given.session.empty())
    first["name"] = given.session;
  if (given.port >= 0)
    first["port"] = given.port;
  if (!given.bind.empty())
    first["bind"] = {given.bind};
}

void lay_over_control(const serve_arguments& given, nlohmann::json& document) {
  if (!given.no_control && given.control.empty())
    return;
  auto& control = document["control"];
  if (!control.is_null() && !control.is_object())
    return;
  if (!given.control.empty())
    control["listen"] = given.control;
  if (given.no_control)
    control["enabled"] = false;
}

/// Sets a member of this section, if one is given and the section can have any.
void lay_over_member(const std::string& value, const char* section, const char* member,
                     nlohmann::json& document) {
  if (value.empty() || (document.contains(section) && !document[section].is_object()))
    return;
  document[section][member] = value;
}

/// Lays the command line over a document.
void lay_over(const serve_arguments& given, nlohmann::json& document) {
  lay_over_session(given, document);
  if (auto connect = given.connect.empty() ? nullptr : list_of(document, "connect"))
    for (const auto& peer : given.connect)
      if (std::find(connect->begin(), connect->end(), peer) == connect->end())
        connect->push_back(peer);
  lay_over_control(given, document);
  lay_over_member(given.discovery, "discovery", "mode", document);
  lay_over_member(given.log_level, "log", "level", document);
}

/// Where changes at run time are kept: as told, where systemd says, or beside the configuration.
std::filesystem::path state_file(const serve_arguments& given) {
  if (!given.state_file.empty())
    return given.state_file;
  if (auto folder = std::getenv("STATE_DIRECTORY"); folder && *folder)
    return std::filesystem::path(folder) / "tutti.state.json";
  if (given.config_file.empty())
    return {};
  return std::filesystem::path(given.config_file).replace_extension(".state.json");
}

int run_serve(const serve_arguments& given) {
  for (const auto& peer : given.connect)
    if (!config::parse_host_port(peer, config::default_session_port)) {
      std::fprintf(stderr, "--connect \"%s\": expected HOST, HOST:PORT or [IPv6]:PORT\n",
                   peer.c_str());
      return 2;
    }
  config::configuration_sources sources;
  sources.file = given.config_file;
  sources.state = state_file(given);
  sources.command_line = [given](nlohmann::json& document) { lay_over(given, document); };
  cli::serve_options options;
  options.configuration = std::make_shared<config::configuration>(std::move(sources));
  auto started = options.configuration->start();
  if (!started) {
    report(started.mistakes, given.config_file.empty() ? "command line" : given.config_file);
    return 2;
  }
  io::set_log_level(static_cast<io::log_level>(started.in_force->settings.log.level));
  for (const auto& remark : started.remarks)
    io::log_warning("{}", remark);
  options.busy_poll = std::chrono::microseconds(given.busy_poll);
  return cli::serve(options);
}

void describe_serve(CLI::App& command, serve_arguments& given) {
  command.add_option("-c,--config", given.config_file, "JSON configuration file")
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  command
      .add_option("--state", given.state_file,
                  "File that keeps what is changed while the hub runs (default: beside the "
                  "configuration, or in $STATE_DIRECTORY)")
      ->type_name("FILE");
  command
      .add_option("-s,--session", given.session,
                  "Name of the first session, as peers see it (default: the host's name)")
      ->type_name("NAME");
  command
      .add_option("-p,--port", given.port,
                  "Control port of the first session; MIDI takes the next one; 0 picks a free "
                  "pair (default: 5004)")
      ->type_name("N")
      ->check(CLI::Range(0, 65534));
  command
      .add_option("-b,--bind", given.bind,
                  "Address or interface to listen on (default: all, IPv6 and IPv4)")
      ->type_name("ADDR");
  command
      .add_option("--connect", given.connect,
                  "Invite this peer, and keep at it; may be given more than once (port "
                  "default: 5004)")
      ->type_name("HOST[:PORT]")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      .add_option("--control", given.control,
                  "Serve the control API here; port 0 picks a free one; may be given more than "
                  "once (default: 127.0.0.1:8504 and [::1]:8504)")
      ->type_name("ADDR:PORT")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command.add_flag("--no-control", given.no_control, "Serve no control API");
  command
      .add_option("--discovery", given.discovery,
                  "Who announces the hub and looks for others: the avahi-daemon, the embedded "
                  "responder, the one of them that can (auto), or nobody (default: auto)")
      ->type_name("MODE")
      ->check(CLI::IsMember({"auto", "daemon", "embedded", "off"}));
  command.add_option("--log-level", given.log_level, "How much to log (default: info)")
      ->type_name("LEVEL")
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error", "off"}));
  command
      .add_flag("--busy-poll{1000}", given.busy_poll,
                "Spin for up to N microseconds (1000 if not told) for the next datagram before "
                "sleeping: lower latency for a busy core")
      ->type_name("N");
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app("Tutti joins everything that speaks MIDI: RTP-MIDI (AppleMIDI) peers hear each "
               "other through it.",
               "tutti");
  app.set_version_flag("--version", "tutti " TUTTI_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Examples:\n"
      "  tutti serve                                 one session named after this host\n"
      "  tutti serve --session Stage --port 5010     another name and port pair\n"
      "  tutti serve --connect 192.168.1.20          invite a Mac as well\n"
      "  tutti serve --config /etc/tutti/tutti.json  everything from a file\n"
      "  tutti ports                                 what the running hub has\n"
      "  tutti monitor                               MIDI as it passes\n"
      "`tutti COMMAND --help` tells the options of each.\n"
      "Exit codes: 0 done, 1 the hub refused, 2 wrong use or configuration, 3 no hub answers,\n"
      "4 not allowed, 5 no such thing.");
  serve_arguments serving;
  auto serve = app.add_subcommand("serve", "Run the hub in the foreground");
  describe_serve(*serve, serving);
  auto result = 0;
  serve->callback([&] { result = run_serve(serving); });
  std::string checked;
  auto check = app.add_subcommand("check", "Tell every mistake of a configuration file");
  check->add_option("FILE", checked, "JSON configuration file")->required();
  auto schema = app.add_subcommand("schema", "Print the JSON Schema of the configuration");
  check->callback([&] { result = run_check(checked); });
  schema->callback(
      [&] { result = std::fputs(std::string(config::schema_text()).c_str(), stdout) < 0 ? 1 : 0; });
  cli::add_client_commands(app, result);
  cli::add_manual_command(app, result);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& mistake) {
    return app.exit(mistake) == 0 ? 0 : cli::wrong_use;
  }
  return result;
}
