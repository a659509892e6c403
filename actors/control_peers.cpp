// The control actor's answers about sessions, peers and invitations.
#include "actors/control_state.hpp"
#include "actors/decision_note.hpp"

namespace tutti {

using io::http_exchange_ptr;
using io::problem;

void control_state::sessions(const http_exchange_ptr& exchange) {
  answer_lately(exchange, [](const http_exchange_ptr& one, const hub_facts& known) {
    return page(
        one, known.sessions, [](const session_info& session) { return session.name; },
        [](const session_info& session) { return describe(session); });
  });
}

void control_state::session(const http_exchange_ptr& exchange) {
  answer_lately(exchange, [](const http_exchange_ptr& one, const hub_facts& known) {
    for (const auto& session : known.sessions)
      if (session.name == one->request().arguments[0])
        return json_response(describe(session));
    return problem(404, "No session has this name.");
  });
}

namespace {

std::vector<peer_info> all_peers(const std::vector<session_info>& sessions) {
  std::vector<peer_info> out;
  for (const auto& session : sessions)
    out.insert(out.end(), session.peers.begin(), session.peers.end());
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  return out;
}

} // namespace

void control_state::peers(const http_exchange_ptr& exchange) {
  answer_lately(exchange, [](const http_exchange_ptr& one, const hub_facts& known) {
    return page(
        one, all_peers(known.sessions),
        [](const peer_info& peer) { return std::to_string(peer.key); },
        [&](const peer_info& peer) { return describe(peer, known.ports); });
  });
}

void control_state::peer(const http_exchange_ptr& exchange) {
  answer_lately(exchange, [](const http_exchange_ptr& one, const hub_facts& known) {
    for (const auto& session : known.sessions)
      for (const auto& peer : session.peers)
        if (std::to_string(peer.key) == one->request().arguments[0])
          return json_response(describe(peer, known.ports));
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
              exchange->respond(json_response({{"host", wanted.host}, {"port", wanted.port}}, 202));
            else
              exchange->respond(refuse_body(
                  {{"/session", "\"" + wanted.session + "\"", "the name of one of the sessions"}}));
          },
          fail_with_busy(exchange));
}

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
  answer_lately(exchange, [this](const http_exchange_ptr& one, const hub_facts& known) {
    std::vector<pending_invitation> all;
    for (const auto& session : known.sessions)
      all.insert(all.end(), session.pending.begin(), session.pending.end());
    protocol::hub_time now(self->clock().now().time_since_epoch());
    return page(
        one, all, [](const pending_invitation& item) { return std::to_string(item.id); },
        [now](const pending_invitation& item) { return describe(item, now); });
  });
}

namespace {

/// The invitation of this id that waits for a decision; nullptr if there is none.
const pending_invitation* find_pending(const std::vector<session_info>& sessions,
                                       const std::string& id) {
  for (const auto& session : sessions)
    for (const auto& one : session.pending)
      if (std::to_string(one.id) == id)
        return &one;
  return nullptr;
}

} // namespace

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
            auto one = find_pending(sessions, exchange->request().arguments[0]);
            if (!one)
              return exchange->respond(problem(404, "Nobody waits under this id."));
            self->request(parts_.supervisor, patience, atom::decide_v, one->session, one->id,
                          admitted, term)
                .then(
                    [this, exchange, term](bool known) {
                      if (known && term == decision_term::always)
                        keep_decisions();
                      exchange->respond(known
                                            ? no_content()
                                            : problem(404, "Nobody waits under this id any more."));
                    },
                    fail_with_busy(exchange));
          },
          fail_with_busy(exchange));
}

void control_state::decisions(const http_exchange_ptr& exchange) {
  answer_lately(exchange, [](const http_exchange_ptr& one, const hub_facts& known) {
    for (const auto& session : known.sessions)
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
          [this, exchange](bool known) {
            if (known)
              keep_decisions();
            exchange->respond(known
                                  ? no_content()
                                  : problem(404, "Nothing was decided about this host and name."));
          },
          fail_with_busy(exchange));
}

// The listeners know them; the configuration keeps them over restarts.
void control_state::keep_decisions() {
  self->request(parts_.supervisor, patience, atom::status_v)
      .then(
          [this](const std::vector<session_info>& sessions) {
            self->request(parts_.configuration, edit_patience, atom::note_v,
                          std::string(decisions_note), json_value{write_decisions(sessions)})
                .then([](const config::change_result&) {},
                      [](caf::error&) {
                        io::log_warning("a decision will be forgotten after a restart: the "
                                        "configuration does not answer");
                      });
          },
          [](caf::error&) {});
}

} // namespace tutti
