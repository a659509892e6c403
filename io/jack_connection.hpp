// An open client of the JACK server, from jack_client_open to jack_client_close.
// Decides: which callbacks are set, and what they tell.
// Leaves: the loop's side of it all (jack_client), events (jack_cycle).
// Spec: JACK API. Thread: the worker; `tell` is called in JACK's notification thread.
#pragma once

#include "io/jack_client.hpp"
#include "io/jack_cycle.hpp"

#include <list>

#include <pthread.h>

namespace tutti::io {

class jack_connection {
public:
  using notice_sink = std::function<void(jack_notice)>;

  /// `wake`, `answer` and `same_period` are for jack_cycle. Throws std::runtime_error that tells
  /// why there is none.
  jack_connection(const std::string& name, int wake, int answer, bool same_period,
                  notice_sink tell);
  ~jack_connection();
  jack_connection(const jack_connection&) = delete;
  jack_connection& operator=(const jack_connection&) = delete;

  // Each throws std::runtime_error with the end of a sentence if it cannot be done.
  std::shared_ptr<jack_slot> register_port(const std::string& name, bool is_input);
  void unregister_port(const std::shared_ptr<jack_slot>& slot);
  /// Connecting what is connected is no failure.
  void connect(const std::string& from, const std::string& to);
  void disconnect(const std::string& from, const std::string& to);
  std::vector<jack_port_info> list(const std::string& pattern, bool only_midi) const;
  jack_transport_info transport() const;
  void start_transport(bool rolling);
  void locate_transport(std::uint32_t frame);

  /// Any thread: written by the loop and JACK.
  jack_cycle& cycle() noexcept { return *cycle_; }
  jack_status status() const;

private:
  void set_callbacks();
  void set_graph_callbacks();
  void set_shutdown_callbacks();
  void tell(jack_notice_kind kind, std::string port = {}, std::string text = {}) {
    tell_({kind, std::move(port), std::move(text)});
  }
  /// The connection as JACK's threads see it. JACK cancels these threads wherever they are; that
  /// waits here until they have left our code, which holds mutexes and is not to be unwound.
  class in_jack_thread {
  public:
    explicit in_jack_thread(void* self)
        : self_(static_cast<jack_connection*>(self)) {
      ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_);
    }
    ~in_jack_thread() noexcept(false) { ::pthread_setcancelstate(before_, nullptr); }
    in_jack_thread(const in_jack_thread&) = delete;
    in_jack_thread& operator=(const in_jack_thread&) = delete;
    jack_connection* operator->() const noexcept { return self_; }

  private:
    jack_connection* self_;
    int before_ = PTHREAD_CANCEL_ENABLE;
  };
  static in_jack_thread from(void* self) { return in_jack_thread(self); }

  notice_sink tell_;
  std::list<std::shared_ptr<jack_slot>> slots_; ///< outlive the process callback
  std::unique_ptr<jack_cycle> cycle_;
  jack_client_t* client_ = nullptr;
  std::uint32_t last_id_ = 0;
  std::uint32_t rate_ = 0;
  bool is_realtime_ = false;
  std::atomic<std::uint32_t> period_{0};
};

/// The full name of a port; "?" if it has gone.
std::string jack_port_text(jack_port_t* port);

} // namespace tutti::io
