// The UDP ports of offered sessions.
// Decides: under which name and on which addresses a session is offered.
// Leaves: sockets (io/udp_socket), addresses that come and go (session_addresses), what comes in
// (listener). Thread: the loop thread.
#pragma once

#include "actors/session_addresses.hpp"

#include <memory>
#include <vector>

namespace tutti {

/// An offered session with its ports.
struct bound_session {
  config::session settings; ///< as with_defaults() gives them
  std::shared_ptr<io::datagram_socket> control;
  std::shared_ptr<io::datagram_socket> data;
  std::shared_ptr<session_addresses> addresses{}; ///< if they come and go

  /// Control addresses that it listens on just now.
  std::vector<io::endpoint> listens() const;
};

/// The session with a name and at least one address.
config::session with_defaults(config::session session);

/// Binds the ports of a session that with_defaults() gave. Throws std::system_error, whose text
/// tells the address and what is wrong; where there are several addresses, only if all are literals
/// and none of them can be had.
bound_session bind_session(io::event_loop& loop, const config::session& session,
                           const config::settings& settings);

} // namespace tutti
