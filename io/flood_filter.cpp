#include "io/flood_filter.hpp"

#include <algorithm>

namespace tutti::io {

namespace {

constexpr std::uint32_t pass = 0xFFFFFFFF;
constexpr std::uint32_t drop = 0;

// The filter of a UDP socket sees a datagram from its UDP header on; the IP header is before it, at
// SKF_NET_OFF. A load beyond the datagram's end drops it.
constexpr std::uint32_t ip_header = static_cast<std::uint32_t>(SKF_NET_OFF);
constexpr std::uint32_t source_port = 0;
constexpr std::uint32_t payload = 8;
constexpr std::uint32_t ssrc_field = payload + 8; // RFC 3550 section 5.1
constexpr std::uint32_t command_mark = 0xFFFF;    // the first two octets of an AppleMIDI command

std::uint32_t word(const std::array<std::uint8_t, 16>& octets, std::size_t at) {
  return std::uint32_t(octets[at]) << 24 | std::uint32_t(octets[at + 1]) << 16 |
         std::uint32_t(octets[at + 2]) << 8 | octets[at + 3];
}

/// Tests one after the other; the first that fails leads behind the last.
class chain {
public:
  void load(int size, std::uint32_t from) {
    code_.push_back({static_cast<std::uint16_t>(BPF_LD | size | BPF_ABS), 0, 0, from});
  }
  void shift_right(std::uint32_t bits) { code_.push_back({BPF_ALU | BPF_RSH | BPF_K, 0, 0, bits}); }
  void expect(std::uint32_t value) { code_.push_back({equals, 0, leave, value}); }
  void expect_not(std::uint32_t value) { code_.push_back({equals, leave, 0, value}); }
  void end(std::uint32_t verdict) { code_.push_back({BPF_RET | BPF_K, 0, 0, verdict}); }

  void append_to(std::vector<sock_filter>& program) {
    for (std::size_t i = 0; i < code_.size(); ++i) {
      auto behind = static_cast<std::uint8_t>(code_.size() - i - 1);
      auto& one = code_[i];
      if (one.code == equals) {
        one.jt = one.jt == leave ? behind : 0;
        one.jf = one.jf == leave ? behind : 0;
      }
      program.push_back(one);
    }
  }

private:
  static constexpr std::uint16_t equals = BPF_JMP | BPF_JEQ | BPF_K;
  static constexpr std::uint8_t leave = 0xFF;

  std::vector<sock_filter> code_;
};

} // namespace

void flood_filter::add(const endpoint& from, std::uint32_t ssrc, time_point until) {
  remove(from);
  if (sources_.size() == max_sources)
    sources_.erase(
        std::min_element(sources_.begin(), sources_.end(),
                         [](const source& a, const source& b) { return a.until < b.until; }));
  sources_.push_back({from, ssrc, until});
}

bool flood_filter::remove(const endpoint& from) {
  return std::erase_if(sources_, [&](const source& one) { return one.from == from; }) > 0;
}

bool flood_filter::expire(time_point now) {
  return std::erase_if(sources_, [now](const source& one) { return one.until <= now; }) > 0;
}

flood_filter::time_point flood_filter::next_expiry() const noexcept {
  auto next = time_point::max();
  for (const auto& one : sources_)
    next = std::min(next, one.until);
  return next;
}

// A link-local address is told apart by its octets and port alone: whoever shares both on another
// link is taken for the flooding one while it floods.
std::vector<sock_filter> flood_filter::program() const {
  std::vector<sock_filter> out;
  for (const auto& one : sources_) {
    chain tests;
    tests.load(BPF_B, ip_header);
    tests.shift_right(4);
    tests.expect(one.from.is_v4() ? 4 : 6);
    if (one.from.is_v4()) {
      tests.load(BPF_W, ip_header + 12);
      tests.expect(word(one.from.address, 12));
    } else {
      for (std::uint32_t i = 0; i < 16; i += 4) {
        tests.load(BPF_W, ip_header + 8 + i);
        tests.expect(word(one.from.address, i));
      }
    }
    tests.load(BPF_H, source_port);
    tests.expect(one.from.port);
    tests.load(BPF_H, payload);
    tests.expect_not(command_mark);
    tests.load(BPF_W, ssrc_field);
    tests.expect_not(one.ssrc);
    tests.end(drop);
    tests.append_to(out);
  }
  out.push_back({BPF_RET | BPF_K, 0, 0, pass});
  return out;
}

} // namespace tutti::io
