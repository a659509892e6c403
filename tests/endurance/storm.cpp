// What an attacker, or a broken device, can send as fast as this machine makes it.
//
//   storm garbage ADDRESS PORT SECONDS      random octets of random length to both ports
//   storm foreign ADDRESS PORT SECONDS      well-formed RTP-MIDI of SSRCs that are in no session
//   storm insider ADDRESS PORT SECONDS      the same from a participant that has joined
//   storm invite  ADDRESS PORT SECONDS [N]  invitations of ever new SSRCs from N (5000) addresses
//   storm visit   ADDRESS PORT COUNT        joins and leaves COUNT times, 64 participants at once
//
// Prints lines "key value". Sends from 127.0.0.0/8 if ADDRESS is there.
#include "protocol/rtp_packet.hpp"
#include "tests/support/participant.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace tutti;
using namespace tutti::protocol;
using namespace std::chrono_literals;
using tutti::test::participant;
using tutti::test::steady_now;

namespace {

constexpr std::size_t burst = 64;
using octets = std::vector<std::uint8_t>;

sockaddr_in address_of(const io::endpoint& where) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(where.port);
  ::inet_pton(AF_INET, io::address_text(where).c_str(), &out.sin_addr);
  return out;
}

/// A socket that has nothing to do with ours; bound to an address of its own if one is given.
class sender {
public:
  explicit sender(std::uint32_t address = 0)
      : fd_(::socket(AF_INET, SOCK_DGRAM, 0)) {
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(address);
    if (fd_ < 0 || ::bind(fd_, reinterpret_cast<sockaddr*>(&own), sizeof own) != 0) {
      std::perror("storm: socket");
      std::exit(2);
    }
  }
  sender(sender&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)) {}
  ~sender() {
    if (fd_ >= 0)
      ::close(fd_);
  }

  void send(const sockaddr_in& to, std::span<octets> datagrams) const {
    std::array<mmsghdr, burst> headers{};
    std::array<iovec, burst> parts;
    for (std::size_t i = 0; i < datagrams.size(); ++i) {
      parts[i] = {datagrams[i].data(), datagrams[i].size()};
      headers[i].msg_hdr.msg_iov = &parts[i];
      headers[i].msg_hdr.msg_iovlen = 1;
      headers[i].msg_hdr.msg_name = const_cast<sockaddr_in*>(&to);
      headers[i].msg_hdr.msg_namelen = sizeof to;
    }
    ::sendmmsg(fd_, headers.data(), static_cast<unsigned>(datagrams.size()), 0);
  }

private:
  int fd_;
};

class generator {
public:
  explicit generator(const io::endpoint& hub)
      : control_(address_of(hub))
      , data_(address_of(hub.with_port(static_cast<std::uint16_t>(hub.port + 1)))) {}

  std::uint32_t number() { return static_cast<std::uint32_t>(random_()); }

  octets garbage() {
    octets out(1 + number() % 256);
    for (auto& octet : out)
      octet = static_cast<std::uint8_t>(number());
    return out;
  }
  octets foreign_rtp() {
    octets out(16);
    auto ssrc = number();
    const std::uint8_t packet[] = {0x80,
                                   0x61,
                                   std::uint8_t(number()),
                                   std::uint8_t(number()),
                                   0,
                                   0,
                                   0,
                                   1,
                                   std::uint8_t(ssrc >> 24),
                                   std::uint8_t(ssrc >> 16),
                                   std::uint8_t(ssrc >> 8),
                                   std::uint8_t(ssrc),
                                   3,
                                   0x90,
                                   60,
                                   100};
    std::memcpy(out.data(), packet, sizeof packet);
    return out;
  }
  octets invitation() {
    octets out{0xFF, 0xFF, 'I', 'N', 0, 0, 0, 2};
    for (int i = 0; i < 8; ++i)
      out.push_back(static_cast<std::uint8_t>(number()));
    for (char c : std::string("Stranger"))
      out.push_back(static_cast<std::uint8_t>(c));
    out.push_back(0);
    return out;
  }

  /// Sends bursts of what `make` makes for this long, from each sender in turn.
  template <class Make>
  void flood(std::chrono::seconds time, std::span<const sender> from, bool to_control, bool to_data,
             Make make) {
    std::vector<octets> some(burst);
    std::uint64_t sent = 0;
    auto begin = steady_now();
    for (std::size_t i = 0; steady_now() < begin + time; ++i) {
      for (auto& one : some)
        one = make();
      if (to_control)
        from[i % from.size()].send(control_, some);
      if (to_data)
        from[i % from.size()].send(data_, some);
      sent += burst * (to_control + to_data);
    }
    auto seconds = std::chrono::duration<double>(steady_now() - begin).count();
    std::printf("sent %llu\nper_second %.0f\n", static_cast<unsigned long long>(sent),
                static_cast<double>(sent) / seconds);
  }

