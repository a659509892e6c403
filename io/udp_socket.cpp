#include "io/udp_socket.hpp"

#include "io/real_time.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <system_error>
#include <utility>

#include <linux/errqueue.h>
#include <linux/sock_diag.h>
#include <netinet/udp.h>
#include <unistd.h>

namespace tutti::io {

namespace {

// Datagrams handed to the system in one call.
constexpr std::size_t send_burst = 256;
// The kernel's limits for one segmented send (UDP_MAX_SEGMENTS, and 64 KiB less headers).
constexpr std::size_t max_segments = 64;
constexpr std::size_t max_segmented_octets = 60'000;

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

void set_option(int fd, int level, int option, int value) {
  ::setsockopt(fd, level, option, &value, sizeof value);
}

int int_option(int fd, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  ::getsockopt(fd, SOL_SOCKET, option, &value, &size);
  return value;
}

} // namespace

udp_socket::udp_socket(event_loop& loop, const endpoint& where, const udp_options& options)
    : loop_(loop)
    , descriptor_(loop.context())
    , rest_timer_(loop.context())
    , filter_timer_(loop.context())
    , rest_(options.rest)
    , queue_limit_(options.send_queue_octets)
    , handlers_(std::make_shared<handler_pair>())
    , pool_(datagram_pool::make()) {
  open(where);
  size_buffers(options.buffer_octets);
  mark_packets(fd_, options.dscp);
  descriptor_.assign(fd_);
  flush_id_ = loop_.add_flush([this] { finish_turn(); });
}

udp_socket::~udp_socket() {
  assert(!flushing_); // a handler may close the socket, not destroy it
  close();
}

void udp_socket::open(const endpoint& where) {
  family_ = where.is_v4() ? AF_INET : AF_INET6;
  auto flags = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  fd_ = ::socket(family_, flags, 0);
  if (fd_ < 0 && errno == EAFNOSUPPORT && family_ == AF_INET6 && where.is_unspecified()) {
    family_ = AF_INET;
    fd_ = ::socket(family_, flags, 0);
  }
  if (fd_ < 0)
    fail(errno, "cannot open a UDP socket");
  if (family_ == AF_INET6) {
    set_option(fd_, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    set_option(fd_, IPPROTO_IPV6, IPV6_RECVERR, 1);
  }
  set_option(fd_, IPPROTO_IP, IP_RECVERR, 1);
  auto address = to_socket_address(where, family_);
  if (::bind(fd_, address.get(), address.size) < 0) {
    auto error = errno;
    ::close(std::exchange(fd_, -1));
    fail(error, "cannot bind UDP port " + to_string(where));
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(fd_, reinterpret_cast<sockaddr*>(&bound), &size);
  local_ = from_socket_address(reinterpret_cast<sockaddr*>(&bound));
}

// The forced variants pass the system's limit and need a privilege; without it the limit stands.
void udp_socket::size_buffers(int octets) {
  auto ask = [&](int forced, int plain) {
    if (::setsockopt(fd_, SOL_SOCKET, forced, &octets, sizeof octets) < 0)
      set_option(fd_, SOL_SOCKET, plain, octets);
  };
  ask(SO_RCVBUFFORCE, SO_RCVBUF);
  ask(SO_SNDBUFFORCE, SO_SNDBUF);
  // The system doubles what is asked, for its own bookkeeping, and reports the double.
  granted_receive_ = int_option(fd_, SO_RCVBUF) / 2;
  granted_send_ = int_option(fd_, SO_SNDBUF) / 2;
}

void udp_socket::start(receiver on_receive, unreachable_handler on_unreachable) {
  handlers_->receive = std::move(on_receive);
  handlers_->unreachable = std::move(on_unreachable);
  if (poll_id_ != 0)
    return; // another receiver takes over
  poll_id_ = loop_.add_poll([this] { return receive(); });
  arm_receive();
}

// Waiting again costs a system call, so it is done at the end of the turn, when what arrived has
// been passed on. A wait may be over, and its handler queued, when the socket is closed and gone;
// then handlers_ is gone too.
[[gnu::hot]] void udp_socket::arm_receive() {
  receive_armed_ = true;
  descriptor_.async_wait(
      boost::asio::posix::stream_descriptor::wait_read,
      [this, open = std::weak_ptr(handlers_)](const boost::system::error_code& error) {
        if (error || open.expired())
          return;
        receive_armed_ = false;
        if (!receive())
          read_errors(); // an error alone makes a socket readable too
      });
}

[[gnu::hot]] bool udp_socket::receive() {
  auto handlers = handlers_; // the receiver may close the socket
  if (!handlers || !handlers->receive || resting_)
    return false;
  auto block = pool_->take();
  std::array<mmsghdr, receive_burst> headers;
  std::array<iovec, receive_burst> parts;
  std::array<sockaddr_in6, receive_burst> senders;
  for (std::size_t i = 0; i < expected_; ++i) {
    auto room = block->room(i);
    parts[i] = {room.data(), room.size()};
    headers[i].msg_hdr = {&senders[i], sizeof senders[i], &parts[i], 1, nullptr, 0, 0};
  }
  auto count = ::recvmmsg(fd_, headers.data(), expected_, MSG_DONTWAIT, nullptr);
  if (count < 0) {
    refuse_foreign_descriptor(errno);
    if (errno != EAGAIN && errno != EINTR && !read_errors())
      ++counters_.receive_errors;
    return false;
  }
  block->count = 0;
  block->arrived = std::chrono::steady_clock::now().time_since_epoch();
  for (int i = 0; i < count; ++i) {
    auto& slot = block->slots[static_cast<std::size_t>(i)];
    slot.from =
        from_socket_address(reinterpret_cast<sockaddr*>(&senders[static_cast<std::size_t>(i)]));
    auto size = headers[static_cast<std::size_t>(i)].msg_len;
    auto oversize = size > max_datagram;
    slot.size = oversize ? 0 : static_cast<std::uint16_t>(size);
    slot.next = datagram_block::end;
    counters_.oversize_in += oversize;
    counters_.bytes_in += size;
  }
  block->count = static_cast<std::size_t>(count);
  expected_ = std::clamp(2u * static_cast<unsigned>(count), fewest_expected,
                         static_cast<unsigned>(receive_burst));
  counters_.datagrams_in += static_cast<std::size_t>(count);
  if (static_cast<std::size_t>(count) == receive_burst && rest_.count() > 0)
    rest();
  if (count > 0)
    handlers->receive(std::move(block));
  return count > 0;
}

// The end of the turn in which the rest ends waits for more.
void udp_socket::rest() {
  resting_ = true;
  rest_timer_.expires_after(rest_);
  rest_timer_.async_wait(
      [this, open = std::weak_ptr(handlers_)](const boost::system::error_code& error) {
        if (!error && !open.expired())
          resting_ = false;
      });
}

void udp_socket::drop_foreign(const endpoint& from, std::uint32_t ssrc,
                              std::chrono::milliseconds time) {
  if (time.count() > 0)
    filter_.add(from, ssrc, std::chrono::steady_clock::now() + time);
  else if (!filter_.remove(from))
    return;
  attach_filter();
}

// Where the system takes no filter, the flood costs what it costs.
void udp_socket::attach_filter() {
  if (fd_ < 0)
    return;
  if (filter_.empty()) {
    set_option(fd_, SOL_SOCKET, SO_DETACH_FILTER, 0);
  } else {
    auto code = filter_.program();
    sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
    ::setsockopt(fd_, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
  }
  plan_expiry();
}

void udp_socket::plan_expiry() {
  if (filter_.empty())
    return;
  filter_timer_.expires_at(filter_.next_expiry());
  filter_timer_.async_wait(
      [this, open = std::weak_ptr(handlers_)](const boost::system::error_code& error) {
        if (error || open.expired())
          return;
        counters(); // before the system's count wraps
        if (filter_.expire(std::chrono::steady_clock::now()))
          attach_filter();
        else
          plan_expiry();
      });
}

const datagram_counters& udp_socket::counters() const noexcept {
  std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
  socklen_t size = sizeof memory;
  if (fd_ >= 0 && ::getsockopt(fd_, SOL_SOCKET, SO_MEMINFO, memory.data(), &size) == 0 &&
      size > SK_MEMINFO_DROPS * sizeof memory[0])
    counters_.system_drops +=
        memory[SK_MEMINFO_DROPS] - std::exchange(drops_seen_, memory[SK_MEMINFO_DROPS]);
  return counters_;
}

// ICMP errors wait in the socket's error queue with the destination they are about. True if there
// were any.
bool udp_socket::read_errors() {
  auto any = false;
  while (fd_ >= 0) {
    std::array<std::uint8_t, 512> control;
    sockaddr_in6 about{};
    msghdr header{};
    header.msg_name = &about;
    header.msg_namelen = sizeof about;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    if (::recvmsg(fd_, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
      break;
    any = true;
    for (auto part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
      auto is_error = (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR) ||
                      (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR);
      if (!is_error)
        continue;
      auto error = reinterpret_cast<const sock_extended_err*>(CMSG_DATA(part));
      auto from_network =
          error->ee_origin == SO_EE_ORIGIN_ICMP || error->ee_origin == SO_EE_ORIGIN_ICMP6;
      auto nobody = error->ee_errno == ECONNREFUSED || error->ee_errno == EHOSTUNREACH ||
                    error->ee_errno == ENETUNREACH;
      if (from_network && nobody)
        report_unreachable(from_socket_address(reinterpret_cast<sockaddr*>(&about)));
    }
  }
  return any;
}

void udp_socket::report_unreachable(const endpoint& where) {
  auto handlers = handlers_; // the handler may close the socket
  if (handlers && handlers->unreachable)
    handlers->unreachable(where);
}

[[gnu::hot]] void udp_socket::send(const endpoint& to, std::span<const std::uint8_t> bytes) {
  if (fd_ < 0)
    return;
  if (family_ == AF_INET && !to.is_v4()) {
    ++counters_.send_errors;
    return report_unreachable(to);
  }
  auto left = first_queued_ < queue_.size() ? queue_[first_queued_].offset : outgoing_.size();
  if (outgoing_.size() - left + bytes.size() > queue_limit_) {
    ++counters_.queue_drops;
    return;
  }
  queue_.push_back(
      {to, static_cast<std::uint32_t>(outgoing_.size()), static_cast<std::uint32_t>(bytes.size())});
  outgoing_.insert(outgoing_.end(), bytes.begin(), bytes.end());
}

[[gnu::hot]] bool udp_socket::send_now_if_last() {
  if (loop_.pending())
    return false;
  flush();
  return queue_.empty();
}

[[gnu::hot]] void udp_socket::finish_turn() {
  flush();
  if (poll_id_ != 0 && fd_ >= 0 && !receive_armed_ && !resting_)
    arm_receive();
}

[[gnu::hot]] void udp_socket::flush() {
  if (queue_.empty() || waiting_to_send_ || flushing_)
    return;
  flushing_ = true; // what an error handler does waits for the next turn
  while (first_queued_ < queue_.size()) {
    auto progress = send_some(first_queued_);
    if (progress == 0)
      break;
    first_queued_ += progress;
  }
  flushing_ = false;
  forget_sent();
  if (close_after_flush_)
    close_now();
  else if (!queue_.empty())
    arm_send();
}

// Moves what still waits to the front, but not for every few that left: each octet moves at most
// about once.
[[gnu::hot]] void udp_socket::forget_sent() {
  if (first_queued_ < queue_.size() - first_queued_)
    return;
  auto begin = first_queued_ < queue_.size() ? queue_[first_queued_].offset
                                             : static_cast<std::uint32_t>(outgoing_.size());
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(first_queued_));
  outgoing_.erase(outgoing_.begin(), outgoing_.begin() + begin);
  for (auto& one : queue_)
    one.offset -= begin;
  first_queued_ = 0;
}

void udp_socket::arm_send() {
  waiting_to_send_ = true;
  descriptor_.async_wait(
      boost::asio::posix::stream_descriptor::wait_write,
      [this, open = std::weak_ptr(handlers_)](const boost::system::error_code& error) {
        if (!error && !open.expired())
          waiting_to_send_ = false; // this turn's flush goes on
      });
}

// One sendmmsg. Neighbours in the queue that go to one destination and are equally long leave as
// one segmented send (UDP_SEGMENT), which spares the system most of its work in a flood. Gives the
// number of datagrams dealt with; 0 if the system takes no more now.
[[gnu::hot]] std::size_t udp_socket::send_some(std::size_t from) {
  std::array<mmsghdr, send_burst> headers;
  std::array<iovec, send_burst> parts;
  std::array<socket_address, send_burst> addresses;
  std::array<std::array<std::uint8_t, CMSG_SPACE(sizeof(std::uint16_t))>, send_burst> controls;
  std::array<std::size_t, send_burst> ends;
  std::size_t used = 0;
  auto next = from;
  while (used < send_burst && next < queue_.size()) {
    const auto& first = queue_[next];
    auto run = next + 1;
    std::size_t octets = first.size;
    if (generic_segmentation_ && first.size > 0)
      while (run < queue_.size() && run - next < max_segments && queue_[run].to == first.to &&
             queue_[run].size == first.size && octets + first.size <= max_segmented_octets) {
        octets += first.size;
        ++run;
      }
    addresses[used] = to_socket_address(first.to, family_);
    parts[used] = {outgoing_.data() + first.offset, octets};
    auto& header = headers[used].msg_hdr;
    header = {};
    header.msg_name = addresses[used].get();
    header.msg_namelen = addresses[used].size;
    header.msg_iov = &parts[used];
    header.msg_iovlen = 1;
    if (run - next > 1) {
      header.msg_control = controls[used].data();
      header.msg_controllen = controls[used].size();
      auto part = CMSG_FIRSTHDR(&header);
      part->cmsg_level = SOL_UDP;
      part->cmsg_type = UDP_SEGMENT;
      part->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
      auto segment = static_cast<std::uint16_t>(first.size);
      std::memcpy(CMSG_DATA(part), &segment, sizeof segment);
    }
    ends[used++] = next = run;
  }
  auto count = ::sendmmsg(fd_, headers.data(), static_cast<unsigned>(used), MSG_DONTWAIT);
  if (count > 0) {
    auto end = ends[static_cast<std::size_t>(count) - 1];
    counters_.datagrams_out += end - from;
    for (auto i = from; i < end; ++i)
      counters_.bytes_out += queue_[i].size;
    return end - from;
  }
  return handle_send_error(errno, from, ends[0] - from);
}

// Somebody else has closed the descriptor. Its number may be another file's at any moment, so
// nothing can be done with it, and a hub that is deaf must not go on: what started it starts it
// again.
void udp_socket::refuse_foreign_descriptor(int error) const {
  if (error != EBADF && error != ENOTSOCK)
    return;
  std::fprintf(stderr, "the socket of UDP port %s was closed behind the hub's back\n",
               to_string(local_).c_str());
  std::abort();
}

// The first `run` datagrams from `from` on were not taken. A failed call may also report the fate
// of an earlier datagram (ICMP), so each refusal is tried once more before it counts.
std::size_t udp_socket::handle_send_error(int error, std::size_t from, std::size_t run) {
  refuse_foreign_descriptor(error);
  if (error == EAGAIN || error == EINTR)
    return 0;
  auto segments_refused =
      run > 1 && (error == EIO || error == EINVAL || error == EMSGSIZE || error == EOPNOTSUPP);
  read_errors();
  const auto& first = queue_[from];
  auto address = to_socket_address(first.to, family_);
  auto sent = ::sendto(fd_, outgoing_.data() + first.offset, first.size, MSG_DONTWAIT,
                       address.get(), address.size);
  if (sent >= 0) {
    if (segments_refused)
      generic_segmentation_ = false; // this route takes none; from now on one by one
    ++counters_.datagrams_out;
    counters_.bytes_out += first.size;
    return 1;
  }
  if (errno == EAGAIN || errno == EINTR)
    return 0;
  ++counters_.send_errors;
  if (errno == ENETUNREACH || errno == EHOSTUNREACH || errno == ECONNREFUSED)
    report_unreachable(endpoint(first.to));
  return 1;
}

void udp_socket::close() {
  if (fd_ < 0)
    return;
  if (flushing_) {
    close_after_flush_ = true;
    return;
  }
  flush();
  close_now();
}

void udp_socket::close_now() {
  if (fd_ < 0)
    return;
  loop_.remove_flush(flush_id_);
  loop_.remove_poll(poll_id_);
  handlers_.reset();
  counters();
  boost::system::error_code ignored;
  descriptor_.close(ignored);
  fd_ = -1;
}

udp_pair bind_udp_pair(event_loop& loop, const endpoint& where, const udp_options& options) {
  auto bind_both = [&](std::uint16_t port) {
    udp_pair pair;
    auto for_control = options;
    for_control.rest = control_rest;
    pair.control = std::make_unique<udp_socket>(loop, where.with_port(port), for_control);
    pair.data = std::make_unique<udp_socket>(
        loop, where.with_port(static_cast<std::uint16_t>(pair.control->local().port + 1)), options);
    return pair;
  };
  if (where.port == 65535)
    fail(EINVAL, "no UDP port follows " + to_string(where) + " to be the data port");
  if (where.port != 0)
    return bind_both(where.port);
  // Even ports of the dynamic range, in random order; each try is one bind at least.
  constexpr int tries = 200;
  std::minstd_rand random(std::random_device{}());
  std::uniform_int_distribution<int> even(49152 / 2, 65534 / 2);
  for (int i = 0;; ++i) {
    try {
      return bind_both(static_cast<std::uint16_t>(2 * even(random)));
    } catch (const std::system_error& error) {
      if (i == tries || error.code().value() != EADDRINUSE)
        throw;
    }
  }
}

} // namespace tutti::io
