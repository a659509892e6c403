// A byte stream in memory: the test is the other end.
#pragma once

#include "io/byte_stream.hpp"

#include <algorithm>
#include <vector>

namespace tutti::test {

class memory_stream final : public io::byte_stream {
public:
  std::vector<std::uint8_t> arrived; ///< to be read by the actor
  std::vector<std::uint8_t> sent;    ///< written by the actor
  std::size_t room = SIZE_MAX;       ///< octets that may still be written
  std::size_t writes = 0;            ///< calls that took something
  bool is_established = true;
  bool is_closed = false;
  std::string end;

  void arrive(std::span<const std::uint8_t> bytes) {
    arrived.insert(arrived.end(), bytes.begin(), bytes.end());
    tell();
  }
  void tell() {
    if (on_ready_)
      on_ready_();
  }

  void start(std::function<void()> on_ready) override { on_ready_ = std::move(on_ready); }
  bool established() const override { return is_established; }
  std::size_t read(std::span<std::uint8_t> space) override {
    auto count = std::min(space.size(), arrived.size());
    std::copy_n(arrived.begin(), count, space.begin());
    arrived.erase(arrived.begin(), arrived.begin() + static_cast<std::ptrdiff_t>(count));
    if (!arrived.empty())
      tell();
    return count;
  }
  std::size_t write(std::span<const std::uint8_t> bytes) override {
    auto count = std::min(bytes.size(), room);
    room -= room == SIZE_MAX ? 0 : count;
    writes += count > 0;
    sent.insert(sent.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
    return count;
  }
  const std::string& ended() const override { return end; }
  void close() override {
    is_closed = true;
    on_ready_ = nullptr;
  }
  io::endpoint remote() const override { return *io::parse_address("127.0.0.1", 4711); }

private:
  std::function<void()> on_ready_;
};

} // namespace tutti::test
