// A whole hub in virtual time on a simulated network: real actors, no sockets, no waiting.
// Peers are session engines at addresses of their own; the network loses by seed if told to.
#pragma once

#include "actors/scheduler.hpp"
#include "actors/spawn.hpp"
#include "io/log.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <catch2/catch.hpp>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>

namespace tutti::test {

using namespace std::chrono_literals;
using protocol::hub_time;
using protocol::ump;

/// Datagrams on their way between addresses.
class simulated_network {
public:
  using receiver = std::function<void(const io::endpoint& from, std::span<const std::uint8_t>)>;

  void listen(const io::endpoint& where, receiver take) {
    receivers_[key(where)] = std::move(take);
  }
  void close(const io::endpoint& where) { receivers_.erase(key(where)); }

  void send(const io::endpoint& from, const io::endpoint& to, std::span<const std::uint8_t> bytes) {
    if (lose && lose(from, to))
      return;
    in_flight_.push_back({now + delay, from, to, {bytes.begin(), bytes.end()}});
  }
  hub_time next() const { return in_flight_.empty() ? hub_time::max() : in_flight_.front().at; }
  bool deliver_one() {
    if (in_flight_.empty() || in_flight_.front().at > now)
      return false;
    auto next_one = std::move(in_flight_.front());
    in_flight_.pop_front();
    if (auto found = receivers_.find(key(next_one.to)); found != receivers_.end())
      found->second(next_one.from, next_one.bytes);
    else if (unreachable.count(key(next_one.to)) && on_unreachable)
      on_unreachable(next_one.from, next_one.to);
    return true;
  }

  static std::string key(const io::endpoint& where) { return to_string(where); }

  hub_time now{std::chrono::hours(1)};
  std::chrono::nanoseconds delay = 1ms;
  std::function<bool(const io::endpoint& from, const io::endpoint& to)> lose;
  std::set<std::string> unreachable; ///< addresses whose host answers with ICMP
  std::function<void(const io::endpoint& sender, const io::endpoint& target)> on_unreachable;

private:
  struct datagram {
    hub_time at;
    io::endpoint from, to;
    std::vector<std::uint8_t> bytes;
  };
  std::deque<datagram> in_flight_;
  std::map<std::string, receiver> receivers_;
};

/// What the hub takes for a UDP socket.
class simulated_socket final : public io::datagram_socket {
public:
  simulated_socket(simulated_network& network, const io::endpoint& local)
      : network_(network)
      , local_(local)
      , pool_(io::datagram_pool::make()) {}
  ~simulated_socket() override { close(); }

  void start(receiver on_receive, unreachable_handler on_unreachable) override {
    on_receive_ = std::move(on_receive);
    on_unreachable_ = std::move(on_unreachable);
    network_.listen(local_, [this](const io::endpoint& from, std::span<const std::uint8_t> bytes) {
      auto block = pool_->take();
      block->count = 1;
      block->arrived = network_.now.time_since_epoch();
      block->slots[0] = {from, static_cast<std::uint16_t>(bytes.size()), io::datagram_block::end};
      std::copy(bytes.begin(), bytes.end(), block->room(0).begin());
      on_receive_(std::move(block));
    });
  }
  void send(const io::endpoint& to, std::span<const std::uint8_t> bytes) override {
    ++counters_.datagrams_out;
    network_.send(local_, to, bytes);
  }
  io::endpoint local() const override { return local_; }
  const io::datagram_counters& counters() const noexcept override { return counters_; }
  void close() override {
    network_.close(local_);
    on_receive_ = nullptr;
    on_unreachable_ = nullptr;
  }
  void report_unreachable(const io::endpoint& where) {
    if (on_unreachable_)
      on_unreachable_(where);
  }

private:
  simulated_network& network_;
  io::endpoint local_;
  std::shared_ptr<io::datagram_pool> pool_;
  receiver on_receive_;
  unreachable_handler on_unreachable_;
  io::datagram_counters counters_;
};

/// A participant outside of the hub.
class hub_peer {
public:
  hub_peer(simulated_network& network, std::string name, std::uint32_t ssrc, io::endpoint address)
      : identity{std::move(name), ssrc}
      , control(address)
      , data(address.with_port(static_cast<std::uint16_t>(address.port + 1)))
      , network_(network) {
    boot();
  }
  ~hub_peer() { unplug(); }

