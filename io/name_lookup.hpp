// Host names to addresses, off the loop.
// Decides: how many names are looked up at once, and that no slow name delays the end of the
// process. Leaves: trying again (the caller), ranking the addresses (address_order). Spec:
// getaddrinfo(3), with the machine's own order of files, DNS and whatever else it is set up for.
// Thread: the loop's; getaddrinfo runs on threads of its own, which cannot be interrupted and are
// therefore never waited for. (Asio's resolver has one thread for all and joins it: a dead name
// server would delay every other name, and the shutdown.)
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tutti::io {

struct name_result {
  std::vector<boost::asio::ip::udp::endpoint> endpoints; ///< in the system's order; unique
  std::string error;                                     ///< why there are none; part of a sentence
};

class name_lookup {
public:
  using handler = std::function<void(name_result)>;

  /// Names that are looked up at the same time, and that may wait for one of these to end.
  static constexpr std::size_t max_threads = 4;
  static constexpr std::size_t max_waiting = 64;

  explicit name_lookup(boost::asio::io_context& loop);
  /// No handler is called after.
  ~name_lookup();
  name_lookup(const name_lookup&) = delete;
  name_lookup& operator=(const name_lookup&) = delete;

  /// `host` is a name, an IPv4 address or an IPv6 address, maybe with a scope ("fe80::1%eth0"). The
  /// handler is called on the loop, never from inside this call.
  void find(std::string host, std::uint16_t port, handler done);

private:
  struct state;
  std::shared_ptr<state> state_;
};

} // namespace tutti::io
