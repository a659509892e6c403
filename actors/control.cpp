// Control: the HTTP API.
// Decides: which question each request becomes, and what its answer looks like; answers of the same
// moment are shared.
// Leaves: who may ask (io/http_access), the facts (all other actors), live events (monitor).
// config/openapi.json describes every path; a test holds the two against each other.
#include "actors/api_json.hpp"
#include "actors/api_routes.hpp"
#include "actors/failure.hpp"
#include "actors/metrics.hpp"
#include "actors/midi_json.hpp"
#include "actors/spawn.hpp"
#include "config/load.hpp"
#include "config/openapi.hpp"
#include "config/parse.hpp"
#include "config/schema.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <charconv>
#include <unordered_map>

namespace tutti {

namespace {

using namespace std::chrono_literals;
using io::http_exchange_ptr;
using io::http_response;
using io::problem;

/// Answers this young are given again, unless something happened in between: many pages that ask for
/// the same cost as much as one.
constexpr auto freshness = 100ms;
/// Other actors answer in microseconds; this is for a hub in trouble.
constexpr auto patience = 2s;
constexpr std::size_t max_page = 1000;

using facts = std::pair<std::vector<session_info>, std::vector<port_info>>;

struct control_state {
  explicit control_state(control_actor::pointer pointer)
      : self(pointer) {}

  void start(control_parts parts);
  void serve(const http_exchange_ptr& exchange);
  void leave();

  static inline const char* name = "control";

  /// What was answered lately, by route and query.
  struct answer {
    std::chrono::steady_clock::time_point made_at{};
    http_response response;
    std::vector<http_exchange_ptr> waiting; ///< while it is being made
  };
  std::unordered_map<std::string, answer> answers_;

private:
  // One for each entry of api_routes, by its name.
  void index(const http_exchange_ptr& exchange);
  void health(const http_exchange_ptr& exchange);
  void readiness(const http_exchange_ptr& exchange);
  void metrics(const http_exchange_ptr& exchange);
  void openapi(const http_exchange_ptr& exchange);
  void schema(const http_exchange_ptr& exchange);
  void status(const http_exchange_ptr& exchange);
  void ports(const http_exchange_ptr& exchange);
  void port(const http_exchange_ptr& exchange);
  void send(const http_exchange_ptr& exchange);
  void sessions(const http_exchange_ptr& exchange);
  void session(const http_exchange_ptr& exchange);
  void peers(const http_exchange_ptr& exchange);
  void peer(const http_exchange_ptr& exchange);
  void invite(const http_exchange_ptr& exchange);
  void disconnect(const http_exchange_ptr& exchange);
  void invitations(const http_exchange_ptr& exchange);
  void approve(const http_exchange_ptr& exchange) { decide(exchange, true); }
  void refuse(const http_exchange_ptr& exchange) { decide(exchange, false); }
  void decisions(const http_exchange_ptr& exchange);
  void forget(const http_exchange_ptr& exchange);
  void panic(const http_exchange_ptr& exchange);
  void log_level(const http_exchange_ptr& exchange);
  void set_log_level(const http_exchange_ptr& exchange);
  void validate(const http_exchange_ptr& exchange);
  void events(const http_exchange_ptr& exchange);

  void decide(const http_exchange_ptr& exchange, bool admitted);
  /// Gives the answer of a moment ago, or has one made.
  template <class Make>
  void answer_lately(const http_exchange_ptr& exchange, Make make);
  /// Asks everybody and calls `use(facts)`, or answers that they do not answer.
  template <class Use, class Fail>
  void ask_hub(Use use, Fail fail);
  template <class Use>
  void find_session_of_peer(const http_exchange_ptr& exchange, Use use);
  auto fail_with_busy(const http_exchange_ptr& exchange);
  hub_snapshot snapshot(const facts& known) const;

  using handler = void (control_state::*)(const http_exchange_ptr&);
  static const std::unordered_map<std::string_view, handler> handlers;

