// A client of the JACK server: its ports, the graph, the transport, and what happens to the server.
// Decides: that nothing of libjack's blocks the loop: every call that may wait runs on a worker and
// answers by a handler; a server that dies is told once, and the client is closed.
// Leaves: when to open again, which ports there are (actors/jack_watch); real time (jack_cycle).
// Spec: JACK API. Thread: the loop thread only; handlers are called there.
#pragma once

#include "io/event_loop.hpp"
#include "io/local_port.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tutti::io {

enum class jack_notice_kind : std::uint8_t {
  port_registered,
  port_unregistered,
  port_renamed, ///< `text` was the name before
  connected,    ///< `port` to `text`
  disconnected,
  client_registered,
  client_unregistered,
  xrun,
  latency_changed,
  server_gone, ///< `text` tells why; the client is closed and may be opened again
};
const char* to_string(jack_notice_kind kind) noexcept;

/// Something happened in JACK's graph.
struct jack_notice {
  jack_notice_kind kind = jack_notice_kind::xrun;
  std::string port; ///< full name, or that of a client
  std::string text;
};

/// A port in JACK's graph, of any client.
struct jack_port_info {
  std::string name; ///< client:port
  bool is_midi = false;
  bool is_input = false; ///< in JACK's words: it takes data
  bool is_physical = false;
  bool is_terminal = false;
  bool is_ours = false;
  std::vector<std::string> connections;
};

enum class jack_transport_state : std::uint8_t { stopped, rolling, starting };

struct jack_transport_info {
  jack_transport_state state = jack_transport_state::stopped;
  std::uint32_t frame = 0;
  std::uint32_t rate = 0;                   ///< frames per second
  double beats_per_minute = 0;              ///< 0 unless some client is timebase master
  std::int32_t bar = 0, beat = 0, tick = 0; ///< of the same
};

struct jack_status {
  std::uint32_t rate = 0;   ///< frames per second
  std::uint32_t period = 0; ///< frames
  bool is_realtime = false;
  std::uint64_t cycles = 0;
  std::uint64_t lost_in = 0;
  std::uint64_t late_out = 0;
};

/// A port of ours. JACK's ports have one direction, so one for both is two: "name in", "name out".
struct jack_port_request {
  std::string name;    ///< without the client's
  bool in = false;     ///< MIDI comes from it into the hub
  bool out = false;    ///< MIDI goes from the hub to it
  std::string partner; ///< full name of a port that it is connected to; empty: none
};

class jack_client : public std::enable_shared_from_this<jack_client> {
public:
  using notice_handler = std::function<void(const jack_notice&)>;
  /// Gets why it could not be done as the end of a sentence; empty: it is done.
  using done_handler = std::function<void(const std::string& failure)>;
  using port_handler = std::function<void(local_port_ptr, const std::string& failure)>;

  static std::shared_ptr<jack_client> make(event_loop& loop, notice_handler on_notice);
  virtual ~jack_client() = default;

  /// Opens a client of this name at the default server; never starts one. `same_period`: what comes
  /// from JACK may go back to it in the same period (jack_cycle).
  virtual void open(const std::string& name, bool same_period, done_handler on_done) = 0;
  /// Closes the client; its ports are dead from now on.
  virtual void close(done_handler on_done) = 0;

  virtual void add_port(const jack_port_request& wanted, port_handler on_done) = 0;

  /// Ports whose name matches the POSIX regular expression; empty: all. MIDI ports only, or all.
  virtual void list(const std::string& pattern, bool only_midi,
                    std::function<void(std::vector<jack_port_info>)> on_done) = 0;
  /// Connecting what is connected is no failure.
  virtual void connect(const std::string& from, const std::string& to, done_handler on_done) = 0;
  virtual void disconnect(const std::string& from, const std::string& to, done_handler on_done) = 0;

  virtual void query_transport(std::function<void(jack_transport_info)> on_done) = 0;
  virtual void start_transport(bool rolling, done_handler on_done) = 0;
  virtual void locate_transport(std::uint32_t frame, done_handler on_done) = 0;

  /// Of the open client; zeros while there is none.
  virtual jack_status status() const = 0;
};

} // namespace tutti::io
