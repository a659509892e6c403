#include "io/interface_watcher.hpp"

#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tutti::io {

namespace asio = boost::asio;
namespace ip = boost::asio::ip;

namespace {

void throw_if(bool failed, const char* what) {
  if (failed)
    throw boost::system::system_error(errno, boost::system::system_category(), what);
}

/// Calls `take(type, payload)` for each attribute between the fixed part of a message and its end.
template <class Fixed, class Take>
void for_each_attribute(const nlmsghdr* message, const Fixed* fixed, Take take) {
  auto* attribute = reinterpret_cast<const rtattr*>(reinterpret_cast<const std::uint8_t*>(fixed) +
                                                    NLMSG_ALIGN(sizeof(Fixed)));
  auto left = static_cast<int>(message->nlmsg_len - NLMSG_SPACE(sizeof(Fixed)));
  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left))
    take(attribute->rta_type,
         std::span(static_cast<const std::uint8_t*>(RTA_DATA(attribute)), RTA_PAYLOAD(attribute)));
}

ip::address address_of(std::span<const std::uint8_t> octets, unsigned interface) {
  if (octets.size() == 4) {
    ip::address_v4::bytes_type bytes;
    std::copy(octets.begin(), octets.end(), bytes.begin());
    return ip::address_v4(bytes);
  }
  if (octets.size() == 16) {
    ip::address_v6::bytes_type bytes;
    std::copy(octets.begin(), octets.end(), bytes.begin());
    ip::address_v6 address(bytes);
    if (address.is_link_local())
      address.scope_id(interface);
    return address;
  }
  return {};
}

} // namespace

interface_watcher::interface_watcher(asio::io_context& loop, change_handler on_change)
    : socket_(loop)
    , settle_(loop)
    , on_change_(std::move(on_change)) {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  throw_if(fd < 0, "netlink socket");
  socket_.assign(asio::generic::raw_protocol(AF_NETLINK, NETLINK_ROUTE), fd);
  sockaddr_nl groups{};
  groups.nl_family = AF_NETLINK;
  groups.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  throw_if(::bind(fd, reinterpret_cast<const sockaddr*>(&groups), sizeof groups) < 0,
           "netlink bind");
  read_all();
  told_ = list();
  arm();
}

std::vector<network_interface> interface_watcher::list() const {
  std::vector<network_interface> all;
  for (const auto& [index, interface] : interfaces_)
    if (!interface.name.empty())
      all.push_back(interface);
  return all;
}

/// The kernel answers a dump at once, so waiting for it here waits for nobody else.
void interface_watcher::read_all() {
  interfaces_.clear();
  dump(RTM_GETLINK);
  dump(RTM_GETADDR);
}

void interface_watcher::dump(int type) {
  struct {
    nlmsghdr header;
    rtgenmsg family;
  } request{};
  request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.family);
  request.header.nlmsg_type = static_cast<std::uint16_t>(type);
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.header.nlmsg_seq = ++sequence_;
  request.family.rtgen_family = AF_UNSPEC;
  const int fd = socket_.native_handle();
  throw_if(::send(fd, &request, request.header.nlmsg_len, 0) < 0, "netlink dump");
  for (;;) {
    const auto size = ::recv(fd, buffer_.data(), buffer_.size(), 0);
    if (size >= 0) {
      if (take({buffer_.data(), static_cast<std::size_t>(size)}))
        return;
    } else if (errno == EAGAIN) {
      pollfd readable{fd, POLLIN, 0};
      throw_if(::poll(&readable, 1, 1000) == 0, "netlink dump");
    } else if (errno != EINTR && errno != ENOBUFS) {
      throw_if(true, "netlink dump");
    }
  }
}

void interface_watcher::arm() {
  socket_.async_wait(asio::socket_base::wait_read,
                     [this, alive = std::weak_ptr(life_)](const boost::system::error_code& error) {
                       if (error || alive.expired())
                         return;
                       receive();
                       arm();
                     });
}

void interface_watcher::receive() {
  for (;;) {
    const auto size = ::recv(socket_.native_handle(), buffer_.data(), buffer_.size(), 0);
    if (size >= 0) {
      take({buffer_.data(), static_cast<std::size_t>(size)});
      changed();
    } else if (errno == ENOBUFS) { // messages were lost: the list is read anew
      try {
        read_all();
      } catch (const boost::system::system_error&) {
        // the next message tries again
      }
      changed();
    } else if (errno != EINTR) {
      return;
    }
  }
}