  control_actor::pointer self;
  control_parts parts_;
  std::vector<handler> handlers_; ///< by route
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  double started_s_ = std::chrono::duration<double>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
};

const std::unordered_map<std::string_view, control_state::handler> control_state::handlers{
    {"index", &control_state::index},
    {"health", &control_state::health},
    {"readiness", &control_state::readiness},
    {"metrics", &control_state::metrics},
    {"openapi", &control_state::openapi},
    {"schema", &control_state::schema},
    {"status", &control_state::status},
    {"ports", &control_state::ports},
    {"port", &control_state::port},
    {"send", &control_state::send},
    {"sessions", &control_state::sessions},
    {"session", &control_state::session},
    {"peers", &control_state::peers},
    {"peer", &control_state::peer},
    {"invite", &control_state::invite},
    {"disconnect", &control_state::disconnect},
    {"invitations", &control_state::invitations},
    {"approve", &control_state::approve},
    {"refuse", &control_state::refuse},
    {"decisions", &control_state::decisions},
    {"forget", &control_state::forget},
    {"panic", &control_state::panic},
    {"log_level", &control_state::log_level},
    {"set_log_level", &control_state::set_log_level},
    {"validate", &control_state::validate},
    {"events", &control_state::events},
};

// -- answers ----------------------------------------------------------------------

http_response json_response(const api_json& content, unsigned status = 200) {
  return {status, to_text(content) + '\n'};
}

http_response no_content() {
  http_response out;
  out.status = 204;
  return out;
}

http_response busy() {
  return problem(503, "The hub does not answer in time.").with("Retry-After", "1");
}

http_response refuse_body(const config::mistakes& found, unsigned status = 422) {
  std::vector<io::http_mistake> mistakes;
  for (const auto& one : found)
    mistakes.push_back({one.path, one.sentence()});
  return problem(status, found.size() == 1 ? found.front().sentence()
                                           : std::to_string(found.size()) + " mistakes.",
                 mistakes);
}

bool is_json(std::string_view type) {
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' '))
    type.remove_suffix(1);
  return type == "application/json" || (type.starts_with("application/") && type.ends_with("+json"));
}

/// The body, an object with no other keys than these; or the client has been told. An empty body is
/// an empty object.
std::optional<nlohmann::json> read_object(const http_exchange_ptr& exchange,
                                          std::initializer_list<std::string_view> keys) {
  const auto& request = exchange->request();
  if (request.body.empty())
    return nlohmann::json::object();
  if (!is_json(request.content_type)) {
    exchange->respond(problem(415, "The body must be application/json."));
    return std::nullopt;
  }
  config::mistakes found;
  auto document = config::parse_json(request.body, found);
  if (!document) {
    exchange->respond(refuse_body(found, 400));
    return std::nullopt;
  }
  if (!document->is_object()) {
    exchange->respond(refuse_body({{"", document->type_name(), "an object"}}));
    return std::nullopt;
  }
  for (const auto& [key, value] : document->items())
    if (std::find(keys.begin(), keys.end(), key) == keys.end())
      found.push_back({config::pointer_to("", key), "an unknown key",
                       keys.size() == 0 ? "no key" : fmt::format("{}", fmt::join(keys, ", "))});
  if (!found.empty()) {
    exchange->respond(refuse_body(found));
    return std::nullopt;
  }
  return document;
}

/// The text under the key, or `otherwise`; anything but text is a mistake.
std::string read_text(const nlohmann::json& body, const char* key, const std::string& otherwise,
                      config::mistakes& found) {
  auto value = body.find(key);
  if (value == body.end())
    return otherwise;
  if (value->is_string())
    return value->get<std::string>();
  found.push_back({config::pointer_to("", key), value->type_name(), "a string"});
  return otherwise;
}

/// A page of a list by `?limit=` and `?after=` (the id of the last item of the page before).
/// `id_of(item)` names an item, `show(item)` describes it.
template <class Items, class Id, class Show>
http_response page(const http_exchange_ptr& exchange, const Items& items, Id id_of, Show show) {
  const auto& target = exchange->request().target;
  std::size_t limit = max_page;
  if (auto given = target.parameter("limit")) {
    auto [end, error] = std::from_chars(given->data(), given->data() + given->size(), limit);
    if (error != std::errc{} || end != given->data() + given->size() || limit < 1 ||
        limit > max_page)
      return problem(400, "\"limit\" must be a whole number from 1 to 1000.");
  }
  auto first = items.begin();
  if (auto after = target.parameter("after")) {
    first = std::find_if(first, items.end(), [&](const auto& one) { return id_of(one) == *after; });
    if (first == items.end())
      return problem(400, "\"after\" names nothing that is in the list now.");
    ++first;
  }
  api_json out{{"items", api_json::array()}, {"total", items.size()}};
  auto last = first;
  for (; last != items.end() && out["items"].size() < limit; ++last)
    out["items"].push_back(show(*last));
  if (last != items.end())
    out["next"] = "?limit=" + std::to_string(limit) +
                  "&after=" + io::percent_encode(id_of(*std::prev(last)));
  return json_response(out);
}

