// A sender and a receiver of journals with a network between them that loses, doubles, delays and
// reorders, in virtual time and by seed. Everything is deterministic.
#pragma once

#include "protocol/journal/feedback_policy.hpp"
#include "protocol/journal/guard_policy.hpp"
#include "protocol/journal/journal_receiver.hpp"
#include "protocol/journal/journal_sender.hpp"
#include "protocol/midi_state.hpp"
#include "protocol/sequence_tracker.hpp"
#include "tests/support/hex.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <queue>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace tutti::test {

using namespace std::chrono_literals;
using protocol::hub_time;

struct simulated_network {
  double loss = 0;
  double burst = 0; ///< chance that a packet begins a burst of lost ones
  std::uint32_t burst_size = 20;
  double duplication = 0;
  hub_time::duration delay = 4ms;
  hub_time::duration jitter = 0ms; ///< reorders, if longer than the time between packets
};

struct simulation_options {
  std::uint64_t seed = 1;
  simulated_network forward;
  simulated_network back; ///< feedback's way
  std::size_t room = 1200;
  bool sends_feedback = true;
};

class journal_simulation {
public:
  explicit journal_simulation(const simulation_options& options)
      : options_(options)
      , random_(options.seed)
      , next_(0x10000u + std::uniform_int_distribution<std::uint32_t>(0, 65535)(random_)) {}

  hub_time now() const { return now_; }
  simulation_options& options() { return options_; }

  /// The sender sends a packet with these messages.
  void send(const std::vector<protocol::ump>& list) {
    transmit(list);
    for (const auto& message : list)
      truth.apply(message);
    if (sender.worth_guarding())
      guard.on_sent_midi(now_);
  }

  /// Lets time pass up to `until`. `watch`, if any, is called every 25 ms.
  void run(hub_time until, const std::function<void()>& watch = {}) {
    while (true) {
      auto due = std::min({until, guard.next_deadline(), feedback.next_deadline(), watch_at_,
                           queue_.empty() ? hub_time::max() : queue_.top().at});
      now_ = std::max(now_, due);
      if (!queue_.empty() && queue_.top().at <= now_) {
        auto arrived = queue_.top();
        queue_.pop();
        arrived.is_feedback ? take_feedback(arrived.packet) : take(arrived);
      } else if (guard.next_deadline() <= now_) {
        transmit({});
        ++guards;
        guard.on_guard_sent(now_);
      } else if (feedback.next_deadline() <= now_) {
        send_feedback();
      } else if (watch_at_ <= now_ && now_ < until) {
        watch_at_ = now_ + 25ms;
        if (watch)
          watch();
      } else {
        return;
      }
    }
  }

  protocol::journal_sender sender;
  protocol::guard_policy guard;
  protocol::midi_state truth; ///< of everything sent

  protocol::sequence_tracker tracker;
  protocol::journal_receiver receiver;
  protocol::feedback_policy feedback;
  protocol::midi_state heard; ///< of every event that left the receiver
  protocol::repair_counters repairs;
  protocol::decode_error_counters errors{};

  std::uint64_t guards = 0;
  std::uint64_t packets = 0;
  std::uint64_t journal_octets = 0;
  std::map<std::string, int> sysex_heard; ///< whole ones, by contents
  std::map<std::string, int> sysex_sent;
  /// Called with each journal and its packet's number.
  std::function<void(const octets&, std::uint32_t)> on_journal;
  std::function<void(const protocol::event&)> on_heard;
  std::function<void(const std::vector<protocol::ump>&, std::uint32_t)> on_sent;
  std::function<void(const protocol::packet_arrival&)> on_arrival;
  std::function<void(std::uint32_t)> on_ack;

private:
  struct flight {
    hub_time at{};
    std::uint64_t order = 0;
    std::uint32_t packet = 0;
    bool is_feedback = false;
    std::vector<protocol::ump> list;
    octets journal;
    bool operator<(const flight& other) const {
      return at != other.at ? at > other.at : order > other.order;
    }
  };

  double draw() { return std::uniform_real_distribution<>(0, 1)(random_); }

  bool is_lost(const simulated_network& way, std::uint32_t& burst_left) {
    if (burst_left > 0 && way.burst > 0) { // a network that heals heals at once
      --burst_left;
      return true;
    }
    if (way.burst > 0 && draw() < way.burst) {
      burst_left = way.burst_size - 1;
      return true;
    }
    return draw() < way.loss;
  }

