// The UDP ports of offered sessions.
// Decides: under which name and on which addresses a session is offered.
// Leaves: sockets (io/udp_socket), what comes in (listener). Thread: the loop thread.
#pragma once

#include "config/settings.hpp"
#include "io/datagram_socket.hpp"
#include "io/event_loop.hpp"

#include <memory>
#include <vector>

namespace tutti {

/// An offered session on one of its addresses, with its ports.
struct bound_session {
  config::session settings; ///< with a name and one address
  std::shared_ptr<io::datagram_socket> control;
  std::shared_ptr<io::datagram_socket> data;
};

/// The session once for each address that it is to listen on, each with a name and one address.
std::vector<config::session> by_address(config::session session);

/// Binds the ports of a session that by_address() gave. Throws std::system_error, whose text tells
/// the address and what is wrong.
bound_session bind_session(io::event_loop& loop, const config::session& session,
                           const config::settings& settings);

} // namespace tutti