// NLMSG_OK compares signed with unsigned. `left` may be below zero after the padding of the last
// one.
static bool holds_message(const nlmsghdr* message, int left) {
  return left >= static_cast<int>(sizeof *message) && message->nlmsg_len >= sizeof *message &&
         message->nlmsg_len <= static_cast<unsigned>(left);
}

/// True at the end of the current dump.
bool interface_watcher::take(std::span<const std::uint8_t> datagram) {
  auto left = static_cast<int>(datagram.size());
  bool done = false;
  for (auto* message = reinterpret_cast<const nlmsghdr*>(datagram.data());
       holds_message(message, left); message = NLMSG_NEXT(message, left)) {
    switch (message->nlmsg_type) {
    case NLMSG_DONE:
    case NLMSG_ERROR: done = done || message->nlmsg_seq == sequence_; break;
    case RTM_NEWLINK:
    case RTM_DELLINK: take_link(message); break;
    case RTM_NEWADDR:
    case RTM_DELADDR: take_address(message); break;
    default: break;
    }
  }
  return done;
}

void interface_watcher::take_link(const void* data) {
  const auto* message = static_cast<const nlmsghdr*>(data);
  const auto* link = static_cast<const ifinfomsg*>(NLMSG_DATA(message));
  if (message->nlmsg_len < NLMSG_LENGTH(sizeof *link) || link->ifi_family != AF_UNSPEC)
    return; // a bridge tells of its ports in messages of its own family
  const auto index = static_cast<unsigned>(link->ifi_index);
  if (message->nlmsg_type == RTM_DELLINK) {
    interfaces_.erase(index);
    return;
  }
  auto& interface = interfaces_[index];
  interface.index = index;
  interface.up = link->ifi_flags & IFF_UP;
  interface.running = link->ifi_flags & IFF_RUNNING;
  interface.loopback = link->ifi_flags & IFF_LOOPBACK;
  interface.multicast = link->ifi_flags & IFF_MULTICAST;
  for_each_attribute(message, link, [&](unsigned type, std::span<const std::uint8_t> payload) {
    if (type == IFLA_IFNAME)
      interface.name.assign(
          reinterpret_cast<const char*>(payload.data()),
          ::strnlen(reinterpret_cast<const char*>(payload.data()), payload.size()));
  });
}

void interface_watcher::take_address(const void* data) {
  const auto* message = static_cast<const nlmsghdr*>(data);
  const auto* assigned = static_cast<const ifaddrmsg*>(NLMSG_DATA(message));
  if (message->nlmsg_len < NLMSG_LENGTH(sizeof *assigned))
    return;
  std::span<const std::uint8_t> address, local;
  std::uint32_t flags = assigned->ifa_flags;
  for_each_attribute(message, assigned, [&](unsigned type, std::span<const std::uint8_t> payload) {
    if (type == IFA_ADDRESS)
      address = payload;
    else if (type == IFA_LOCAL)
      local = payload; // on a point-to-point link IFA_ADDRESS is the other end
    else if (type == IFA_FLAGS && payload.size() == sizeof flags)
      std::memcpy(&flags, payload.data(), sizeof flags);
  });
  interface_address entry;
  entry.address = address_of(local.empty() ? address : local, assigned->ifa_index);
  entry.prefix_length = assigned->ifa_prefixlen;
  entry.tentative = flags & IFA_F_TENTATIVE;
  entry.short_lived = flags & (IFA_F_TEMPORARY | IFA_F_DEPRECATED);
  const auto found = interfaces_.find(assigned->ifa_index);
  if (entry.address.is_unspecified() || found == interfaces_.end())
    return;
  auto& addresses = found->second.addresses;
  const auto known = std::find_if(addresses.begin(), addresses.end(), [&](const auto& other) {
    return other.address == entry.address && other.prefix_length == entry.prefix_length;
  });
  if (message->nlmsg_type == RTM_DELADDR) {
    if (known != addresses.end())
      addresses.erase(known);
  } else if (known != addresses.end()) {
    *known = entry;
  } else {
    addresses.push_back(entry);
  }
}

void interface_watcher::changed() {
  if (std::exchange(settling_, true))
    return;
  settle_.expires_after(settle_time);
  settle_.async_wait([this, alive = std::weak_ptr(life_)](const boost::system::error_code& error) {
    if (!error && !alive.expired())
      tell();
  });
}

void interface_watcher::tell() {
  settling_ = false;
  auto now = list();
  if (now == told_)
    return; // statistics, or what went and came back meanwhile
  told_ = std::move(now);
  on_change_(told_);
}

} // namespace tutti::io