  void put(const simulated_network& way, std::uint32_t& burst_left, flight packet) {
    auto copies = draw() < way.duplication ? 2 : 1;
    for (; copies > 0; --copies) {
      if (is_lost(way, burst_left))
        continue;
      packet.at =
          now_ + way.delay + std::chrono::duration_cast<hub_time::duration>(draw() * way.jitter);
      packet.order = order_++;
      queue_.push(packet);
    }
  }

  void transmit(const std::vector<protocol::ump>& list) {
    flight packet;
    packet.packet = next_++;
    packet.list = list;
    packet.journal.resize(options_.room);
    packet.journal.resize(sender.encode(packet.journal, packet.packet, now_));
    if (on_sent)
      on_sent(list, packet.packet);
    for (const auto& message : list) {
      sender.record(message, packet.packet);
      collect_sysex(message, sysex_under_way_, sysex_sent);
    }
    ++packets;
    journal_octets += packet.journal.size();
    if (on_journal && !packet.journal.empty())
      on_journal(packet.journal, packet.packet);
    put(options_.forward, forward_burst_, packet);
  }

  void take(const flight& packet) {
    auto arrival = tracker.on_packet(static_cast<std::uint16_t>(packet.packet));
    if (on_arrival)
      on_arrival(arrival);
    if (!arrival.accepted())
      return;
    if (!base_known_) {
      base_known_ = true; // the receiver's numbering may differ from ours by whole rounds
      base_ = packet.packet - arrival.sequence;
    }
    std::vector<protocol::event> events;
    auto outcome = receiver.repair(packet.journal, arrival, false, now_, events, repairs, errors);
    if (outcome == protocol::open_sysex::abandoned)
      decoder_is_open_ = false;
    if (outcome == protocol::open_sysex::reopened)
      decoder_is_open_ = true;
    for (const auto& message : packet.list)
      if (passes_decoder(message)) {
        receiver.deliver(message, arrival.sequence);
        events.push_back({message, now_, true});
      }
    for (const auto& event : events) {
      heard.apply(event.message);
      collect_sysex(event.message, sysex_hearing_, sysex_heard);
      if (on_heard)
        on_heard(event);
    }
    auto is_guard = packet.list.empty() && !packet.journal.empty();
    if (options_.sends_feedback)
      feedback.on_packet(arrival.kind != protocol::arrival_kind::next || is_guard, now_);
  }

  /// Segments of a SysEx whose start was lost are dropped, as the list decoder does.
  bool passes_decoder(const protocol::ump& message) {
    if (!message.is_sysex())
      return true;
    auto form = message.form();
    using protocol::sysex_form;
    auto begins = form == sysex_form::start || form == sysex_form::complete;
    auto passes = begins || decoder_is_open_;
    decoder_is_open_ = passes && (form == sysex_form::start || form == sysex_form::proceed);
    return passes;
  }

  static void collect_sysex(const protocol::ump& message, octets& open,
                            std::map<std::string, int>& whole) {
    using protocol::sysex_form;
    if (!message.is_sysex())
      return;
    auto form = message.form();
    if (form == sysex_form::start || form == sysex_form::complete || form == sysex_form::cancelled)
      open.clear();
    for (unsigned i = 0; i < message.sysex_size(); ++i)
      open.push_back(message.sysex_octet(i));
    if (form == sysex_form::end || form == sysex_form::complete)
      ++whole[to_hex(open)];
  }

  void send_feedback() {
    flight packet;
    packet.is_feedback = true;
    packet.packet = tracker.highest() + base_;
    put(options_.back, back_burst_, packet);
    feedback.on_sent(now_);
  }

  void take_feedback(std::uint32_t packet) {
    if (on_ack)
      on_ack(packet);
    sender.acknowledge(packet);
    guard.on_feedback(!sender.worth_guarding());
  }

  simulation_options options_;
  std::mt19937_64 random_;
  hub_time now_{};
  hub_time watch_at_{};
  std::uint32_t next_;
  std::uint32_t base_ = 0;
  bool base_known_ = false;
  bool decoder_is_open_ = false;
  std::uint32_t forward_burst_ = 0;
  std::uint32_t back_burst_ = 0;
  std::uint64_t order_ = 0;
  octets sysex_under_way_;
  octets sysex_hearing_;
  std::priority_queue<flight> queue_;
};

} // namespace tutti::test
