// The local port: one device or virtual port of this machine, whatever the sound system.
// Decides: what is filtered (clock, active sensing), how fast the device is fed, what happens when
// it takes no more: nothing waits for it but a bounded queue, and when that is full, everything in
// it is dropped and what is sounding is released. Leaves: the sound systems (io), bytes to messages
// and the queue (protocol).
#include "actors/failure.hpp"
#include "actors/spawn.hpp"
#include "actors/unanswered.hpp"
#include "protocol/midi_stream.hpp"
#include "protocol/sounding.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>

namespace tutti {

namespace {

using protocol::hub_time;
using std::chrono::nanoseconds;

// Octets that a paced device takes at once: well below the 4 KiB that Linux keeps for a MIDI cable.
constexpr double burst_octets = 1024;
// Longest part of a SysEx that is paid for at once, so that the bucket is not overdrawn by much.
constexpr std::size_t paced_piece_octets = 256;

struct local_port_state {
  explicit local_port_state(local_port_actor::pointer pointer)
      : self(pointer) {}
  /// However it ended, the sound system's port does not outlive it: its name is free again.
  ~local_port_state() {
    if (port_)
      port_->close();
  }

  void start(router_actor router, port_key key, port_description description,
             io::local_port_ptr port, const local_port_options& options);
  void on_ready();
  void on_batch(const batch_ptr& batch);
  void on_tick();
  void leave();
  local_port_info status() const;

  static inline const char* name = "local_port";

private:
  bool passes(const protocol::ump& message) const;
  void read();
  /// Gives the device what waits, for `at`, until it takes no more.
  void send(nanoseconds at);
  bool afford(std::size_t octets);
  void give_up();
  hub_time now() const { return hub_time(self->clock().now().time_since_epoch()); }

