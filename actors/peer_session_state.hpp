// A peer session's inside. What each member does: peer_session.cpp for the data path,
// peer_session_invitations.cpp for the race of addresses and what begins and ends a session,
// peer_session_notices.cpp for what others are told.
// Thread: owned by one peer session actor.
#pragma once

#include "actors/flood_watch.hpp"
#include "actors/spawn.hpp"
#include "io/attempt_schedule.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tutti {

struct peer_session_state {
  explicit peer_session_state(peer_session_actor::pointer pointer)
      : self(pointer) {}
  /// What a failure left half performed is not for the next session to perform.
  ~peer_session_state() {
    if (out_)
      out_->clear();
  }

  void start(session_context_ptr context_to_use, port_key key, const peer_address& address,
             router_actor router, listener_actor listener, std::string partner);
  void on_datagrams(protocol::channel from, const datagram_chain& chain);
  void on_batch(const batch_ptr& batch);
  void on_invited(const protocol::invitation& received, protocol::channel from,
                  const io::endpoint& sender);
  void invite(const std::vector<io::endpoint>& candidates);
  void abandon(farewell how);
  void attach();
  void on_unreachable(const io::endpoint& where);
  void on_tick();
  void leave();
  peer_info status() const;

  static inline const char* name = "peer_session";

private:
  protocol::hub_time now() const;
  io::attempt_schedule::time_point race_time() const { return self->clock().now(); }
  bool is_inviting() const {
    return engine_->state() == protocol::handshake_state::inviting_control;
  }
  void follow_race();
  void run_race();
  void stop_flood(const io::endpoint& sender);
  void end_flood_rest();
  bool is_refusal_of_one(protocol::channel from, const io::endpoint& sender,
                         protocol::byte_view datagram);
  void send(const protocol::datagram_list::item& datagram);
  /// Carries out what the engine left in *out_, and plans the next tick.
  void perform();
  void on_notice(const protocol::session_notice& notice);
  void arrive();
  void detach();
  void plan_tick();
  void tell(const char* what);
  std::string who() const;

  peer_session_actor::pointer self;
  session_context_ptr context_;
  port_key key_ = 0;
  peer_address address_;
  router_actor router_;
  std::string partner_; ///< id of the local port that it is for; empty: none
  listener_actor listener_;
  std::unique_ptr<protocol::session_engine> engine_;
  std::vector<io::endpoint> candidates_; ///< where it is invited, the best first
  struct race {
    io::attempt_schedule attempts;
    std::uint32_t token;                  ///< of the invitation
    std::vector<std::uint8_t> invitation; ///< its IN
  };
  std::unique_ptr<race> race_;              ///< while its control port is invited
  io::endpoint reply_to_;                   ///< where an IN came from, while it is answered
  protocol::session_output* out_ = nullptr; ///< the context's; empty between messages
  protocol::hub_time planned_ = protocol::hub_time::max();
  protocol::hub_time arrived_{}; ///< of the datagrams at hand
  std::uint32_t exchanges_ = 0;
  io::time_histogram round_trips_;
  struct flood {
    flood_watch watch;
    io::endpoint from;
  };
  std::unique_ptr<flood> flood_; ///< once there was something like one
  bool arriving_ = false; ///< in session, but the listener has yet to say that it is the only one
  std::vector<batch_ptr> early_; ///< what was played meanwhile: within one turn of the loop
  bool attached_ = false;
  bool complained_ = false; ///< the last failed invitation was logged
};

} // namespace tutti
