// The control actor's answers about ports and routes.
#include "actors/control_state.hpp"
#include "actors/midi_json.hpp"

#include <charconv>

namespace tutti {

using io::http_exchange_ptr;
using io::problem;

namespace {

/// What route_id() wrote.
bool read_route_id(std::string_view text, route_query& to) {
  auto at = text.data(), end = text.data() + text.size();
  auto number = [&](auto& out, char behind) {
    auto [stop, error] = std::from_chars(at, end, out);
    if (error != std::errc{} || (behind != 0 && (stop == end || *stop != behind)))
      return false;
    at = stop + (behind != 0);
    return true;
  };
  return number(to.after_from, '-') && number(to.after_to, '-') && number(to.after_rule, 0) &&
         at == end;
}

std::string query_part(const char* key, const std::string& value) {
  return value.empty() ? std::string() : fmt::format("&{}={}", key, io::percent_encode(value));
}

} // namespace

void control_state::ports(const http_exchange_ptr& exchange) {
  answer_lately(exchange, [](const http_exchange_ptr& one, const hub_facts& known) {
    return page(
        one, known.ports, [](const port_info& port) { return port.id; },
        [](const port_info& port) { return describe(port); });
  });
}

void control_state::port(const http_exchange_ptr& exchange) {
  answer_lately(exchange, [](const http_exchange_ptr& one, const hub_facts& known) {
    for (const auto& port : known.ports)
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
  events.reserve(messages.size());
  protocol::hub_time now(self->clock().now().time_since_epoch());
  for (const auto& message : messages)
    events.push_back({message, now, true});
  const auto& id = exchange->request().arguments[0];
  self->request(parts_.router, patience, atom::play_v, id, as == "source", make_batch(events))
      .then(
          [exchange, count = messages.size()](bool played) {
            exchange->respond(played
                                  ? json_response({{"events", count}})
                                  : problem(404, "No port with this id is up and takes MIDI that "
                                                 "way."));
          },
          fail_with_busy(exchange));
}

void control_state::routes(const http_exchange_ptr& exchange) {
  const auto& target = exchange->request().target;
  auto limit = page_limit(target);
  if (!limit)
    return exchange->respond(bad_page_limit());
  route_query wanted;
  wanted.limit = *limit + 1; // tells whether there are more
  wanted.from = target.parameter("from").value_or("");
  wanted.to = target.parameter("to").value_or("");
  if (auto after = target.parameter("after"); after && !read_route_id(*after, wanted))
    return exchange->respond(problem(400, "\"after\" must be the id of a route."));
  self->request(parts_.router, patience, atom::routes_v, wanted)
      .then(
          [exchange, wanted, limit = *limit](const std::vector<route_info>& routes) {
            api_json out{{"items", api_json::array()}};
            for (std::size_t i = 0; i < std::min(limit, routes.size()); ++i)
              out["items"].push_back(describe(routes[i]));
            if (routes.size() > limit)
              out["next"] =
                  fmt::format("?limit={}&after={}{}{}", limit, route_id(routes[limit - 1]),
                              query_part("from", wanted.from), query_part("to", wanted.to));
            exchange->respond(json_response(out));
          },
          fail_with_busy(exchange));
}

void control_state::discovery(const http_exchange_ptr& exchange) {
  self->request(parts_.supervisor, patience, atom::seen_v)
      .then([exchange](
                const discovery_info& known) { exchange->respond(json_response(describe(known))); },
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

} // namespace tutti
