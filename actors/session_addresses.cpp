#include "actors/session_addresses.hpp"

#include "io/log.hpp"

#include <boost/asio/ip/udp.hpp>

#include <algorithm>
#include <system_error>

namespace tutti {

namespace {

io::endpoint to_endpoint(const boost::asio::ip::address& address, std::uint16_t port) {
  return io::from_socket_address(boost::asio::ip::udp::endpoint(address, port).data());
}

bool contains(const std::vector<io::endpoint>& list, const io::endpoint& wanted) {
  return std::find(list.begin(), list.end(), wanted) != list.end();
}

io::endpoint data_of(const io::endpoint& control) {
  return control.with_port(static_cast<std::uint16_t>(control.port + 1));
}

} // namespace

session_addresses::session_addresses(io::event_loop& loop, config::session session,
                                     const io::udp_options& options)
    : loop_(loop)
    , session_(std::move(session))
    , options_(options)
    , port_(session_.port)
    , control_(std::make_shared<io::socket_group>(port_))
    , data_(std::make_shared<io::socket_group>(static_cast<std::uint16_t>(port_ + 1))) {
}

// An address of all addresses covers the others of its family, and "::" all.
std::vector<io::endpoint>
session_addresses::wanted(const std::vector<io::network_interface>& now) const {
  std::vector<io::endpoint> out;
  auto add = [&](const io::endpoint& where) {
    if (!contains(out, where))
      out.push_back(where);
  };
  for (const auto& name : session_.bind) {
    if (auto literal = io::parse_address(name, port_)) {
      add(*literal);
      continue;
    }
    for (const auto& interface : now)
      if (interface.name == name && interface.up)
        for (const auto& one : interface.addresses)
          if (!one.tentative && !one.short_lived)
            add(to_endpoint(one.address, port_));
  }
  for (auto all : {*io::parse_address("::", port_), *io::parse_address("0.0.0.0", port_)})
    if (contains(out, all))
      std::erase_if(out, [&](const io::endpoint& one) {
        return one != all && (!all.is_v4() || one.is_v4());
      });
  return out;
}

bool session_addresses::follow(const std::vector<io::network_interface>& now) {
  auto before = listens_;
  auto want = wanted(now);
  for (const auto& gone : before)
    if (!contains(want, gone)) {
      control_->remove(gone);
      data_->remove(data_of(gone));
      std::erase(listens_, gone);
      io::log_info("session \"{}\" does not listen at {} any more", session_.name, to_string(gone));
    }
  auto missed = std::exchange(missing_, {});
  for (auto where : want) {
    where.port = port_; // of the first, if any free one was wanted
    if (contains(listens_, where))
      continue;
    try {
      open(where);
    } catch (const std::system_error& error) {
      missing_.insert(to_string(where));
      if (missed.count(to_string(where)) == 0)
        io::log_warning("session \"{}\": {}; trying on", session_.name, error.what());
    }
  }
  return listens_ != before;
}

void session_addresses::open(const io::endpoint& where) {
  auto pair = io::bind_udp_pair(loop_, where, options_);
  port_ = pair.control->local().port;
  listens_.push_back(where.with_port(port_));
  io::log_info("session \"{}\" listens at {}", session_.name, to_string(listens_.back()));
  control_->add(std::move(pair.control));
  data_->add(std::move(pair.data));
}

} // namespace tutti