// -- asking -----------------------------------------------------------------------

auto control_state::fail_with_busy(const http_exchange_ptr& exchange) {
  return [exchange](caf::error&) { exchange->respond(busy()); };
}

template <class Use, class Fail>
void control_state::ask_hub(Use use, Fail fail) {
  self->request(parts_.router, patience, atom::status_v)
      .then(
          [this, use, fail](const std::vector<port_info>& ports) {
            self->request(parts_.supervisor, patience, atom::status_v)
                .then(
                    [use, ports](const std::vector<session_info>& sessions) {
                      use(facts{sessions, ports});
                    },
                    [fail](caf::error&) { fail(busy()); });
          },
          [fail](caf::error&) { fail(busy()); });
}

template <class Make>
void control_state::answer_lately(const http_exchange_ptr& exchange, Make make) {
  const auto& request = exchange->request();
  auto key = std::to_string(request.route) + '?';
  for (const auto& argument : request.arguments)
    key += argument + '\n';
  for (const auto& [name_of, value] : request.target.query)
    key += name_of + '=' + value + '\n';
  if (request.route == metrics_route())
    key += request.accept;
  auto& known = answers_[key];
  if (known.response.body && std::chrono::steady_clock::now() - known.made_at < freshness)
    return exchange->respond(known.response);
  known.waiting.push_back(exchange);
  if (known.waiting.size() > 1)
    return;
  auto finish = [this, key](http_response response) {
    auto found = answers_.find(key);
    if (found == answers_.end())
      return;
    auto waiting = std::exchange(found->second.waiting, {});
    found->second.made_at = std::chrono::steady_clock::now();
    found->second.response = response;
    for (const auto& one : waiting)
      one->respond(response);
  };
  ask_hub([exchange, make, finish](const facts& known_now) { finish(make(exchange, known_now)); },
          finish);
}

void control_state::start(control_parts parts) {
  parts_ = std::move(parts);
  for (const auto& route : api_routes())
    handlers_.push_back(handlers.at(route.name));
  auto me = caf::actor_cast<caf::actor_addr>(control_actor(self));
  parts_.server->start([me](http_exchange_ptr exchange) {
    if (auto control = caf::actor_cast<control_actor>(me))
      caf::anon_send(control, atom::serve_v, std::move(exchange));
  });
}

void control_state::serve(const http_exchange_ptr& exchange) {
  // Whoever changes something, and whoever asks after it, sees it.
  if (exchange->request().method != io::http_method::get)
    std::erase_if(answers_, [](const auto& one) { return one.second.waiting.empty(); });
  if (answers_.size() > 256)
    std::erase_if(answers_, [](const auto& one) { return one.second.waiting.empty(); });
  (this->*handlers_[exchange->request().route])(exchange);
}

void control_state::leave() {
  parts_.server->close();
  answers_.clear();
  self->quit();
}

// -- the hub itself -----------------------------------------------------------------

void control_state::index(const http_exchange_ptr& exchange) {
  api_json out{{"name", "tutti"}, {"version", parts_.version}, {"paths", api_json::array()}};
  for (const auto& route : api_routes())
    if (route.http.method == io::http_method::get)
      out["paths"].push_back(route.http.path);
  exchange->respond(json_response(out));
}

void control_state::health(const http_exchange_ptr& exchange) {
  exchange->respond(json_response({{"status", "ok"}}));
}

void control_state::readiness(const http_exchange_ptr& exchange) {
  ask_hub([exchange](const facts&) { exchange->respond(json_response({{"status", "ready"}})); },
          [exchange](http_response response) { exchange->respond(std::move(response)); });
}

hub_snapshot control_state::snapshot(const facts& known) const {
  hub_snapshot out;
  out.version = parts_.version;
  out.uptime_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  out.started_s = started_s_;
  out.resident_octets = resident_memory();
  out.loop = parts_.loop->counters();
  out.http = parts_.server->counters();
  out.sessions = known.first;
  out.ports = known.second;
  return out;
}

void control_state::metrics(const http_exchange_ptr& exchange) {
  answer_lately(exchange, [this](const http_exchange_ptr& one, const facts& known) {
    auto format = choose_metrics_format(one->request().accept);
    return http_response(200, metrics_text(snapshot(known), format), content_type(format));
  });
}

