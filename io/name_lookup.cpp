#include "io/name_lookup.hpp"

#include <boost/asio/post.hpp>

#include <netdb.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <list>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace tutti::io {

namespace ip = boost::asio::ip;

namespace {

name_result ask_system(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found))
    return {{}, error == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(error)};
  name_result result;
  for (const auto* entry = found; entry; entry = entry->ai_next) {
    ip::udp::endpoint endpoint;
    if (entry->ai_addrlen > endpoint.capacity())
      continue;
    std::memcpy(endpoint.data(), entry->ai_addr, entry->ai_addrlen);
    endpoint.resize(entry->ai_addrlen);
    endpoint.port(port);
    if (std::find(result.endpoints.begin(), result.endpoints.end(), endpoint) ==
        result.endpoints.end())
      result.endpoints.push_back(endpoint);
  }
  ::freeaddrinfo(found);
  if (result.endpoints.empty())
    result.error = "the name has no address";
  return result;
}

} // namespace

/// Shared with the threads, which may outlive the lookup and the loop.
struct name_lookup::state : std::enable_shared_from_this<state> {
  struct request {
    std::string host;
    std::uint16_t port;
    handler done;
  };

  explicit state(boost::asio::io_context& io)
      : loop(&io) {}

  /// With the mutex held. Handlers are called, and destroyed, on the loop's thread only.
  void finish(handler done, name_result result) {
    boost::asio::post(*loop, [self = weak_from_this(), done = std::move(done),
                              result = std::move(result)]() mutable {
      const auto at = self.lock();
      if (at && at->loop)
        done(std::move(result));
    });
  }

  void work() {
    std::unique_lock lock(mutex);
    while (loop && !waiting.empty()) {
      auto [host, port, done] = std::move(waiting.front());
      waiting.pop_front();
      const auto slot = running.insert(running.end(), std::move(done));
      lock.unlock();
      auto result = ask_system(host, port);
      lock.lock();
      if (loop) {
        finish(std::move(*slot), std::move(result));
        running.erase(slot);
      }
    }
    --threads;
  }

  std::mutex mutex;
  boost::asio::io_context* loop; ///< null once the lookup is destroyed
  std::deque<request> waiting;
  std::list<handler> running;
  std::size_t threads = 0;
};

name_lookup::name_lookup(boost::asio::io_context& loop)
    : state_(std::make_shared<state>(loop)) {
}

name_lookup::~name_lookup() {
  std::lock_guard lock(state_->mutex);
  state_->loop = nullptr;
  state_->waiting.clear();
  state_->running.clear();
}

void name_lookup::find(std::string host, std::uint16_t port, handler done) {
  std::lock_guard lock(state_->mutex);
  boost::system::error_code not_an_address;
  const auto address = ip::make_address(host, not_an_address);
  if (!not_an_address) {
    state_->finish(std::move(done), {{{address, port}}, {}});
    return;
  }
  if (state_->waiting.size() >= max_waiting) {
    state_->finish(std::move(done), {{}, "too many names are being looked up"});
    return;
  }
  state_->waiting.push_back({std::move(host), port, std::move(done)});
  if (state_->threads >= max_threads)
    return;
  try {
    std::thread([state = state_] { state->work(); }).detach();
    ++state_->threads;
  } catch (const std::system_error& error) {
    if (state_->threads > 0)
      return; // one of the others takes it
    auto request = std::move(state_->waiting.back());
    state_->waiting.pop_back();
    state_->finish(std::move(request.done), {{}, error.what()});
  }
}

} // namespace tutti::io
