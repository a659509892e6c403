// The floor: a bare UDP relay. What comes from one peer goes to all others, unread.
// Decides: nothing but the shape of the system calls: one blocking recvmmsg, one sendmmsg for all
// that came with it; 4 MiB socket buffers; no copy, no parsing, no clock.
// Leaves: everything that a hub does. The end-to-end benchmark measures the hub against this.
// Thread: one.
//
//   relay PEER_PORT...      peers on 127.0.0.1; prints where it listens, runs until a signal
#include <arpa/inet.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr int buffer_octets = 4 << 20;
constexpr unsigned max_received = 64;
constexpr unsigned max_sent = 1024; // the kernel takes no more in one call
constexpr std::size_t max_datagram = 2048;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

/// A bound socket, or the end of the program.
int open_socket() {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_octets, sizeof buffer_octets);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer_octets, sizeof buffer_octets);
  auto address = loopback(0);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) < 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) < 0) {
    std::perror("relay");
    std::exit(1);
  }
  std::printf("relay listening on udp 127.0.0.1:%u\n", unsigned(ntohs(address.sin_port)));
  std::fflush(stdout);
  return fd;
}

class relay {
public:
  relay(int fd, std::vector<sockaddr_in> peers)
      : fd_(fd)
      , peers_(std::move(peers)) {
    for (unsigned i = 0; i < max_received; ++i) {
      in_pieces_[i] = {octets_[i].data(), max_datagram};
      in_[i].msg_hdr = {&senders_[i], sizeof senders_[i], &in_pieces_[i], 1, nullptr, 0, 0};
    }
  }

  [[noreturn]] void run() {
    for (;;) {
      int count = recvmmsg(fd_, in_.data(), max_received, MSG_WAITFORONE, nullptr);
      for (int i = 0; i < count; ++i)
        forward(static_cast<unsigned>(i));
      flush();
    }
  }

private:
  void forward(unsigned i) {
    out_pieces_[i] = {octets_[i].data(), in_[i].msg_len};
    for (auto& peer : peers_) {
      if (peer.sin_port == senders_[i].sin_port)
        continue;
      if (queued_ == max_sent)
        flush();
      out_[queued_++].msg_hdr = {&peer, sizeof peer, &out_pieces_[i], 1, nullptr, 0, 0};
    }
  }

  /// A datagram that cannot be sent is dropped, as a network would.
  void flush() {
    for (unsigned done = 0; done < queued_;) {
      int sent = sendmmsg(fd_, out_.data() + done, queued_ - done, 0);
      done += sent > 0 ? static_cast<unsigned>(sent) : 1;
    }
    queued_ = 0;
  }

  int fd_;
  std::vector<sockaddr_in> peers_;
  std::array<std::array<std::uint8_t, max_datagram>, max_received> octets_;
  std::array<sockaddr_in, max_received> senders_{};
  std::array<iovec, max_received> in_pieces_{};
  std::array<iovec, max_received> out_pieces_{};
  std::array<mmsghdr, max_received> in_{};
  std::array<mmsghdr, max_sent> out_{};
  unsigned queued_ = 0;
};

} // namespace

int main(int argc, char** argv) {
  std::vector<sockaddr_in> peers;
  for (int i = 1; i < argc; ++i)
    peers.push_back(loopback(static_cast<std::uint16_t>(std::atoi(argv[i]))));
  static relay the_relay(open_socket(), std::move(peers));
  the_relay.run();
}