void control_state::openapi(const http_exchange_ptr& exchange) {
  static const auto text = std::make_shared<const std::string>(config::openapi_text());
  http_response response;
  response.body = text;
  exchange->respond(std::move(response));
}

void control_state::schema(const http_exchange_ptr& exchange) {
  static const auto text = std::make_shared<const std::string>(config::schema_text());
  http_response response;
  response.content_type = "application/schema+json";
  response.body = text;
  exchange->respond(std::move(response));
}

void control_state::status(const http_exchange_ptr& exchange) {
  answer_lately(exchange, [this](const http_exchange_ptr&, const facts& known) {
    auto hub = snapshot(known);
    std::size_t peers = 0, connected = 0, waiting = 0, up = 0;
    for (const auto& one : hub.sessions) {
      peers += one.peers.size();
      waiting += one.pending.size();
      for (const auto& peer : one.peers)
        connected += peer.status.state == protocol::handshake_state::connected;
    }
    for (const auto& one : hub.ports)
      up += one.up;
    return json_response({{"name", "tutti"},
                          {"version", hub.version},
                          {"uptime_s", std::floor(hub.uptime_s * 1000) / 1000},
                          {"sessions", hub.sessions.size()},
                          {"peers", peers},
                          {"peers_connected", connected},
                          {"ports", hub.ports.size()},
                          {"ports_up", up},
                          {"invitations_waiting", waiting},
                          {"log_level", io::to_string(io::current_log_level())},
                          {"memory_octets", hub.resident_octets},
                          {"loop_turns", hub.loop.turns},
                          {"http_connections", hub.http.open_connections},
                          {"event_streams", hub.http.open_streams}});
  });
}

void control_state::log_level(const http_exchange_ptr& exchange) {
  exchange->respond(json_response({{"level", io::to_string(io::current_log_level())}}));
}

void control_state::set_log_level(const http_exchange_ptr& exchange) {
  auto body = read_object(exchange, {"level"});
  if (!body)
    return;
  config::mistakes found;
  auto text = read_text(*body, "level", {}, found);
  auto level = io::parse_log_level(text);
  if (found.empty() && !level)
    found.push_back({"/level", text.empty() ? "nothing" : "\"" + text + "\"",
                     "trace, debug, info, warning, error or off"});
  if (!found.empty())
    return exchange->respond(refuse_body(found));
  io::set_log_level(*level);
  io::log_info("log level is now {}", text);
  exchange->respond(json_response({{"level", text}}));
}

void control_state::validate(const http_exchange_ptr& exchange) {
  if (!is_json(exchange->request().content_type))
    return exchange->respond(problem(415, "The body must be application/json."));
  auto loaded = config::load_text(exchange->request().body);
  if (loaded)
    exchange->respond(json_response({{"valid", true}}));
  else
    exchange->respond(refuse_body(loaded.mistakes()));
}

void control_state::events(const http_exchange_ptr& exchange) {
  const auto& request = exchange->request();
  auto takes = [&](std::string_view type) { return request.accept.find(type) != std::string::npos; };
  if (request.head)
    return exchange->respond({200, "", "text/event-stream"});
  if (!request.wants_websocket && !request.accept.empty() && !takes("text/event-stream") &&
      !takes("text/*") && !takes("*/*"))
    return exchange->respond(
        problem(406, "Events come as text/event-stream, or over a WebSocket."));
  self->send(parts_.monitor, atom::listen_v, exchange);
}

// -- ports --------------------------------------------------------------------------

void control_state::ports(const http_exchange_ptr& exchange) {
  answer_lately(exchange, [](const http_exchange_ptr& one, const facts& known) {
    return page(
        one, known.second, [](const port_info& port) { return port.id; },
        [](const port_info& port) { return describe(port); });
  });
}

void control_state::port(const http_exchange_ptr& exchange) {
  answer_lately(exchange, [](const http_exchange_ptr& one, const facts& known) {
    for (const auto& port : known.second)
      if (port.id == one->request().arguments[0])
        return json_response(describe(port));
    return problem(404, "No port has this id.");
  });
}

