// The TCP port: one connection that carries MIDI 1.0 bytes.
// Decides: when it reads and sends, when a slow or silent other end is given up.
// Leaves: bytes to messages (protocol/midi_stream), what waits and what is dropped
// (protocol/stream_queue), sockets and TLS (io), connecting anew (tcp_target).
#include "actors/failure.hpp"
#include "actors/spawn.hpp"
#include "actors/unanswered.hpp"
#include "protocol/midi_stream.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <array>
#include <utility>

namespace tutti {

namespace {

using protocol::hub_time;

// Octets taken in one go. A source that sends more waits, and TCP slows it down, while the others
// have their turn.
constexpr std::size_t read_octets = 4096;
// A TLS handshake takes no longer than this, or never ends.
constexpr std::chrono::seconds handshake_limit{10};

struct tcp_port_state {
  explicit tcp_port_state(tcp_port_actor::pointer pointer)
      : self(pointer) {}
  /// However it ended, the other end is told.
  ~tcp_port_state() {
    if (stream_)
      stream_->close();
  }

  void start(tcp_context_ptr context_to_use, port_key key, port_description description,
             io::byte_stream_ptr stream);
  void on_batch(const batch_ptr& batch);
  void on_ready();
  void on_handshake_limit();
  void flush();
  void end(const std::string& reason);
  tcp_port_info status() const;

  static inline const char* name = "tcp_port";

private:
  void attach();
  void read();

  tcp_port_actor::pointer self;
  tcp_context_ptr context_;
  port_key key_ = 0;
  port_description description_;
  io::byte_stream_ptr stream_;
  protocol::midi_stream_parser parser_;
  protocol::stream_queue queue_;
  std::vector<protocol::ump> messages_;
  std::vector<protocol::event> events_;
  bool attached_ = false;
  bool flush_planned_ = false;
  std::uint64_t octets_in_ = 0;
  std::uint64_t octets_out_ = 0;
};

void tcp_port_state::start(tcp_context_ptr context_to_use, port_key key,
                           port_description description, io::byte_stream_ptr stream) {
  context_ = std::move(context_to_use);
  key_ = key;
  description_ = std::move(description);
  stream_ = std::move(stream);
  parser_ = protocol::midi_stream_parser(context_->sysex_octets);
  queue_ = protocol::stream_queue(context_->queue);
  auto me = caf::actor_cast<caf::actor_addr>(tcp_port_actor(self));
  stream_->start([me] {
    if (auto handle = caf::actor_cast<tcp_port_actor>(me))
      caf::anon_send(handle, atom::ready_v);
  });
  if (stream_->established())
    attach();
  else
    self->delayed_send(self, handshake_limit, atom::tick_v);
}

void tcp_port_state::attach() {
  attached_ = true;
  io::log_info("TCP connection with {} is up as port {}/{}", to_string(stream_->remote()),
               description_.group, description_.name);
  self->send(context_->router, atom::attach_v, key_, description_, midi_sink(tcp_port_actor(self)));
}

void tcp_port_state::on_ready() {
  if (!attached_ && stream_->established())
    attach();
  read();
  flush();
  if (!stream_->ended().empty())
    end(stream_->ended());
}

void tcp_port_state::read() {
  std::array<std::uint8_t, read_octets> room;
  auto count = stream_->read(room);
  if (count == 0)
    return;
  hub_time arrived(self->clock().now().time_since_epoch());
  octets_in_ += count;
  messages_.clear();
  parser_.parse(std::span(room).first(count), messages_);
  events_.clear();
  for (const auto& message : messages_)
    events_.push_back({message, arrived, events_.empty()});
  if (!events_.empty())
    self->send(context_->router, atom::midi_v, key_, make_batch(events_));
}

void tcp_port_state::on_batch(const batch_ptr& batch) {
  for (const auto& event : batch->events())
    if (!queue_.write(event.message))
      return end(fmt::format("it reads too slowly: {} octets wait", queue_.size()));
  // Batches that came in the same turn leave together.
  if (!flush_planned_)
    self->send(self, atom::flush_v);
  flush_planned_ = true;
}

void tcp_port_state::flush() {
  flush_planned_ = false;
  while (!queue_.empty()) {
    auto bytes = queue_.front();
    auto taken = stream_->write(bytes);
    queue_.pop(taken);
    octets_out_ += taken;
    if (taken < bytes.size())
      return; // the stream tells when to go on
  }
}

void tcp_port_state::on_handshake_limit() {
  if (!stream_->established())
    end("it did not complete the TLS handshake");
}

void tcp_port_state::end(const std::string& reason) {
  io::log_info("TCP connection with {} ({}/{}) is over: {}", to_string(stream_->remote()),
               description_.group, description_.name, reason);
  std::exchange(stream_, nullptr)->close();
  if (attached_)
    self->send(context_->router, atom::detach_v, key_);
  self->quit();
}

tcp_port_info tcp_port_state::status() const {
  const auto& lost = queue_.counters();
  return {key_,        stream_->remote(), octets_in_,
          octets_out_, queue_.size(),     lost.dropped_note_ons + lost.dropped_real_time};
}

tcp_port_actor::behavior_type tcp_port(tcp_port_actor::stateful_pointer<tcp_port_state> self,
                                       tcp_context_ptr context, port_key key,
                                       const port_description& description,
                                       io::byte_stream_ptr stream) {
  log_failures(self);
  auto& state = self->state;
  state.start(std::move(context), key, description, std::move(stream));
  return {
      [&state](atom::midi, const batch_ptr& batch) {
        state.on_batch(batch);
        return unanswered();
      },
      [&state](atom::ready) { state.on_ready(); },
      [&state](atom::flush) { state.flush(); },
      [&state](atom::tick) { state.on_handshake_limit(); },
      [&state](atom::leave) { state.end("closed by us"); },
      [&state](atom::status) { return state.status(); },
  };
}

} // namespace

tcp_port_actor spawn_tcp_port(caf::actor_system& system, tcp_context_ptr context, port_key key,
                              port_description description, io::byte_stream_ptr stream) {
  return system.spawn(tcp_port, std::move(context), key, std::move(description), std::move(stream));
}

} // namespace tutti
