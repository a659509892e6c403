#include "protocol/session/rtp_sender.hpp"

#include "protocol/rtp_packet.hpp"

#include <algorithm>

namespace tutti::protocol {

namespace {

/// Longest packet that leaves: fits a path of 1500 octets with room for tunnels.
constexpr std::size_t max_packet = 1400;
/// RTP header and the longer command section header.
constexpr std::size_t header_octets = rtp_header_size + 2;
/// UDP and IPv4 headers count against a bitrate limit too.
constexpr std::size_t network_octets = 28;

} // namespace

void rtp_sender::start(std::uint32_t ssrc, std::uint16_t first_sequence) {
  ssrc_ = ssrc;
  next_ = 65536u + first_sequence; // extended, with room below for the number before the first
  acknowledged_ = next_ - 1;
  sent_any_ = false;
  journal_ = journal_sender();
  guard_.reset();
  limit_ = {};
}

[[gnu::hot]] void rtp_sender::send(const midi_lists& lists, std::span<const event> events,
                                   hub_time now, session_output& out) {
  if (limit_.active() || !limit_.held_back().empty()) {
    counters_.limit_drops += limit_.hold_back(events);
    return send_held_back(now, out);
  }
  for (const auto& list : lists.lists)
    send_packet(lists.view(list), list, events.subspan(list.first_event, list.event_count), now,
                out);
}

[[gnu::hot]] void rtp_sender::send_packet(byte_view list, const midi_list& times,
                                          std::span<const event> events, hub_time now,
                                          session_output& out) {
  // Times never go back, also when several sources with different delays meet here: no packet is
  // older than the last command of the one before (RFC 6295 section 3.1).
  auto timestamp = times.timestamp;
  if (sent_any_ && static_cast<std::int32_t>(timestamp - last_command_) < 0)
    timestamp = last_command_;
  last_command_ = timestamp + times.duration;
  sent_any_ = true;
  auto room = out.datagrams.prepare(max_packet);
  auto journal_at = header_octets + list.size() - (list.size() < 16);
  auto journal = journal_.encode(room.subspan(journal_at), next_, now);
  byte_writer writer(room);
  encode_rtp_header({false, static_cast<std::uint16_t>(next_), timestamp, ssrc_}, writer);
  encode_section_header(list.size(), journal > 0, writer);
  writer.bytes(list);
  out.datagrams.commit(channel::data, journal_at + journal);
  for (const auto& e : events)
    journal_.record(e.message, next_);
  ++next_;
  ++counters_.packets;
  counters_.events += events.size();
  if (limit_.active())
    limit_.spend(journal_at + journal + network_octets);
  if (!events.empty() && journal_.worth_guarding())
    guard_.on_sent_midi(now);
}

// What the peer's limit held back leaves in lists as long as they may be: fewer headers.
void rtp_sender::send_held_back(hub_time now, session_output& out) {
  auto& waiting = limit_.held_back();
  std::size_t sent = 0;
  while (sent < waiting.size() && limit_.may_send(now)) {
    auto count = std::min<std::size_t>(waiting.size() - sent, 32);
    auto next = std::span(waiting).subspan(sent, count);
    for (auto& e : next.subspan(1))
      e.starts_list = false;
    held_back_lists_.clear();
    encode_lists(next, held_back_lists_);
    for (const auto& list : held_back_lists_.lists)
      send_packet(held_back_lists_.view(list), list,
                  next.subspan(list.first_event, list.event_count), now, out);
    sent += count;
  }
  waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(sent));
}

void rtp_sender::on_feedback(const receiver_feedback& received, hub_time) {
  auto found = acknowledged_sequence(received.field, static_cast<std::uint16_t>(acknowledged_),
                                     static_cast<std::uint16_t>(next_ - 1));
  if (!found.found) {
    ++counters_.feedback_ignored;
    return;
  }
  ++counters_.feedback;
  acknowledged_ += static_cast<std::uint16_t>(found.sequence - acknowledged_);
  journal_.acknowledge(acknowledged_);
  guard_.on_feedback(!journal_.worth_guarding());
}

void rtp_sender::set_limit(std::uint32_t bits_per_second, hub_time now) {
  limit_.set(bits_per_second, now);
}

void rtp_sender::on_deadline(hub_time now, session_output& out) {
  if (!limit_.held_back().empty())
    send_held_back(now, out);
  if (now < guard_.next_deadline())
    return;
  midi_list nothing;
  nothing.timestamp = static_cast<std::uint32_t>(clock_ticks(now));
  send_packet({}, nothing, {}, now, out);
  ++counters_.guard_packets;
  guard_.on_guard_sent(now);
}

[[gnu::hot]] hub_time rtp_sender::next_deadline() const noexcept {
  auto next = guard_.next_deadline();
  if (!limit_.held_back().empty())
    next = std::min(next, limit_.ready_at());
  return next;
}

} // namespace tutti::protocol
