// The network interfaces of this host and their addresses, followed as they come and go.
// Decides: nothing; keeps the kernel's list. Leaves: what a change means (listeners, discovery).
// Spec: rtnetlink(7). Thread: the loop's; the handler is called from the loop only.
#pragma once

#include "io/network_interface.hpp"

#include <boost/asio/generic/raw_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

namespace tutti::io {

class interface_watcher {
public:
  /// Called after a change, with the whole list as list() gives it. Must not destroy the watcher.
  using change_handler = std::function<void(const std::vector<network_interface>&)>;

  /// A change is told once nothing has followed it for this long: taking a link up is many
  /// messages.
  static constexpr auto settle_time = std::chrono::milliseconds(20);

  /// Reads the current list before it returns. Throws boost::system::system_error if the kernel
  /// refuses the socket.
  interface_watcher(boost::asio::io_context& loop, change_handler on_change);
  interface_watcher(const interface_watcher&) = delete;
  interface_watcher& operator=(const interface_watcher&) = delete;

  /// By index.
  std::vector<network_interface> list() const;

private:
  void read_all();
  void dump(int type);
  void receive();
  void arm();
  bool take(std::span<const std::uint8_t> datagram);
  void take_link(const void* data);
  void take_address(const void* data);
  void changed();
  void tell();

  boost::asio::generic::raw_protocol::socket socket_;
  boost::asio::steady_timer settle_;
  change_handler on_change_;
  std::map<unsigned, network_interface> interfaces_;
  std::vector<network_interface> told_;
  std::uint32_t sequence_ = 0;
  bool settling_ = false;
  alignas(std::uint64_t)
      std::array<std::uint8_t, 32768> buffer_; ///< the kernel's largest dump message, netlink(7)
  std::shared_ptr<char> life_ = std::make_shared<char>();
};

} // namespace tutti::io