  local_port_actor::pointer self;
  router_actor router_;
  port_key key_ = 0;
  port_description description_;
  io::local_port_ptr port_;
  local_port_options options_;
  protocol::midi_stream_parser parser_;
  protocol::stream_queue queue_;
  protocol::sounding sounding_; ///< at the device
  io::local_input input_;
  std::vector<protocol::ump> messages_;
  std::vector<protocol::event> events_;
  double credit_ = burst_octets; ///< octets that a paced device takes now
  hub_time credited_{};
  bool tick_planned_ = false;
  bool complained_ = false; ///< that it is full was logged
  std::uint64_t octets_out_ = 0;
  std::uint64_t given_up_ = 0;
};

void local_port_state::start(router_actor router, port_key key, port_description description,
                             io::local_port_ptr port, const local_port_options& options) {
  router_ = std::move(router);
  key_ = key;
  description_ = std::move(description);
  port_ = std::move(port);
  options_ = options;
  parser_ = protocol::midi_stream_parser(options.sysex_octets);
  protocol::stream_queue_limits limits;
  limits.sysex_octets = std::max(limits.sysex_octets, 2 * options.sysex_octets);
  queue_ = protocol::stream_queue(limits);
  auto me = caf::actor_cast<caf::actor_addr>(local_port_actor(self));
  port_->start([me] {
    if (auto handle = caf::actor_cast<local_port_actor>(me))
      caf::anon_send(handle, atom::ready_v);
  });
  self->send(router_, atom::attach_v, key_, description_, midi_sink(local_port_actor(self)));
}

bool local_port_state::passes(const protocol::ump& message) const {
  auto status = message.is_system() ? message.status() : 0;
  return (options_.clock || status != 0xF8) && (options_.active_sensing || status != 0xFE);
}

void local_port_state::on_ready() {
  read();
  send({});
  port_->flush();
}

void local_port_state::read() {
  input_.clear();
  port_->read(input_);
  if (input_.empty() || !description_.source)
    return;
  events_.clear();
  auto octets = std::span<const std::uint8_t>(input_.octets);
  for (const auto& arrived : input_.messages) {
    messages_.clear();
    parser_.parse(octets.first(arrived.size), messages_);
    octets = octets.subspan(arrived.size);
    for (const auto& message : messages_)
      if (passes(message))
        events_.push_back({message, hub_time(arrived.at), events_.empty()});
  }
  if (!events_.empty())
    self->send(router_, atom::midi_v, key_, make_batch(events_));
}

void local_port_state::on_batch(const batch_ptr& batch) {
  for (const auto& event : batch->events()) {
    if (!passes(event.message))
      continue;
    auto behind = !queue_.empty();
    sounding_.track(event.message);
    if (!queue_.write(event.message))
      give_up();
    send(behind ? nanoseconds(0) : event.at.time_since_epoch());
  }
  port_->flush();
}

void local_port_state::send(nanoseconds at) {
  while (!queue_.empty()) {
    for (auto bytes = queue_.front(); !bytes.empty();) {
      auto piece = protocol::next_piece(bytes);
      auto longest = options_.octets_per_second > 0 ? paced_piece_octets : piece.size();
      piece = piece.first(std::min({piece.size(), longest, port_->longest_piece()}));
      if (!afford(piece.size()) || !port_->write(at, piece))
        return;
      credit_ -= static_cast<double>(piece.size());
      octets_out_ += piece.size();
      queue_.pop(piece.size());
      bytes = bytes.subspan(piece.size());
    }
  }
  complained_ = false;
}

// A bucket that fills at the device's speed; a piece may overdraw it, so that long ones leave too.
bool local_port_state::afford(std::size_t octets) {
  if (options_.octets_per_second == 0)
    return true;
  auto rate = static_cast<double>(options_.octets_per_second);
  auto time = now();
  auto passed = std::chrono::duration<double>(time - credited_).count();
  credit_ = std::min(burst_octets, credit_ + passed * rate);
  credited_ = time;
  if (credit_ > 0)
    return true;
  if (!tick_planned_) {
    auto missing =
        std::chrono::duration<double>((1.0 - credit_ + static_cast<double>(octets)) / rate);
    self->delayed_send(self, std::chrono::duration_cast<nanoseconds>(missing), atom::tick_v);
  }
  tick_planned_ = true;
  return false;
}

void local_port_state::on_tick() {
  tick_planned_ = false;
  send({});
  port_->flush();
}

// What waits is stale by now. The device is left silent, in as few octets as that takes.
void local_port_state::give_up() {
  ++given_up_;
  if (!complained_)
    io::log_warning("port {}/{} takes no more; what waited for it was dropped", description_.group,
                    description_.name);
  complained_ = true;
  queue_.discard();
  events_.clear();
  sounding_.release(now(), events_);
  for (const auto& event : events_)
    queue_.write(event.message);
}

void local_port_state::leave() {
  port_->close();
  self->send(router_, atom::detach_v, key_);
  self->quit();
}

local_port_info local_port_state::status() const {
  const auto& lost = queue_.counters();
  return {key_, octets_out_, queue_.size(),
          lost.dropped_note_ons + lost.dropped_real_time + given_up_};
}

local_port_actor::behavior_type
local_port(local_port_actor::stateful_pointer<local_port_state> self, router_actor router,
           port_key key, const port_description& description, io::local_port_ptr port,
           const local_port_options& options) {
  log_failures(self);
  auto& state = self->state;
  state.start(std::move(router), key, description, std::move(port), options);
  return {
      [&state](atom::midi, const batch_ptr& batch) {
        state.on_batch(batch);
        return unanswered();
      },
      [&state](atom::ready) { state.on_ready(); },
      [&state](atom::tick) { state.on_tick(); },
      [&state](atom::leave) { state.leave(); },
      [&state](atom::status) { return state.status(); },
  };
}

} // namespace

local_port_actor spawn_local_port(caf::actor_system& system, router_actor router, port_key key,
                                  port_description description, io::local_port_ptr port,
                                  const local_port_options& options) {
  return system.spawn(local_port, std::move(router), key, std::move(description), std::move(port),
                      options);
}

} // namespace tutti
