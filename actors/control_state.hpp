// The control actor's inside: one member per entry of api_routes, and how it asks the others.
// Decides: how answers of the same moment are shared. Leaves: see control.cpp, and control_ports,
// control_peers and control_rules for what each member does.
// Thread: owned by one control actor.
#pragma once

#include "actors/api_answers.hpp"
#include "actors/api_routes.hpp"
#include "actors/metrics.hpp"
#include "actors/spawn.hpp"
#include "io/worker.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <functional>
#include <memory>
#include <unordered_map>

namespace tutti {

/// Answers this young are given again, unless something happened in between: many pages that ask
/// for the same cost as much as one.
inline constexpr std::chrono::milliseconds freshness{250};
/// Other actors answer in microseconds; this is for a hub in trouble.
inline constexpr std::chrono::seconds patience{2};
/// A change is answered when the disk has it.
inline constexpr std::chrono::seconds edit_patience{30};

struct hub_facts {
  std::vector<session_info> sessions;
  std::vector<port_info> ports;
};

/// A change of the configuration that a request asks for.
struct edit_wish {
  nlohmann::json patch;
  std::string revision; ///< only if the document still has it; empty: whichever
  std::string place;    ///< where the client's body stands in the document, "/rules/-" at its end;
                        ///< mistakes point into it
  std::function<io::http_response(const config::change_result&)> answer;
};
/// Makes it of the document in force and its revision; nothing if the client has been answered.
using edit_plan = std::function<std::optional<edit_wish>(const nlohmann::json& document,
                                                         const std::string& revision)>;

struct control_state {
  explicit control_state(control_actor::pointer pointer)
      : self(pointer) {}

  void start(control_parts parts);
  void serve(const io::http_exchange_ptr& exchange);
  void leave();
  /// Answers of before are not given again.
  void forget_answers();
  /// Those that are being made stay.
  void drop_answers_of_before(std::chrono::steady_clock::time_point time);
  void attach(const configuration_actor& configuration);
  void set_in_force(config::configuration_ptr now) { in_force_ = std::move(now); }

  static inline const char* name = "control";

  /// What was answered lately, by route and query.
  struct answer {
    std::chrono::steady_clock::time_point made_at{};
    io::http_response response;
    std::vector<io::http_exchange_ptr> waiting; ///< while it is being made
  };

private:
  std::unordered_map<std::string, answer> answers_;

  // One for each entry of api_routes, by its name.
  void index(const io::http_exchange_ptr& exchange);
  void health(const io::http_exchange_ptr& exchange);
  void readiness(const io::http_exchange_ptr& exchange);
  void metrics(const io::http_exchange_ptr& exchange);
  void openapi(const io::http_exchange_ptr& exchange);
  void schema(const io::http_exchange_ptr& exchange);
  void status(const io::http_exchange_ptr& exchange);
  void ports(const io::http_exchange_ptr& exchange);
  void port(const io::http_exchange_ptr& exchange);
  void send(const io::http_exchange_ptr& exchange);
  void sessions(const io::http_exchange_ptr& exchange);
  void session(const io::http_exchange_ptr& exchange);
  void peers(const io::http_exchange_ptr& exchange);
  void peer(const io::http_exchange_ptr& exchange);
  void invite(const io::http_exchange_ptr& exchange);
  void disconnect(const io::http_exchange_ptr& exchange);
  void invitations(const io::http_exchange_ptr& exchange);
  void approve(const io::http_exchange_ptr& exchange) { decide(exchange, true); }
  void refuse(const io::http_exchange_ptr& exchange) { decide(exchange, false); }
  void decisions(const io::http_exchange_ptr& exchange);
  void forget(const io::http_exchange_ptr& exchange);
  void discovery(const io::http_exchange_ptr& exchange);
  void routes(const io::http_exchange_ptr& exchange);
  void panic(const io::http_exchange_ptr& exchange);
  void log_level(const io::http_exchange_ptr& exchange);
  void set_log_level(const io::http_exchange_ptr& exchange);
  void validate(const io::http_exchange_ptr& exchange);
  void events(const io::http_exchange_ptr& exchange);
  void rules(const io::http_exchange_ptr& exchange) { show_list(exchange, "rules"); }
  void create_rule(const io::http_exchange_ptr& exchange) { create_item(exchange, "rules"); }
  void replace_rules(const io::http_exchange_ptr& exchange);
  void rule(const io::http_exchange_ptr& exchange) { show_item(exchange, "rules"); }
  void replace_rule(const io::http_exchange_ptr& exchange) { replace_item(exchange, "rules"); }
  void change_rule(const io::http_exchange_ptr& exchange) { patch_item(exchange, "rules"); }
  void remove_rule(const io::http_exchange_ptr& exchange) { remove_item(exchange, "rules"); }
  void move_rule(const io::http_exchange_ptr& exchange);
  void scenes(const io::http_exchange_ptr& exchange) { show_list(exchange, "scenes"); }
  void create_scene(const io::http_exchange_ptr& exchange) { create_item(exchange, "scenes"); }
  void scene(const io::http_exchange_ptr& exchange) { show_item(exchange, "scenes"); }
  void replace_scene(const io::http_exchange_ptr& exchange) { replace_item(exchange, "scenes"); }
  void change_scene(const io::http_exchange_ptr& exchange) { patch_item(exchange, "scenes"); }
  void remove_scene(const io::http_exchange_ptr& exchange) { remove_item(exchange, "scenes"); }
  void activate_scene(const io::http_exchange_ptr& exchange) {
    switch_scene(exchange, exchange->request().arguments[0]);
  }
  void active_scene(const io::http_exchange_ptr& exchange);
  void set_scene(const io::http_exchange_ptr& exchange);
  void configuration(const io::http_exchange_ptr& exchange);
  void replace_configuration(const io::http_exchange_ptr& exchange);
  void change_configuration(const io::http_exchange_ptr& exchange);
  void reload(const io::http_exchange_ptr& exchange);

