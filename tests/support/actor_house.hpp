// An actor system on an event loop for tests, with a router and ports of the test's own.
// Decides: turning the loop until something is so. Leaves: the actors under test.
#pragma once

#include "actors/scheduler.hpp"
#include "actors/spawn.hpp"
#include "io/log.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <memory>
#include <stdexcept>
#include <vector>

namespace tutti::test {

class actor_house {
public:
  actor_house() {
    io::set_log_level(io::log_level::off);
    use_loop_scheduler(config_, loop);
    system = std::make_unique<caf::actor_system>(config_);
    loop.adopt_thread();
    router = spawn_router(*system, std::make_shared<routing_settings>());
  }

  ~actor_house() {
    caf::anon_send_exit(router, caf::exit_reason::user_shutdown);
    for (auto& sink : sinks_)
      caf::anon_send_exit(sink, caf::exit_reason::user_shutdown);
    router = nullptr;
    sinks_.clear();
    run_until_quiet(*system, loop, std::chrono::milliseconds(500));
    system.reset();
  }

  /// Turns the loop until `condition` holds; false if it does not within `patience`.
  template <class Condition>
  bool run_until(Condition condition,
                 std::chrono::milliseconds patience = std::chrono::milliseconds(3000)) {
    auto end = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end)
        return false;
      loop.run_turn(std::chrono::milliseconds(1));
    }
    return true;
  }
  void run_for(std::chrono::milliseconds time) {
    run_until([] { return false; }, time);
  }

  /// A port of the test: what the hub plays to it lands in `heard`.
  port_key add_port(const std::string& name, std::vector<protocol::event>& heard) {
    return add_port({port_kind::test, "test", name, true, true}, heard);
  }
  port_key add_port(const port_description& description, std::vector<protocol::event>& heard) {
    auto key = next_port_key();
    auto sink = system->spawn(
        [&heard](midi_sink::pointer, int) -> midi_sink::behavior_type {
          return {[&heard](atom::midi, const batch_ptr& batch) {
            heard.insert(heard.end(), batch->events().begin(), batch->events().end());
          }};
        },
        0);
    sinks_.push_back(sink);
    caf::anon_send(router, atom::attach_v, key, description, sink);
    return key;
  }

  void play(port_key from, std::span<const protocol::event> events) {
    caf::anon_send(router, atom::midi_v, from, make_batch(events));
  }
  void play(port_key from, const protocol::ump& message) {
    protocol::event event{message};
    play(from, {&event, 1});
  }

  /// What a request to `actor` answers.
  template <class Answer, class Handle, class... Args>
  Answer ask(const Handle& actor, Args... args) {
    caf::scoped_actor self(*system);
    auto request = self->request(actor, std::chrono::seconds(5), args...);
    run_until([&] { return self->has_next_message() || !self->mailbox().empty(); });
    std::optional<Answer> answer;
    request.receive([&](Answer& value) { answer = std::move(value); },
                    [](caf::error&) { throw std::runtime_error("no answer"); });
    return *answer;
  }

  /// Ids of the ports that are up and not the test's.
  std::vector<std::string> ports() {
    std::vector<std::string> ids;
    for (const auto& port : ask<std::vector<port_info>>(router, atom::status_v))
      if (port.up && port.description.kind != port_kind::test)
        ids.push_back(port.id);
    return ids;
  }

  io::event_loop loop;
  std::unique_ptr<caf::actor_system> system;
  router_actor router;

private:
  caf::actor_system_config config_;
  std::vector<midi_sink> sinks_;
};

} // namespace tutti::test
