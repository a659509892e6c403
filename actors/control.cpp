// Control: the HTTP API.
// Decides: which question each request becomes, and what its answer looks like; answers of the same
// moment are shared.
// Leaves: who may ask (io/http_access), the facts (all other actors), live events (monitor).
// config/openapi.json describes every path; a test holds the two against each other.
#include "actors/control_state.hpp"
#include "actors/failure.hpp"
#include "config/openapi.hpp"
#include "config/schema.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>

#include <boost/asio/post.hpp>

namespace tutti {

using io::http_exchange_ptr;
using io::http_response;
using io::problem;

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
    {"discovery", &control_state::discovery},
    {"routes", &control_state::routes},
    {"rules", &control_state::rules},
    {"create_rule", &control_state::create_rule},
    {"replace_rules", &control_state::replace_rules},
    {"rule", &control_state::rule},
    {"replace_rule", &control_state::replace_rule},
    {"change_rule", &control_state::change_rule},
    {"remove_rule", &control_state::remove_rule},
    {"move_rule", &control_state::move_rule},
    {"scenes", &control_state::scenes},
    {"create_scene", &control_state::create_scene},
    {"scene", &control_state::scene},
    {"replace_scene", &control_state::replace_scene},
    {"change_scene", &control_state::change_scene},
    {"remove_scene", &control_state::remove_scene},
    {"activate_scene", &control_state::activate_scene},
    {"active_scene", &control_state::active_scene},
    {"set_scene", &control_state::set_scene},
    {"configuration", &control_state::configuration},
    {"replace_configuration", &control_state::replace_configuration},
    {"change_configuration", &control_state::change_configuration},
    {"reload", &control_state::reload},
    {"panic", &control_state::panic},
    {"log_level", &control_state::log_level},
    {"set_log_level", &control_state::set_log_level},
    {"validate", &control_state::validate},
    {"events", &control_state::events},
};

// -- asking -----------------------------------------------------------------------

void control_state::start(control_parts parts) {
  parts_ = std::move(parts);
  for (const auto& route : api_routes())
    handlers_.push_back(handlers.at(route.name));
  resident_memory(); // opens its file, so that descriptors are as many for ever
  if (parts_.configuration)
    attach(parts_.configuration);
  auto me = caf::actor_cast<caf::actor_addr>(control_actor(self));
  parts_.server->start([me](http_exchange_ptr exchange) {
    if (auto control = caf::actor_cast<control_actor>(me))
      caf::anon_send(control, atom::serve_v, std::move(exchange));
  });
}

void control_state::attach(const configuration_actor& configuration) {
  parts_.configuration = configuration;
  in_force_ = nullptr;
  self->send(configuration, atom::attach_v, configuration_sink(control_actor(self)));
}

void control_state::serve(const http_exchange_ptr& exchange) {
  // Whoever changes something, and whoever asks after it, sees it.
  if (exchange->request().method != io::http_method::get)
    forget_answers();
  (this->*handlers_[exchange->request().route])(exchange);
}

void control_state::forget_answers() {
  drop_answers_of_before(std::chrono::steady_clock::time_point::max());
}

// They can be large, and nobody may ask again.
void control_state::drop_answers_of_before(std::chrono::steady_clock::time_point time) {
  std::erase_if(answers_, [time](const auto& one) {
    return one.second.waiting.empty() && one.second.made_at < time;
  });
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
  ask_hub(
      [exchange](const hub_facts&) {
        exchange->respond(json_response({{"status", "ready"}}));
      },
      [exchange](http_response response) { exchange->respond(std::move(response)); });
}

hub_snapshot control_state::snapshot(const hub_facts& known) const {
  hub_snapshot out;
  out.version = parts_.version;
  out.uptime_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  out.started_s = started_s_;
  out.resident_octets = resident_memory();
  out.loop = parts_.loop->counters();
  out.http = parts_.server->counters();
  out.sessions = known.sessions;
  out.ports = known.ports;
  return out;
}

// With many peers the text is long, and writing it takes milliseconds in which no MIDI could pass;
// so a thread of its own writes it.
void control_state::metrics(const http_exchange_ptr& exchange) {
  answer_in_time(exchange, [this](const http_exchange_ptr& one, const hub_facts& known,
                                  const finish_answer& finish) {
    auto format = choose_metrics_format(one->request().accept);
    writer_.run(
        [loop = parts_.loop, alive = std::weak_ptr(alive_), hub = snapshot(known), format, finish] {
          auto text = metrics_text(hub, format);
          boost::asio::post(loop->context(), [alive, finish, format, text = std::move(text)] {
            if (!alive.expired())
              finish({200, text, content_type(format)});
          });
        });
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
  answer_lately(exchange, [this](const http_exchange_ptr&, const hub_facts& known) {
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

void control_state::events(const http_exchange_ptr& exchange) {
  const auto& request = exchange->request();
  auto takes = [&](std::string_view type) {
    return request.accept.find(type) != std::string::npos;
  };
  if (request.head)
    return exchange->respond({200, "", "text/event-stream"});
  if (!request.wants_websocket && !request.accept.empty() && !takes("text/event-stream") &&
      !takes("text/*") && !takes("*/*"))
    return exchange->respond(
        problem(406, "Events come as text/event-stream, or over a WebSocket."));
  self->send(parts_.monitor, atom::listen_v, exchange);
}

namespace {

control_actor::behavior_type control(control_actor::stateful_pointer<control_state> self,
                                     control_parts parts) {
  log_failures(self);
  auto& state = self->state;
  state.start(std::move(parts));
  return {
      [&state](atom::configure, const config::configuration_ptr& now) { state.set_in_force(now); },
      [&state](atom::serve, const http_exchange_ptr& exchange) { state.serve(exchange); },
      [&state](atom::changed) { state.forget_answers(); },
      [&state](atom::attach, const configuration_actor& keeper) { state.attach(keeper); },
      [&state](atom::leave) { state.leave(); },
  };
}

} // namespace

control_actor spawn_control(caf::actor_system& system, control_parts parts) {
  return system.spawn(control, std::move(parts));
}

} // namespace tutti
