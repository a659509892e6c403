#include "io/avahi_poll.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <avahi-common/timeval.h>
#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <optional>
#include <unordered_map>

namespace asio = boost::asio;

// Both structs complete types that Avahi only declares, so they stand in the global namespace.
// Avahi knows them by address; the maps in avahi_poll::state own them, and every pending wait
// shares that ownership, so an object outlives the callback that frees it.

struct AvahiWatch : std::enable_shared_from_this<AvahiWatch> {
  AvahiWatch(asio::io_context& loop, tutti::io::avahi_poll::state& poll_state, int watched_fd,
             AvahiWatchEvent events, AvahiWatchCallback function, void* argument)
      // libdbus makes one watch for each direction of the same descriptor, and epoll takes a
      // descriptor once: each watch waits on a duplicate. Only the duplicate is ever closed here.
      : descriptor(loop, ::fcntl(watched_fd, F_DUPFD_CLOEXEC, 0))
      , owner(&poll_state)
      , fd(watched_fd)
      , wanted(events)
      , callback(function)
      , userdata(argument) {}

  void arm() {
    if (wanted & AVAHI_WATCH_IN)
      wait(asio::posix::descriptor_base::wait_read, reading);
    if (wanted & AVAHI_WATCH_OUT)
      wait(asio::posix::descriptor_base::wait_write, writing);
  }

  void free() {
    owner = nullptr;
    boost::system::error_code ignored;
    descriptor.close(ignored);
  }

  asio::posix::stream_descriptor descriptor;
  tutti::io::avahi_poll::state* owner; // null once freed
  int fd;
  AvahiWatchEvent wanted;
  AvahiWatchEvent happened{};
  AvahiWatchCallback callback;
  void* userdata;
  bool reading = false;
  bool writing = false;

private:
  void wait(asio::posix::descriptor_base::wait_type direction, bool& pending) {
    if (pending)
      return;
    pending = true;
    descriptor.async_wait(
        direction, [self = shared_from_this(), &pending](const boost::system::error_code& error) {
          pending = false;
          if (!error && self->owner)
            self->fire();
        });
  }

  /// What was ready when the wait ended may not be any more, and what is wanted may have changed:
  /// the descriptor is asked again.
  void fire() {
    pollfd now{descriptor.native_handle(), static_cast<short>(wanted), 0};
    if (::poll(&now, 1, 0) > 0) {
      int events = now.revents;
      // A failed descriptor can be read without waiting. avahi-core asserts that the event it gets
      // is one it asked for, and finds the failure by reading.
      if (events & (POLLERR | POLLHUP | POLLNVAL))
        events = (events & (POLLIN | POLLOUT | POLLERR | POLLHUP)) | (wanted & POLLIN);
      happened = static_cast<AvahiWatchEvent>(events);
      callback(this, fd, happened, userdata);
      happened = {};
    }
    if (owner)
      arm();
  }
};

struct AvahiTimeout : std::enable_shared_from_this<AvahiTimeout> {
  using clock = asio::steady_timer::clock_type;

  AvahiTimeout(asio::io_context& io, tutti::io::avahi_poll::state& poll_state,
               AvahiTimeoutCallback function, void* argument)
      : loop(io)
      , timer(io)
      , owner(&poll_state)
      , callback(function)
      , userdata(argument) {}

  /// `when` is on the clock of gettimeofday(); null disables. A past time fires on the next turn.
  void set(const timeval* when) {
    deadline_.reset();
    if (!when)
      return;
    deadline_ = clock::now() + std::chrono::microseconds(std::max<AvahiUsec>(-avahi_age(when), 0));
    arm();
  }

  void free() {
    owner = nullptr;
    timer.cancel();
  }

  asio::io_context& loop;
  asio::steady_timer timer;
  tutti::io::avahi_poll::state* owner; // null once freed
  AvahiTimeoutCallback callback;
  void* userdata;

private:
  // avahi-core has one timeout for all its timed events, sets it with every packet, and runs one
  // event each time it fires. So:
  // - a wait that ends early enough is left alone: if each setting began it anew, a timeout that is
  //   due would not fire as long as packets keep coming;
  // - what is due needs no timer, which costs a system call;
  // - what is not may come late by the slack, a fraction of any time that mDNS or D-Bus knows: the
  //   events of that time share one wait, each of which costs a turn of the loop and two system
  //   calls;
  // - and as many events as are due run in one turn, up to a bound.
  static constexpr auto slack = std::chrono::milliseconds(10);
  static constexpr int calls_in_a_turn = 64;

