#include "protocol/session/rtp_receiver.hpp"

namespace tutti::protocol {

namespace {

// A packet this old has notes that should not be started any more.
constexpr std::chrono::milliseconds late_limit{500};

} // namespace

void rtp_receiver::start() {
  sequence_ = {};
  decoder_ = {};
  journal_ = journal_receiver();
  feedback_ = {};
}

[[gnu::hot]] void rtp_receiver::on_packet(const rtp_packet& packet, const clock_sync& clock,
                                          hub_time now, decode_error_counters& errors,
                                          session_output& out) {
  auto arrival = sequence_.on_packet(packet.header.sequence);
  if (!arrival.accepted())
    return;
  ++counters_.packets;
  auto sent_at = clock.to_hub_time(packet.header.timestamp, 0, now);
  auto open = journal_.repair(packet.journal, arrival, now - sent_at > late_limit, now, out.events,
                              repairs_, errors);
  if (open == open_sysex::abandoned)
    decoder_.forget();
  else if (open == open_sysex::reopened)
    decoder_.reopen();
  auto first = out.events.size();
  decode_list(packet, clock, now, errors, out);
  for (auto i = first; i < out.events.size(); ++i)
    journal_.deliver(out.events[i].message, arrival.sequence);
  counters_.events += out.events.size() - first;
  auto guard = packet.list.empty() && packet.has_journal;
  feedback_.on_packet(arrival.kind != arrival_kind::next || guard, now);
}

// The first broken rule ends the list; what came before it counts.
[[gnu::hot]] void rtp_receiver::decode_list(const rtp_packet& packet, const clock_sync& clock,
                                            hub_time now, decode_error_counters& errors,
                                            session_output& out) {
  command_list_reader reader(packet.list, packet.first_delta);
  auto starts_list = true;
  for (midi_command command; reader.next(command); starts_list = false)
    decoder_.decode(command, clock.to_hub_time(packet.header.timestamp, command.offset, now),
                    starts_list, out.events);
  if (!reader.failed())
    return;
  ++errors[static_cast<std::size_t>(reader.error())];
  decoder_.abandon(now, starts_list, out.events);
}

void rtp_receiver::on_deadline(std::uint32_t own_ssrc, hub_time now, session_output& out) {
  if (now < feedback_.next_deadline())
    return;
  feedback_.on_sent(now);
  out.send(channel::control, receiver_feedback{own_ssrc, sequence_.highest() << 16});
}

} // namespace tutti::protocol
