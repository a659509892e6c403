#include "actors/session_ports.hpp"

#include "io/interface_watcher.hpp"
#include "io/log.hpp"
#include "io/udp_socket.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <unistd.h>

namespace tutti {

namespace {

std::string host_name() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  std::string text(name);
  return text.empty() ? "Tutti" : text.substr(0, text.find('.'));
}

} // namespace

std::vector<io::endpoint> bound_session::listens() const {
  return addresses ? addresses->listens() : std::vector{control->local()};
}

config::session with_defaults(config::session session) {
  if (session.name.empty())
    session.name = host_name();
  if (session.bind.empty())
    session.bind = {"::"};
  return session;
}

namespace {

bound_session bind_addresses(io::event_loop& loop, const config::session& session,
                             const io::udp_options& options) {
  auto addresses = std::make_shared<session_addresses>(loop, session, options);
  addresses->follow(io::interface_watcher(loop.context(), {}).list());
  auto is_literal = [](const std::string& one) { return io::parse_address(one).has_value(); };
  if (addresses->listens().empty() &&
      std::all_of(session.bind.begin(), session.bind.end(), is_literal))
    throw std::system_error(EADDRNOTAVAIL, std::generic_category(),
                            "session \"" + session.name + "\" can listen nowhere");
  if (addresses->listens().empty())
    io::log_warning("session \"{}\" waits for an interface to listen on", session.name);
  return {session, addresses->control(), addresses->data(), addresses};
}

} // namespace

bound_session bind_session(io::event_loop& loop, const config::session& session,
                           const config::settings& settings) {
  io::udp_options options;
  options.buffer_octets = static_cast<int>(settings.limits.socket_buffer);
  options.dscp = settings.real_time.dscp;
  auto address = io::parse_address(session.bind.front(), session.port);
  if (session.bind.size() > 1 || !address)
    return bind_addresses(loop, session, options);
  auto pair = io::bind_udp_pair(loop, *address, options);
  io::log_info("session \"{}\": socket buffers of {} KiB in and {} KiB out granted ({} KiB asked)",
               session.name, pair.data->granted_receive_buffer() / 1024,
               pair.data->granted_send_buffer() / 1024, options.buffer_octets / 1024);
  return {session, std::move(pair.control), std::move(pair.data)};
}

} // namespace tutti