void control_state::send(const http_exchange_ptr& exchange) {
  auto body = read_object(exchange, {"messages", "as"});
  if (!body)
    return;
  config::mistakes found;
  auto as = read_text(*body, "as", "destination", found);
  if (as != "destination" && as != "source")
    found.push_back({"/as", "\"" + as + "\"", "\"destination\" or \"source\""});
  auto messages = read_messages((*body)["messages"], "/messages", found);
  if (!found.empty())
    return exchange->respond(refuse_body(found));
  std::vector<protocol::event> events;
  protocol::hub_time now(self->clock().now().time_since_epoch());
  for (const auto& message : messages)
    events.push_back({message, now, true});
  const auto& id = exchange->request().arguments[0];
  self->request(parts_.router, patience, atom::play_v, id, as == "source", make_batch(events))
      .then(
          [exchange, count = messages.size()](bool played) {
            exchange->respond(played ? json_response({{"events", count}})
                                     : problem(404, "No port with this id is up and takes MIDI that "
                                                    "way."));
          },
          fail_with_busy(exchange));
}

void control_state::panic(const http_exchange_ptr& exchange) {
  auto body = read_object(exchange, {"port"});
  if (!body)
    return;
  config::mistakes found;
  auto id = read_text(*body, "port", {}, found);
  if (!found.empty())
    return exchange->respond(refuse_body(found));
  auto one = body->contains("port");
  self->request(parts_.router, patience, atom::panic_v, id)
      .then(
          [exchange, one](std::uint32_t told) {
            exchange->respond(one && told == 0
                                  ? problem(404, "No port with this id is up and takes MIDI.")
                                  : json_response({{"ports", told}}));
          },
          fail_with_busy(exchange));
}

// -- sessions and peers ---------------------------------------------------------------

void control_state::sessions(const http_exchange_ptr& exchange) {
  answer_lately(exchange, [](const http_exchange_ptr& one, const facts& known) {
    return page(
        one, known.first, [](const session_info& session) { return session.name; },
        [](const session_info& session) { return describe(session); });
  });
}

void control_state::session(const http_exchange_ptr& exchange) {
  answer_lately(exchange, [](const http_exchange_ptr& one, const facts& known) {
    for (const auto& session : known.first)
      if (session.name == one->request().arguments[0])
        return json_response(describe(session));
    return problem(404, "No session has this name.");
  });
}

std::vector<peer_info> all_peers(const std::vector<session_info>& sessions) {
  std::vector<peer_info> out;
  for (const auto& session : sessions)
    out.insert(out.end(), session.peers.begin(), session.peers.end());
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  return out;
}

void control_state::peers(const http_exchange_ptr& exchange) {
  answer_lately(exchange, [](const http_exchange_ptr& one, const facts& known) {
    return page(
        one, all_peers(known.first), [](const peer_info& peer) { return std::to_string(peer.key); },
        [&](const peer_info& peer) { return describe(peer, known.second); });
  });
}

void control_state::peer(const http_exchange_ptr& exchange) {
  answer_lately(exchange, [](const http_exchange_ptr& one, const facts& known) {
    for (const auto& session : known.first)
      for (const auto& peer : session.peers)
        if (std::to_string(peer.key) == one->request().arguments[0])
          return json_response(describe(peer, known.second));
    return problem(404, "No peer has this id.");
  });
}

void control_state::invite(const http_exchange_ptr& exchange) {
  auto body = read_object(exchange, {"host", "port", "session"});
  if (!body)
    return;
  config::mistakes found;
  config::remote_peer wanted;
  wanted.session = read_text(*body, "session", {}, found);
  auto host = read_text(*body, "host", {}, found);
  auto parsed = config::parse_host_port(host, config::default_session_port);
  if (!parsed || parsed->port > 65534)
    found.push_back({"/host", host.empty() ? "nothing" : "\"" + host + "\"",
                     "a host name or address, with or without a port"});
  else
    std::tie(wanted.host, wanted.port) = std::pair(parsed->host, parsed->port);
  if (auto port = body->find("port"); port != body->end()) {
    if (port->is_number_unsigned() && port->get<std::uint64_t>() >= 1 &&
        port->get<std::uint64_t>() <= 65534)
      wanted.port = port->get<std::uint16_t>();
    else
      found.push_back({"/port", port->is_number() ? port->dump() : port->type_name(),
                       "a whole number from 1 to 65534"});
  }
  if (!found.empty())
    return exchange->respond(refuse_body(found));
  self->request(parts_.supervisor, patience, atom::invite_v, wanted)
      .then(
          [exchange, wanted](bool known) {
            if (known)
              exchange->respond(
                  json_response({{"host", wanted.host}, {"port", wanted.port}}, 202));
            else
              exchange->respond(refuse_body(
                  {{"/session", "\"" + wanted.session + "\"", "the name of one of the sessions"}}));
          },
          fail_with_busy(exchange));
}

