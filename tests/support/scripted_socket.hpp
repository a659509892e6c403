// A datagram socket without a network: the test is the network.
// It hands in what arrives and looks at what was sent.
#pragma once

#include "io/datagram_socket.hpp"
#include "tests/support/hex.hpp"

#include <algorithm>
#include <cassert>
#include <functional>
#include <utility>
#include <vector>

namespace tutti::test {

class scripted_socket final : public io::datagram_socket {
public:
  struct datagram {
    io::endpoint where; ///< to, if sent; from, if received
    octets bytes;
  };

  /// What the system was asked to drop.
  struct foreign_drop {
    io::endpoint from;
    std::uint32_t ssrc;
    std::chrono::milliseconds time;

    friend bool operator==(const foreign_drop&, const foreign_drop&) = default;
  };

  explicit scripted_socket(const io::endpoint& local)
      : local_(local) {}

  // -- for the actors --
  void start(receiver on_receive, unreachable_handler on_unreachable) override {
    on_receive_ = std::move(on_receive);
    on_unreachable_ = std::move(on_unreachable);
  }
  void send(const io::endpoint& to, std::span<const std::uint8_t> bytes) override {
    if (closed)
      return;
    if (before_send)
      before_send();
    ++counters_.datagrams_out;
    counters_.bytes_out += bytes.size();
    sent.push_back({to, {bytes.begin(), bytes.end()}});
  }
  void drop_foreign(const io::endpoint& from, std::uint32_t ssrc,
                    std::chrono::milliseconds time) override {
    dropping.push_back({from, ssrc, time});
  }
  io::endpoint local() const override { return local_; }
  const io::datagram_counters& counters() const noexcept override { return counters_; }
  void close() override {
    closed = true;
    on_receive_ = nullptr;
    on_unreachable_ = nullptr;
  }

  // -- for the test --
  /// These arrive together, in one block per io::receive_burst of them, at steady-clock time
  /// `arrived`.
  void arrive(const std::vector<datagram>& together, std::chrono::nanoseconds arrived) {
    for (std::size_t first = 0; first < together.size(); first += io::receive_burst) {
      auto block = pool_->take();
      block->count = std::min(io::receive_burst, together.size() - first);
      block->arrived = arrived;
      for (std::size_t i = 0; i < block->count; ++i) {
        const auto& one = together[first + i];
        assert(one.bytes.size() <= io::max_datagram);
        std::copy(one.bytes.begin(), one.bytes.end(), block->room(i).begin());
        block->slots[i] = {one.where, static_cast<std::uint16_t>(one.bytes.size()),
                           io::datagram_block::end};
        ++counters_.datagrams_in;
        counters_.bytes_in += one.bytes.size();
      }
      if (on_receive_)
        on_receive_(std::move(block));
    }
  }
  /// The network reports that nobody listens there.
  void report_unreachable(const io::endpoint& where) {
    if (on_unreachable_)
      on_unreachable_(where);
  }
  /// What was sent since the last call.
  std::vector<datagram> take_sent() { return std::exchange(sent, {}); }

  std::vector<datagram> sent;
  std::vector<foreign_drop> dropping;
  bool closed = false;
  std::function<void()> before_send; ///< may throw, as when memory runs out

private:
  io::endpoint local_;
  std::shared_ptr<io::datagram_pool> pool_ = io::datagram_pool::make();
  receiver on_receive_;
  unreachable_handler on_unreachable_;
  io::datagram_counters counters_;
};

} // namespace tutti::test