  void arm() {
    if (posted_ || in_callback_)
      return; // fire() is to come, or has the word
    if (*deadline_ <= clock::now()) {
      posted_ = true;
      asio::post(loop, [self = shared_from_this()] {
        self->posted_ = false;
        self->fire();
      });
    } else if (!waiting_ || *deadline_ + slack < timer.expiry()) {
      wait();
    }
  }

  void wait() {
    waiting_ = true;
    timer.expires_at(*deadline_ + slack); // ends a wait under way, unless its end is queued already
    timer.async_wait(
        [self = shared_from_this(), number = ++waits_](const boost::system::error_code& error) {
          if (error || number != self->waits_)
            return;
          self->waiting_ = false;
          self->fire();
        });
  }

  void fire() {
    for (int calls = 0; owner && deadline_ && *deadline_ <= clock::now(); ++calls) {
      if (calls == calls_in_a_turn)
        break;
      deadline_.reset();
      in_callback_ = true;
      callback(this, userdata);
      in_callback_ = false;
    }
    if (owner && deadline_)
      arm();
  }

  std::optional<clock::time_point> deadline_; // none while disabled
  unsigned waits_ = 0;
  bool waiting_ = false;
  bool posted_ = false;
  bool in_callback_ = false;
};

namespace tutti::io {

struct avahi_poll::state {
  explicit state(asio::io_context& io)
      : loop(io) {}

  asio::io_context& loop;
  std::unordered_map<AvahiWatch*, std::shared_ptr<AvahiWatch>> watches;
  std::unordered_map<AvahiTimeout*, std::shared_ptr<AvahiTimeout>> timeouts;
};

namespace {

AvahiWatch* new_watch(const AvahiPoll* api, int fd, AvahiWatchEvent events,
                      AvahiWatchCallback callback, void* userdata) {
  auto& state = *static_cast<avahi_poll::state*>(api->userdata);
  try {
    auto watch = std::make_shared<AvahiWatch>(state.loop, state, fd, events, callback, userdata);
    state.watches.emplace(watch.get(), watch);
    watch->arm();
    return watch.get();
  } catch (const boost::system::system_error&) {
    return nullptr; // out of descriptors; both libraries take that as out of memory
  }
}

void update_watch(AvahiWatch* watch, AvahiWatchEvent events) {
  assert(watch->owner);
  watch->wanted = events;
  watch->arm(); // a wait for what is no longer wanted ends in fire(), which finds nothing to tell
}

AvahiWatchEvent watch_events(AvahiWatch* watch) {
  assert(watch->owner);
  return watch->happened;
}

void free_watch(AvahiWatch* watch) {
  assert(watch->owner);
  auto& watches = watch->owner->watches;
  watch->free();
  watches.erase(watch);
}

AvahiTimeout* new_timeout(const AvahiPoll* api, const timeval* when, AvahiTimeoutCallback callback,
                          void* userdata) {
  auto& state = *static_cast<avahi_poll::state*>(api->userdata);
  auto timeout = std::make_shared<AvahiTimeout>(state.loop, state, callback, userdata);
  state.timeouts.emplace(timeout.get(), timeout);
  timeout->set(when);
  return timeout.get();
}

void update_timeout(AvahiTimeout* timeout, const timeval* when) {
  assert(timeout->owner);
  timeout->set(when);
}

void free_timeout(AvahiTimeout* timeout) {
  assert(timeout->owner);
  auto& timeouts = timeout->owner->timeouts;
  timeout->free();
  timeouts.erase(timeout);
}

} // namespace

avahi_poll::avahi_poll(asio::io_context& loop)
    : state_(std::make_unique<state>(loop)) {
  api_.userdata = state_.get();
  api_.watch_new = new_watch;
  api_.watch_update = update_watch;
  api_.watch_get_events = watch_events;
  api_.watch_free = free_watch;
  api_.timeout_new = new_timeout;
  api_.timeout_update = update_timeout;
  api_.timeout_free = free_timeout;
}

avahi_poll::~avahi_poll() {
  for (auto& [key, watch] : state_->watches)
    watch->free();
  for (auto& [key, timeout] : state_->timeouts)
    timeout->free();
}

std::size_t avahi_poll::watch_count() const noexcept {
  return state_->watches.size();
}
std::size_t avahi_poll::timeout_count() const noexcept {
  return state_->timeouts.size();
}

} // namespace tutti::io
