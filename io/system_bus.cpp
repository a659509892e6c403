#include "io/system_bus.hpp"

#include <boost/asio/post.hpp>

#include <fcntl.h>
#include <poll.h>

#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

namespace tutti::io {

namespace asio = boost::asio;
using asio::posix::stream_descriptor;

system_bus::system_bus(asio::io_context& loop, signal_handler on_signal, loss_handler on_loss)
    : loop_(loop)
    , on_signal_(std::move(on_signal))
    , on_loss_(std::move(on_loss))
    , descriptor_(loop)
    , timer_(loop) {
}

system_bus::~system_bus() {
  close();
}

std::optional<std::string> system_bus::open() {
  assert(!bus_);
  if (const int error = sd_bus_open_system(&bus_); error < 0) {
    bus_ = nullptr;
    return std::strerror(-error);
  }
  const auto on_message = [](sd_bus_message* message, void* self, sd_bus_error*) {
    std::uint8_t type = 0;
    sd_bus_message_get_type(message, &type);
    if (type == SD_BUS_MESSAGE_SIGNAL)
      static_cast<system_bus*>(self)->on_signal_(message);
    return 0; // replies go on to their handlers
  };
  sd_bus_add_filter(bus_, nullptr, on_message, this);
  ++generation_;
  boost::system::error_code failure;
  descriptor_.assign(::fcntl(sd_bus_get_fd(bus_), F_DUPFD_CLOEXEC, 0), failure);
  if (failure) {
    close();
    return failure.message();
  }
  arm();
  return {};
}

/// Closing does not wait for what is still to be sent: a service takes the end of the connection as
/// the end of everything that was asked for on it.
void system_bus::close() {
  if (!bus_)
    return;
  ++generation_;
  boost::system::error_code ignored;
  descriptor_.close(ignored);
  timer_.cancel();
  reading_ = writing_ = false;
  sd_bus_close(bus_);
  sd_bus_unref(std::exchange(bus_, nullptr));
}

void system_bus::add_match(const std::string& rule) {
  const auto ignore = [](sd_bus_message*, void*, sd_bus_error*) { return 0; }; // the filter has it
  if (bus_)
    sd_bus_add_match_async(bus_, nullptr, rule.c_str(), ignore, nullptr, nullptr);
  arm();
}

bus_message system_bus::new_call(const char* destination, const std::string& path,
                                 const char* interface, const char* member) {
  sd_bus_message* call = nullptr;
  if (!bus_ ||
      sd_bus_message_new_method_call(bus_, &call, destination, path.c_str(), interface, member) < 0)
    return nullptr;
  sd_bus_message_set_auto_start(call, 0);
  return bus_message(call);
}

bool system_bus::send(bus_message call, reply_handler on_reply) {
  if (!bus_ || !call)
    return false;
  int error = 0;
  if (!on_reply) {
    sd_bus_message_set_expect_reply(call.get(), 0);
    error = sd_bus_send(bus_, call.get(), nullptr);
  } else {
    auto handler = std::make_unique<reply_handler>(std::move(on_reply));
    const auto on_answer = [](sd_bus_message* reply, void* function, sd_bus_error*) {
      (*static_cast<reply_handler*>(function))(reply);
      return 0;
    };
    constexpr auto limit = std::chrono::microseconds(call_limit).count();
    sd_bus_slot* slot = nullptr;
    error = sd_bus_call_async(bus_, &slot, call.get(), on_answer, handler.get(), limit);
    if (error >= 0) { // from here on, the bus owns the slot and the slot its handler
      sd_bus_slot_set_destroy_callback(
          slot, [](void* function) { delete static_cast<reply_handler*>(function); });
      static_cast<void>(handler.release());
      sd_bus_slot_set_floating(slot, 1);
      sd_bus_slot_unref(slot);
    }
  }
  arm();
  return error >= 0;
}

void system_bus::pump() {
  for (int taken = 0; taken < max_messages_per_turn; ++taken) {
    const int result = sd_bus_process(bus_, nullptr);
    if (result < 0)
      return lose(-result);
    if (result == 0)
      return arm();
  }
  asio::post(loop_, [this, alive = std::weak_ptr(life_), opened = generation_] {
    if (!alive.expired() && opened == generation_)
      pump();
  });
}

void system_bus::lose(int error) {
  close();
  on_loss_(std::strerror(error));
}

void system_bus::arm() {
  if (!bus_)
    return;
  const int events = sd_bus_get_events(bus_);
  if (events > 0 && events & POLLIN)
    wait(stream_descriptor::wait_read, reading_);
  if (events > 0 && events & POLLOUT)
    wait(stream_descriptor::wait_write, writing_);
  std::uint64_t deadline = UINT64_MAX; // microseconds on the steady clock
  if (sd_bus_get_timeout(bus_, &deadline) < 0 || deadline == UINT64_MAX) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(asio::steady_timer::time_point(std::chrono::microseconds(deadline)));
  timer_.async_wait([this, alive = std::weak_ptr(life_),
                     opened = generation_](const boost::system::error_code& error) {
    if (!error && !alive.expired() && opened == generation_)
      pump();
  });
}

void system_bus::wait(stream_descriptor::wait_type direction, bool& pending) {
  if (std::exchange(pending, true))
    return;
  descriptor_.async_wait(direction, [this, alive = std::weak_ptr(life_), opened = generation_,
                                     &pending](const boost::system::error_code& error) {
    if (alive.expired() || opened != generation_)
      return;
    pending = false;
    if (!error)
      pump();
  });
}

} // namespace tutti::io