  const sockaddr_in& data() const { return data_; }

private:
  std::minstd_rand random_{7};
  sockaddr_in control_, data_;
};

std::vector<sender> many_addresses(std::size_t count) {
  std::vector<sender> out;
  for (std::size_t i = 0; i < count; ++i)
    out.emplace_back(static_cast<std::uint32_t>(0x7F010001 + i)); // 127.1.0.1 and on
  return out;
}

// A participant that has joined properly, and then plays as if it were thousands.
int flood_from_inside(const io::endpoint& hub, std::chrono::seconds time) {
  io::event_loop loop;
  participant one(loop, "Insider", 0x1051DE, hub);
  one.invite();
  for (auto end = steady_now() + 5s; !one.engine().synchronised() && steady_now() < end;) {
    one.tick();
    loop.run_turn(1ms);
  }
  if (!one.engine().synchronised()) {
    std::printf("the hub could not be joined\n");
    return 1;
  }
  generator make(hub);
  std::uint64_t sent = 0;
  auto begin = steady_now();
  while (steady_now() < begin + time) {
    for (std::size_t i = 0; i < burst; ++i)
      one.send_raw(make.foreign_rtp());
    sent += burst;
    one.tick();
    loop.run_turn(0ms);
  }
  std::printf("sent %llu\nper_second %.0f\n", static_cast<unsigned long long>(sent),
              static_cast<double>(sent) /
                  std::chrono::duration<double>(steady_now() - begin).count());
  one.leave();
  loop.run_turn(0ms);
  return 0;
}

/// Joins, is synchronised, leaves, and again with another SSRC, until the count is done.
class visitors {
public:
  visitors(const io::endpoint& hub, unsigned count)
      : hub_(hub)
      , left_(count) {
    guests_.resize(std::min<std::size_t>(burst, count));
  }

  int run() {
    auto begin = steady_now();
    auto last_progress = begin;
    while (done_ < total()) {
      for (auto& guest : guests_)
        if (step(guest))
          last_progress = steady_now();
      loop_.run_turn(1ms);
      if (steady_now() - last_progress > 30s) {
        std::printf("stuck after %u visits\n", done_);
        return 1;
      }
    }
    for (auto end = steady_now() + 200ms; steady_now() < end;)
      loop_.run_turn(1ms);
    std::printf("visits %u\nper_second %.0f\n", done_,
                done_ / std::chrono::duration<double>(steady_now() - begin).count());
    return 0;
  }

private:
  struct visitor {
    std::unique_ptr<participant> end;
    bool leaving = false;
  };

  unsigned total() const { return done_ + left_ + present_; }

  bool step(visitor& one) {
    if (one.leaving) { // its BY left at the end of the last turn
      one = {};
      --present_;
      ++done_;
      return true;
    }
    if (!one.end) {
      if (left_ == 0)
        return false;
      --left_;
      ++present_;
      io::udp_options small;
      small.buffer_octets = 1 << 16;
      one.end = std::make_unique<participant>(loop_, "Visitor", ++ssrc_, hub_, small);
      one.end->invite();
      return true;
    }
    one.end->tick();
    if (!one.end->engine().synchronised())
      return false;
    one.end->leave();
    one.leaving = true;
    return true;
  }

  io::event_loop loop_;
  io::endpoint hub_;
  unsigned left_;
  unsigned present_ = 0;
  unsigned done_ = 0;
  std::uint32_t ssrc_ = 0x56000000;
  std::vector<visitor> guests_;
};

} // namespace

int main(int argc, char** argv) {
  auto hub = argc > 4 ? io::parse_address(argv[2], static_cast<std::uint16_t>(std::atoi(argv[3])))
                      : std::nullopt;
  if (!hub || !hub->is_v4()) {
    std::fprintf(stderr,
                 "usage: storm garbage|foreign|insider|invite|visit ADDRESS PORT SECONDS|COUNT\n");
    return 2;
  }
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  std::string kind = argv[1];
  auto time = std::chrono::seconds(std::atoi(argv[4]));
  generator make(*hub);
  auto one = many_addresses(kind == "invite" && argc > 5 ? std::strtoul(argv[5], nullptr, 10)
                            : kind == "invite"           ? 5000
                                                         : 1);
  if (kind == "visit")
    return visitors(*hub, static_cast<unsigned>(std::atoi(argv[4]))).run();
  if (kind == "insider")
    return flood_from_inside(*hub, time);
  if (kind == "garbage")
    make.flood(time, one, true, true, [&] { return make.garbage(); });
  else if (kind == "foreign")
    make.flood(time, one, false, true, [&] { return make.foreign_rtp(); });
  else if (kind == "invite")
    make.flood(time, one, true, false, [&] { return make.invitation(); });
  else
    return 2;
  return 0;
}
