// The multicast port: one cable of ipMIDI's kind, a UDP multicast group that everyone plays into.
// Decides: that each sender has a parser of its own, so that two of them do not mix; what a
// datagram holds: whole messages, at most 1024 octets, longer SysEx in several. Leaves: sockets
// (io/multicast_socket), bytes to messages (protocol). Loss is not repaired: nothing on this wire
// tells of it.
#include "actors/failure.hpp"
#include "actors/spawn.hpp"
#include "actors/unanswered.hpp"
#include "io/multicast_socket.hpp"
#include "protocol/midi_stream.hpp"
#include "protocol/stream_queue.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <array>
#include <unordered_map>

namespace tutti {

namespace {

using protocol::hub_time;

// What qmidinet takes in one datagram.
constexpr std::size_t datagram_octets = 1024;
// Senders that are told apart; beyond it the oldest state of all is forgotten.
constexpr std::size_t max_senders = 64;
constexpr int datagrams_per_turn = 64;
constexpr std::chrono::seconds retry_wait{5};

struct multicast_port_state {
  explicit multicast_port_state(multicast_port_actor::pointer pointer)
      : self(pointer) {}
  /// However it ended, the router does not keep its port.
  ~multicast_port_state() {
    if (!socket_)
      return;
    socket_->close();
    caf::anon_send(router_, atom::detach_v, key_);
  }

  void start(io::event_loop& loop, router_actor router, config::multicast_cable settings);
  void join();
  void on_ready();
  void on_batch(const batch_ptr& batch);
  void flush();
  void leave();

  static inline const char* name = "multicast_port";

private:
  void open();
  void play(const io::endpoint& from, std::span<const std::uint8_t> bytes);

  multicast_port_actor::pointer self;
  io::event_loop* loop_ = nullptr;
  router_actor router_;
  config::multicast_cable settings_;
  port_key key_ = 0;
  std::shared_ptr<io::multicast_socket> socket_;
  std::unordered_map<io::endpoint, protocol::midi_stream_parser, io::endpoint_hash> senders_;
  protocol::stream_queue queue_;
  std::vector<protocol::ump> messages_;
  std::vector<protocol::event> events_;
  std::vector<std::uint8_t> datagram_;
  std::string failure_;
  bool flush_planned_ = false;
};

void multicast_port_state::start(io::event_loop& loop, router_actor router,
                                 config::multicast_cable settings) {
  loop_ = &loop;
  router_ = std::move(router);
  settings_ = std::move(settings);
  join();
}

// A network that is not there yet may come.
void multicast_port_state::join() {
  try {
    open();
    failure_.clear();
    io::log_info("multicast cable \"{}\" is {}:{}", settings_.name, settings_.group,
                 settings_.port);
  } catch (const std::exception& error) {
    if (failure_ != error.what())
      io::log_warning("multicast cable \"{}\": {}; trying again every {} s", settings_.name,
                      error.what(), retry_wait.count());
    failure_ = error.what();
    self->delayed_send(self, retry_wait, atom::tick_v);
  }
}

void multicast_port_state::open() {
  auto where = io::parse_address(settings_.group, settings_.port);
  if (!where)
    throw std::runtime_error("\"" + settings_.group + "\" is no address");
  socket_ = io::multicast_socket::open(*loop_, *where, settings_.interface);
  auto me = caf::actor_cast<caf::actor_addr>(multicast_port_actor(self));
  socket_->start([me] {
    if (auto handle = caf::actor_cast<multicast_port_actor>(me))
      caf::anon_send(handle, atom::ready_v);
  });
  key_ = next_port_key();
  self->send(router_, atom::attach_v, key_,
             port_description{port_kind::multicast,
                              settings_.group + ':' + std::to_string(settings_.port),
                              settings_.name, true, true},
             midi_sink(multicast_port_actor(self)));
}

void multicast_port_state::on_ready() {
  std::array<std::uint8_t, 2048> room;
  io::endpoint from;
  for (int i = 0; i < datagrams_per_turn; ++i) {
    auto count = socket_->receive(room, from);
    if (count == 0)
      return;
    play(from, std::span(room).first(count));
  }
}

void multicast_port_state::play(const io::endpoint& from, std::span<const std::uint8_t> bytes) {
  if (senders_.size() >= max_senders && senders_.count(from) == 0)
    senders_.erase(senders_.begin());
  messages_.clear();
  senders_[from].parse(bytes, messages_);
  hub_time arrived(self->clock().now().time_since_epoch());
  events_.clear();
  for (const auto& message : messages_)
    events_.push_back({message, arrived, events_.empty()});
  if (!events_.empty())
    self->send(router_, atom::midi_v, key_, make_batch(events_));
}

void multicast_port_state::on_batch(const batch_ptr& batch) {
  for (const auto& event : batch->events())
    if (!queue_.write(event.message))
      queue_.discard();
  if (!flush_planned_)
    self->send(self, atom::flush_v);
  flush_planned_ = true;
}

// What the system does not take is lost, as everything may be on this wire.
void multicast_port_state::flush() {
  flush_planned_ = false;
  datagram_.clear();
  auto send = [this] {
    if (!datagram_.empty())
      socket_->send(datagram_);
    datagram_.clear();
  };
  while (!queue_.empty()) {
    auto piece = protocol::next_piece(queue_.front());
    if (datagram_.size() + piece.size() > datagram_octets)
      send();
    piece = piece.first(std::min(piece.size(), datagram_octets));
    datagram_.insert(datagram_.end(), piece.begin(), piece.end());
    queue_.pop(piece.size());
  }
  send();
}

void multicast_port_state::leave() {
  if (socket_)
    flush();
  self->quit();
}

multicast_port_actor::behavior_type
multicast_port(multicast_port_actor::stateful_pointer<multicast_port_state> self,
               io::event_loop* loop, router_actor router, const config::multicast_cable& settings) {
  log_failures(self);
  auto& state = self->state;
  state.start(*loop, std::move(router), settings);
  return {
      [&state](atom::midi, const batch_ptr& batch) {
        state.on_batch(batch);
        return unanswered();
      },
      [&state](atom::ready) { state.on_ready(); },
      [&state](atom::flush) { state.flush(); },
      [&state](atom::tick) { state.join(); },
      [&state](atom::leave) { state.leave(); },
  };
}

} // namespace

multicast_port_actor spawn_multicast_port(caf::actor_system& system, io::event_loop& loop,
                                          router_actor router, config::multicast_cable settings) {
  return system.spawn(multicast_port, &loop, std::move(router), std::move(settings));
}

} // namespace tutti
