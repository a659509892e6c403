// Who may join a session by inviting the hub: who waits, and what was decided before.
// Decides: yes, no, or wait; how long one waits; which decision an approval leaves behind.
// Leaves: what the lists of the configuration mean (config/admission), answering on the wire
// (listener), asking the operator (control), time (an argument). Thread: values.
#pragma once

#include "config/settings.hpp"
#include "io/endpoint.hpp"
#include "protocol/apple_command.hpp"
#include "protocol/event.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tutti {

/// How long a decision about somebody holds.
enum class decision_term : std::uint8_t {
  once,    ///< for one joining
  restart, ///< until the hub starts again
  always,  ///< kept in the state file
};

/// What was decided about a host and the name that it gives; names alone can be forged.
struct admission_decision {
  std::string host; ///< address without port
  std::string name;
  bool admitted = false;
  decision_term term = decision_term::once;

  friend bool operator==(const admission_decision&, const admission_decision&) = default;
};

/// Somebody who waits for the operator's word.
struct pending_invitation {
  std::uint64_t id = 0;
  std::string session;
  std::string name;
  io::endpoint address;
  protocol::hub_time since{};
  protocol::invitation last; ///< its newest IN
  protocol::hub_time last_at{};
};

enum class admission_verdict : std::uint8_t { admit, refuse, wait };

class admission {
public:
  /// Who has not repeated its invitation for this long does not wait any more. Peers give up after
  /// about 13 s; an approval within a minute still counts for their next try.
  static constexpr std::chrono::seconds patience{60};
  /// An invitation this young can still be answered.
  static constexpr std::chrono::seconds answerable{2};
  static constexpr std::size_t max_pending = 256;    ///< the one silent longest goes first
  static constexpr std::size_t max_decisions = 4096; ///< the oldest goes first

  admission(std::string session, config::invitations policy)
      : session_(std::move(session))
      , policy_(std::move(policy)) {}

  /// Judges an invitation. Sets `news` if somebody began to wait.
  admission_verdict judge(const io::endpoint& from, const protocol::invitation& received,
                          protocol::hub_time now, bool& news);

  /// Decides about one who waits; it waits no more. Nothing if there is none with this id.
  std::optional<pending_invitation> decide(std::uint64_t id, bool admitted, decision_term term,
                                           protocol::hub_time now);
  /// True if the invitation can be answered now; else the decision serves the next one.
  static bool is_answerable(const pending_invitation& one, protocol::hub_time now) {
    return now - one.last_at <= answerable;
  }

  void set_policy(config::invitations policy) { policy_ = std::move(policy); }
  config::invitation_policy policy() const noexcept { return policy_.policy; }

  /// Those who waited for too long without a new invitation are forgotten.
  std::vector<pending_invitation> expire(protocol::hub_time now);
  const std::vector<pending_invitation>& pending() const noexcept { return pending_; }

  const std::vector<admission_decision>& decisions() const noexcept { return decisions_; }
  /// A decision of before; replaces one about the same host and name.
  void remember(admission_decision decision);
  bool forget(const std::string& host, const std::string& name);

private:
  std::optional<bool> decided(const std::string& host, const std::string& name);
  bool wait(const io::endpoint& from, const protocol::invitation& received, protocol::hub_time now);

  std::string session_;
  config::invitations policy_;
  std::vector<pending_invitation> pending_;
  std::vector<admission_decision> decisions_;
};

} // namespace tutti
