#include "actors/session_ports.hpp"

#include "io/log.hpp"
#include "io/udp_socket.hpp"

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

std::vector<config::session> by_address(config::session session) {
  if (session.name.empty())
    session.name = host_name();
  auto addresses = session.bind.empty() ? std::vector<std::string>{"::"} : session.bind;
  std::vector<config::session> out;
  for (auto& address : addresses) {
    session.bind = {std::move(address)};
    out.push_back(session);
  }
  return out;
}

bound_session bind_session(io::event_loop& loop, const config::session& session,
                           const config::settings& settings) {
  io::udp_options options;
  options.buffer_octets = static_cast<int>(settings.limits.socket_buffer);
  options.dscp = settings.real_time.dscp;
  auto address = io::parse_address(session.bind.front(), session.port);
  if (!address)
    throw std::system_error(EINVAL, std::generic_category(),
                            '"' + session.bind.front() + "\" is no address of this machine");
  auto pair = io::bind_udp_pair(loop, *address, options);
  io::log_info("session \"{}\": socket buffers of {} KiB in and {} KiB out granted ({} KiB asked)",
               session.name, pair.data->granted_receive_buffer() / 1024,
               pair.data->granted_send_buffer() / 1024, options.buffer_octets / 1024);
  return {session, std::move(pair.control), std::move(pair.data)};
}

} // namespace tutti