  // Of the list of this name in the document.
  void show_list(const io::http_exchange_ptr& exchange, const char* section);
  void show_item(const io::http_exchange_ptr& exchange, const char* section);
  void create_item(const io::http_exchange_ptr& exchange, const char* section);
  void replace_item(const io::http_exchange_ptr& exchange, const char* section);
  void patch_item(const io::http_exchange_ptr& exchange, const char* section);
  void remove_item(const io::http_exchange_ptr& exchange, const char* section);
  void switch_scene(const io::http_exchange_ptr& exchange, const std::string& scene);
  void edit_configuration(const io::http_exchange_ptr& exchange,
                          void (*change)(nlohmann::json& document, const nlohmann::json& body));
  void edit(const io::http_exchange_ptr& exchange, const edit_plan& plan, unsigned attempt = 0);
  void finish_edit(const io::http_exchange_ptr& exchange, const edit_plan& plan, unsigned attempt,
                   const edit_wish& wish, const config::change_result& result);
  template <class Use>
  void ask_configuration(const io::http_exchange_ptr& exchange, Use use);
  void keep_decisions();

  void decide(const io::http_exchange_ptr& exchange, bool admitted);
  using finish_answer = std::function<void(io::http_response)>;
  /// Gives the answer of a moment ago, or has one made.
  template <class Make>
  void answer_lately(const io::http_exchange_ptr& exchange, Make make);
  /// The same where making it takes its time: `begin(exchange, facts, finish)`.
  template <class Begin>
  void answer_in_time(const io::http_exchange_ptr& exchange, Begin begin);
  /// Asks everybody and calls `use(facts)`, or answers that they do not answer.
  template <class Use, class Fail>
  void ask_hub(Use use, Fail fail);
  /// Calls `use(session name, peer key)`, or answers 404.
  template <class Use>
  void find_session_of_peer(const io::http_exchange_ptr& exchange, Use use);
  auto fail_with_busy(const io::http_exchange_ptr& exchange);
  hub_snapshot snapshot(const hub_facts& known) const;

  using handler = void (control_state::*)(const io::http_exchange_ptr&);
  static const std::unordered_map<std::string_view, handler> handlers;

  control_actor::pointer self;
  control_parts parts_;
  config::configuration_ptr in_force_; ///< unknown until its keeper tells
  /// Of metrics; from the start, so that threads are as many for ever.
  io::worker writer_{io::worker_priority::idle};
  std::shared_ptr<void> alive_ = std::make_shared<char>(); ///< for what the writer has done
  std::vector<handler> handlers_;                          ///< by route
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  double started_s_ =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
};

inline auto control_state::fail_with_busy(const io::http_exchange_ptr& exchange) {
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
                      use(hub_facts{sessions, ports});
                    },
                    [fail](caf::error&) { fail(busy()); });
          },
          [fail](caf::error&) { fail(busy()); });
}

template <class Make>
void control_state::answer_lately(const io::http_exchange_ptr& exchange, Make make) {
  answer_in_time(exchange, [make](const io::http_exchange_ptr& one, const hub_facts& known,
                                  const finish_answer& finish) { finish(make(one, known)); });
}

template <class Begin>
void control_state::answer_in_time(const io::http_exchange_ptr& exchange, Begin begin) {
  const auto& request = exchange->request();
  auto key = std::to_string(request.route) + '?';
  for (const auto& argument : request.arguments)
    key += argument + '\n';
  for (const auto& [name_of, value] : request.target.query)
    key.append(name_of).append(1, '=').append(value).append(1, '\n');
  if (request.route == metrics_route())
    key += request.accept;
  drop_answers_of_before(std::chrono::steady_clock::now() - freshness);
  auto& known = answers_[key];
  if (known.response.body)
    return exchange->respond(known.response);
  known.waiting.push_back(exchange);
  if (known.waiting.size() > 1)
    return;
  finish_answer finish = [this, key](const io::http_response& response) {
    auto found = answers_.find(key);
    if (found == answers_.end())
      return;
    auto waiting = std::exchange(found->second.waiting, {});
    found->second.made_at = std::chrono::steady_clock::now();
    found->second.response = response;
    for (const auto& one : waiting)
      one->respond(response);
  };
  ask_hub(
      [exchange, begin, finish](const hub_facts& known_now) { begin(exchange, known_now, finish); },
      finish);
}

} // namespace tutti
