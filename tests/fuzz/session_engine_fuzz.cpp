// Any order of inputs to a session engine: the octets are a little program of invitations, answers,
// datagrams (well-formed under the peer's SSRC, or any octets), batches, deadlines and goodbyes.
// Holds: everything that is sent can be read back and fits a packet; deadlines lie ahead once they
// are served; an ended engine is quiet; SysEx towards the router begins before it goes on, in each
// session.
#include "protocol/bytes.hpp"
#include "protocol/list_encoder.hpp"
#include "protocol/session/session_engine.hpp"
#include "tests/fuzz/fuzz_target.hpp"

#include <algorithm>

using namespace tutti::protocol;
using tutti::fuzz::require;

namespace {

constexpr std::uint32_t peer_ssrc = 0x11223344;

class player {
public:
  explicit player(byte_view program)
      : program_(program)
      , engine_(identity_, timing_, 1) {}

  void run() {
    while (!program_.empty()) {
      step(program_.u8());
      check_output();
    }
  }

private:
  void step(std::uint8_t code) {
    auto from = code & 0x10 ? channel::control : channel::data;
    switch (code & 0x0F) {
    case 0: engine_.invite(now_, out_); break;
    case 1: engine_.on_invited(peer_invitation(invitation_kind::invite), from, now_, out_); break;
    case 2: hear(from, answer(invitation_kind::accept)); break;
    case 3: hear(from, answer(invitation_kind::refuse)); break;
    case 4: hear(from, peer_invitation(invitation_kind::goodbye)); break;
    case 5: {
      clock_exchange exchange{peer_ssrc, static_cast<std::uint8_t>(program_.u8() % 3), {}};
      for (auto& time : exchange.times)
        time = clock_ticks(now_) + program_.u8();
      hear(from, exchange);
      break;
    }
    case 6: hear(from, receiver_feedback{peer_ssrc, program_.u32()}); break;
    case 7: hear(from, bitrate_limit{peer_ssrc, program_.u16()}); break;
    case 8:
    case 9: hear_rtp(); break;
    case 10: {
      auto raw = program_.take(std::min<std::size_t>(program_.u8(), program_.remaining()));
      engine_.on_datagram(from, raw, now_, out_);
      break;
    }
    case 11: play(); break;
    case 12: now_ += std::chrono::milliseconds(program_.u8() * 4); break;
    case 13: serve_deadline(); break;
    case 14: engine_.on_unreachable(now_, out_); break;
    case 15: engine_.leave(now_, out_); break;
    }
  }

  invitation peer_invitation(invitation_kind kind) {
    return {kind, program_.u8() % 2u + 7, peer_ssrc, "peer"};
  }
  invitation answer(invitation_kind kind) {
    return {kind, engine_.invitation_state().own_token(), peer_ssrc, "peer"};
  }
  void hear(channel from, const apple_command& command) {
    std::array<std::uint8_t, max_apple_command> room;
    byte_writer writer(room);
    encode_apple_command(command, writer);
    engine_.on_datagram(from, writer.written(), now_, out_);
  }
  void hear_rtp() {
    std::array<std::uint8_t, 600> room;
    byte_writer writer(room);
    sequence_ = static_cast<std::uint16_t>(sequence_ + program_.u8() % 8);
    encode_rtp_header({false, sequence_, static_cast<std::uint32_t>(clock_ticks(now_)), peer_ssrc},
                      writer);
    auto list = program_.take(std::min<std::size_t>(program_.u8(), program_.remaining()));
    auto journal = program_.take(std::min<std::size_t>(program_.u8(), program_.remaining()));
    encode_section_header(list.size(), !journal.empty(), writer);
    writer.bytes(list);
    writer.bytes(journal);
    engine_.on_datagram(channel::data, writer.written(), now_, out_);
  }
  void play() {
    std::vector<event> events;
    for (auto count = program_.u8() % 16; count > 0; --count) {
      auto kind = program_.u8();
      std::array<std::uint8_t, 4> octets{program_.u8(), program_.u8(), 1, 2};
      auto message = kind < 0x80 ? make_sysex(static_cast<sysex_form>(kind & 3), octets)
                                 : make_short(kind == 0xF0 || kind == 0xF7 ? 0xF8 : kind, octets[0],
                                              octets[1]);
      events.push_back({message, now_, (kind & 1) != 0});
    }
    midi_lists lists;
    encode_lists(events, lists);
    engine_.on_events(lists, events, now_, out_);
  }
  void serve_deadline() {
    auto due = engine_.next_deadline();
    if (due == hub_time::max())
      return;
    now_ = std::max(now_, due);
    // A deadline may uncover the next one, but not for ever at the same moment.
    for (int i = 0; engine_.next_deadline() <= now_; ++i) {
      require(i < 64, "a deadline that is served lies ahead");
      engine_.on_deadline(now_, out_);
      check_output();
    }
  }

  void check_output() {
    for (const auto& item : out_.datagrams.items()) {
      auto bytes = out_.datagrams.view(item);
      require(bytes.size() <= 1400, "every datagram fits a packet");
      if (looks_like_apple_command(bytes))
        require(bool(decode_apple_command(bytes)), "every command can be read");
      else
        check_packet(bytes);
    }
    // The caller releases what a session left open, before the events of the next one.
    release_if([](notice_kind kind) { return kind == notice_kind::restarted; });
    for (const auto& e : out_.events)
      if (e.message.is_sysex())
        check_sysex(e.message.form());
    release_if(ends_session);
    if (was_ended_)
      require(out_.datagrams.empty() && out_.events.empty() && out_.notices.empty(),
              "an ended engine is quiet");
    was_ended_ = engine_.state() == handshake_state::ended;
    out_.clear();
  }
  static void check_packet(byte_view bytes) {
    auto packet = decode_rtp_packet(bytes);
    require(bool(packet), "every packet can be read");
    command_list_reader reader(packet->list, packet->first_delta);
    for (midi_command command; reader.next(command);)
      ;
    require(!reader.failed(), "every list keeps the rules");
  }
  template <class Predicate>
  void release_if(Predicate released) {
    for (const auto& notice : out_.notices)
      open_ = open_ && !released(notice.kind);
  }
  void check_sysex(sysex_form form) {
    auto begins = form == sysex_form::start || form == sysex_form::complete;
    require(begins != open_, "SysEx begins before it goes on, and ends before the next");
    open_ = form == sysex_form::start || form == sysex_form::proceed;
  }

  byte_reader program_;
  session_identity identity_{"fuzz", 0x55667788};
  session_timing timing_;
  session_engine engine_;
  session_output out_;
  hub_time now_{std::chrono::hours(1)};
  std::uint16_t sequence_ = 0;
  bool open_ = false;
  bool was_ended_ = false;
};

} // namespace

TUTTI_FUZZ_TARGET(session_engine, input) {
  player(input).run();
}