/// Calls `use(session name, peer key)`, or answers 404.
template <class Use>
void control_state::find_session_of_peer(const http_exchange_ptr& exchange, Use use) {
  self->request(parts_.supervisor, patience, atom::status_v)
      .then(
          [exchange, use](const std::vector<session_info>& sessions) {
            for (const auto& session : sessions)
              for (const auto& peer : session.peers)
                if (std::to_string(peer.key) == exchange->request().arguments[0])
                  return use(session.name, peer.key);
            exchange->respond(problem(404, "No peer has this id."));
          },
          fail_with_busy(exchange));
}

void control_state::disconnect(const http_exchange_ptr& exchange) {
  find_session_of_peer(exchange, [this, exchange](const std::string& session, port_key key) {
    self->request(parts_.supervisor, patience, atom::leave_v, session, key)
        .then(
            [exchange](bool known) {
              exchange->respond(known ? no_content() : problem(404, "No peer has this id."));
            },
            fail_with_busy(exchange));
  });
}

// -- invitations ----------------------------------------------------------------------

void control_state::invitations(const http_exchange_ptr& exchange) {
  answer_lately(exchange, [this](const http_exchange_ptr& one, const facts& known) {
    std::vector<pending_invitation> all;
    for (const auto& session : known.first)
      all.insert(all.end(), session.pending.begin(), session.pending.end());
    protocol::hub_time now(self->clock().now().time_since_epoch());
    return page(
        one, all, [](const pending_invitation& item) { return std::to_string(item.id); },
        [now](const pending_invitation& item) { return describe(item, now); });
  });
}

void control_state::decide(const http_exchange_ptr& exchange, bool admitted) {
  auto body = read_object(exchange, {"remember"});
  if (!body)
    return;
  config::mistakes found;
  auto text = read_text(*body, "remember", "once", found);
  auto term = decision_term::once;
  if (text == "restart")
    term = decision_term::restart;
  else if (text == "always")
    term = decision_term::always;
  else if (text != "once")
    found.push_back({"/remember", "\"" + text + "\"", "\"once\", \"restart\" or \"always\""});
  if (!found.empty())
    return exchange->respond(refuse_body(found));
  self->request(parts_.supervisor, patience, atom::status_v)
      .then(
          [this, exchange, admitted, term](const std::vector<session_info>& sessions) {
            for (const auto& session : sessions)
              for (const auto& one : session.pending)
                if (std::to_string(one.id) == exchange->request().arguments[0]) {
                  self->request(parts_.supervisor, patience, atom::decide_v, session.name, one.id,
                                admitted, term)
                      .then(
                          [exchange](bool known) {
                            exchange->respond(
                                known ? no_content()
                                      : problem(404, "Nobody waits under this id any more."));
                          },
                          fail_with_busy(exchange));
                  return;
                }
            exchange->respond(problem(404, "Nobody waits under this id."));
          },
          fail_with_busy(exchange));
}

void control_state::decisions(const http_exchange_ptr& exchange) {
  answer_lately(exchange, [](const http_exchange_ptr& one, const facts& known) {
    for (const auto& session : known.first)
      if (session.name == one->request().arguments[0])
        return page(
            one, session.decisions,
            [](const admission_decision& item) { return item.host + '/' + item.name; },
            [](const admission_decision& item) { return describe(item); });
    return problem(404, "No session has this name.");
  });
}

void control_state::forget(const http_exchange_ptr& exchange) {
  const auto& arguments = exchange->request().arguments;
  self->request(parts_.supervisor, patience, atom::forget_v, arguments[0], arguments[1],
                arguments[2])
      .then(
          [exchange](bool known) {
            exchange->respond(known ? no_content()
                                    : problem(404, "Nothing was decided about this host and name."));
          },
          fail_with_busy(exchange));
}

control_actor::behavior_type control(control_actor::stateful_pointer<control_state> self,
                                     control_parts parts) {
  log_failures(self);
  auto& state = self->state;
  state.start(std::move(parts));
  return {
      [&state](atom::serve, const http_exchange_ptr& exchange) { state.serve(exchange); },
      [&state](atom::changed) {
        for (auto& [key, one] : state.answers_)
          one.made_at = {};
      },
      [&state](atom::leave) { state.leave(); },
  };
}

} // namespace

control_actor spawn_control(caf::actor_system& system, control_parts parts) {
  return system.spawn(control, std::move(parts));
}

} // namespace tutti