  /// Starts anew with nothing but name, SSRC and addresses.
  void boot() {
    engine = std::make_unique<protocol::session_engine>(identity, timing, ++life_ * 7919);
    plug();
  }
  void plug() {
    plugged_ = true;
    listen(control);
    for (const auto& address : others_)
      listen(address);
  }
  /// The cable is out: nothing comes in or goes out.
  void unplug() {
    plugged_ = false;
    close(control);
    for (const auto& address : others_)
      close(address);
  }
  /// It has this control address as well, and answers from where it was asked.
  void also_at(const io::endpoint& address) {
    others_.push_back(address);
    listen(address);
  }
  /// Its address is another one now; it notices nothing.
  void move(const io::endpoint& address) {
    close(control);
    control = address;
    data = data_of(address);
    listen(control);
  }
  void invite(const io::endpoint& hub_control) {
    hub_control_ = hub_control;
    hub_data_ = hub_control.with_port(static_cast<std::uint16_t>(hub_control.port + 1));
    act([&](auto& out) { engine->invite(network_.now, out); });
  }
  void play(std::vector<protocol::event> events) {
    for (auto& e : events)
      e.at = network_.now;
    protocol::midi_lists lists;
    protocol::encode_lists(events, lists);
    act([&](auto& out) { engine->on_events(lists, events, network_.now, out); });
  }
  void play(const ump& message) { play(std::vector<protocol::event>{{message, {}, true}}); }
  void leave() {
    act([&](auto& out) { engine->leave(network_.now, out); });
  }
  void tick() {
    if (plugged_ && engine->next_deadline() <= network_.now)
      act([&](auto& out) { engine->on_deadline(network_.now, out); });
  }
  hub_time next() const { return plugged_ ? engine->next_deadline() : hub_time::max(); }

  /// What it heard, as messages.
  std::vector<ump> heard_messages() const {
    std::vector<ump> out;
    for (const auto& e : heard)
      out.push_back(e.message);
    return out;
  }

  protocol::session_identity identity;
  protocol::session_timing timing;
  io::endpoint control, data;
  std::unique_ptr<protocol::session_engine> engine;
  std::vector<protocol::event> heard;
  std::vector<protocol::notice_kind> notices;
  bool admits = true;

private:
  static io::endpoint data_of(const io::endpoint& address) {
    return address.with_port(static_cast<std::uint16_t>(address.port + 1));
  }
  void listen(const io::endpoint& address) {
    for (auto channel : {protocol::channel::control, protocol::channel::data})
      network_.listen(channel == protocol::channel::control ? address : data_of(address),
                      [this, channel, address](const io::endpoint& from, auto bytes) {
                        asked_at_ = address;
                        receive(channel, from, bytes);
                        asked_at_.reset();
                      });
  }
  void close(const io::endpoint& address) {
    network_.close(address);
    network_.close(data_of(address));
  }
  void receive(protocol::channel channel, const io::endpoint& from,
               std::span<const std::uint8_t> bytes) {
    auto command = protocol::decode_apple_command(bytes);
    auto invitation = command ? std::get_if<protocol::invitation>(&*command) : nullptr;
    if (invitation && invitation->kind == protocol::invitation_kind::invite) {
      (channel == protocol::channel::control ? hub_control_ : hub_data_) = from;
      if (engine->state() == protocol::handshake_state::ended)
        boot();
      act([&](auto& out) {
        if (admits)
          engine->on_invited(*invitation, channel, network_.now, out);
        else
          out.send(channel,
                   protocol::invitation{
                       protocol::invitation_kind::refuse, invitation->token, identity.ssrc, {}});
      });
      return;
    }
    act([&](auto& out) { engine->on_datagram(channel, bytes, network_.now, out); });
  }
  template <class Action>
  void act(Action action) {
    protocol::session_output out;
    action(out);
    heard.insert(heard.end(), out.events.begin(), out.events.end());
    for (const auto& notice : out.notices)
      notices.push_back(notice.kind);
    if (!plugged_)
      return;
    for (const auto& item : out.datagrams.items()) {
      auto to_control = item.channel == protocol::channel::control;
      auto from = asked_at_.value_or(control);
      network_.send(to_control ? from : data_of(from), to_control ? hub_control_ : hub_data_,
                    out.datagrams.view(item));
    }
  }

  simulated_network& network_;
  io::endpoint hub_control_, hub_data_;
  std::vector<io::endpoint> others_;
  std::optional<io::endpoint> asked_at_; ///< which of its addresses a datagram came to
  bool plugged_ = false;
  std::uint64_t life_ = 0;
};

class simulated_hub {
public:
  simulated_hub()
      : hub_address(*io::parse_address("10.0.0.1", 5004)) {
    io::set_log_level(io::log_level::off);
    use_loop_scheduler(config_, loop_);
    system_ = std::make_unique<caf::actor_system>(config_);
    clock().set_time_source(
        [this] { return loop_clock::time_point(network.now.time_since_epoch()); });
    router = spawn_router(*system_, std::make_shared<routing_settings>());
    control_ = std::make_shared<simulated_socket>(network, hub_address);
    data_ = std::make_shared<simulated_socket>(network, hub_address.with_port(5005));
    network.on_unreachable = [this](const io::endpoint& sender, const io::endpoint& target) {
      if (sender == hub_address)
        control_->report_unreachable(target);
      else if (sender == hub_address.with_port(5005))
        data_->report_unreachable(target);
    };
    auto context = std::make_shared<session_context>();
    context->identity = {"Studio", 0x70717273};
    context->control = control_;
    context->data = data_;
    context->seed = 42;
    listener = spawn_listener(*system_, context, router);
    settle();
  }
  ~simulated_hub() {
    peers_.clear();
    caf::anon_send(listener, atom::leave_v);
    run_for(100ms);
    caf::anon_send_exit(router, caf::exit_reason::user_shutdown);
    listener = listener_actor();
    router = router_actor();
    control_.reset();
    data_.reset();
    if (!run_until_quiet(*system_, loop_, 2000ms))
      std::abort(); // an actor leaked: CAF would wait for it for ever
  }

  /// A new participant at an address of its own.
  hub_peer& add_peer(const std::string& name) {
    auto number = static_cast<std::uint32_t>(peers_.size() + 1);
    auto address = *io::parse_address(
        "10.0." + std::to_string(1 + number / 200) + '.' + std::to_string(1 + number % 200), 5004);
    peers_.push_back(std::make_unique<hub_peer>(network, name, 0x1000u + number, address));
    return *peers_.back();
  }
  /// One that has joined.
  hub_peer& join(const std::string& name) {
    auto& peer = add_peer(name);
    peer.invite(hub_address);
    run_for(3s);
    REQUIRE(peer.engine->connected());
    return peer;
  }

  /// The hub invites who is here, and keeps at it.
  void invite(const io::endpoint& where) { invite({to_string(where), {}, {where}}); }
  void invite(invitation_target target) {
    caf::anon_send(listener, atom::invite_v, std::move(target), target_watcher());
  }
  /// How long until this is so; `limit` if it never is.
  template <class Condition>
  std::chrono::nanoseconds time_until(Condition condition, std::chrono::nanoseconds limit) {
    auto begin = network.now;
    while (!condition() && network.now - begin < limit)
      run_for(1ms);
    return network.now - begin;
  }

  void run_for(std::chrono::nanoseconds time) {
    auto end = network.now + time;
    for (;;) {
      settle();
      auto next = std::min(network.next(), hub_time(clock().next_due().time_since_epoch()));
      for (auto& peer : peers_)
        next = std::min(next, peer->next());
      if (next > end)
        break;
      network.now = std::max(network.now, next);
      while (network.deliver_one())
        ;
      for (auto& peer : peers_)
        peer->tick();
      clock().trigger();
    }
    network.now = end;
  }

  session_info session() { return ask<session_info>(listener); }
  std::vector<port_info> ports() { return ask<std::vector<port_info>>(router); }

  simulated_network network;
  io::endpoint hub_address;
  router_actor router;
  listener_actor listener;

  loop_clock& clock() { return dynamic_cast<loop_scheduler&>(system_->scheduler()).clock(); }
  caf::actor_system& system() { return *system_; }
  void settle() {
    do
      loop_.run_turn(0ns);
    while (scheduler_pending());
  }

private:
  bool scheduler_pending() { return dynamic_cast<loop_scheduler&>(system_->scheduler()).pending(); }
  template <class Answer, class Handle>
  Answer ask(const Handle& whom) {
    Answer answer;
    caf::scoped_actor self(*system_);
    auto request = self->request(whom, caf::infinite, atom::status_v);
    settle();
    request.receive([&](Answer& got) { answer = std::move(got); },
                    [&](caf::error& error) { FAIL(system_->render(error)); });
    return answer;
  }

  io::event_loop loop_;
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  std::shared_ptr<simulated_socket> control_, data_;
  std::vector<std::unique_ptr<hub_peer>> peers_;
};

} // namespace tutti::test
