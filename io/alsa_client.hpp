// A client of the ALSA sequencer: its ports, the other clients' ports, and what comes and goes.
// Decides: one client for all ports, on the loop's own poll, without a thread. A program that alone
// hears a port is not sent more than its queue has room for. Where there may be several, what the
// kernel cannot deliver is lost and counted, since it tells so only after others have got it.
// Leaves: which ports there are (actors/alsa_watch), pacing (actors/local_port).
// Spec: alsa-lib's sequencer interface. Thread: the loop thread only; handlers are called there.
#pragma once

#include "io/event_loop.hpp"
#include "io/local_port.hpp"

#include <compare>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tutti::io {

struct alsa_address {
  int client = -1;
  int port = -1;

  friend auto operator<=>(const alsa_address&, const alsa_address&) = default;
};

enum class alsa_notice_kind : std::uint8_t {
  ports_changed, ///< a port came, went or was renamed
  connections_changed,
  gone, ///< the sequencer has gone; the client is closed and may be opened again
};

enum class alsa_direction : std::uint8_t { to_port, from_port };

/// A port of any client that others may connect to.
struct alsa_port_info {
  alsa_address address;
  std::string client_name;
  std::string port_name;
  bool is_source = false;      ///< MIDI comes from it
  bool is_destination = false; ///< MIDI can go to it
  bool is_hardware = false;
  bool is_card = false;
  bool is_program = false; ///< and not of the kernel
  bool is_ours = false;
  /// Where a card is plugged in; the same for the same socket. Empty for others, and for a moment
  /// after a card has come.
  std::string place;
};

/// A port of ours.
struct alsa_port_request {
  std::string name;
  bool in = false;      ///< MIDI comes from it into the hub
  bool out = false;     ///< MIDI goes from the hub to it
  bool hidden = false;  ///< other programs do not see it
  alsa_address partner; ///< connected to this in the wanted directions, unless unset
};

struct alsa_counters {
  std::uint64_t overruns = 0; ///< the kernel dropped what came, since the loop was too slow
  std::uint64_t lost_out = 0; ///< events that a receiver could not take
};

class alsa_client : public std::enable_shared_from_this<alsa_client> {
public:
  using notice_handler = std::function<void(alsa_notice_kind)>;
  /// Gets why it could not be done as the end of a sentence; empty: it is done.
  using done_handler = std::function<void(const std::string& failure)>;

  static std::shared_ptr<alsa_client> make(event_loop& loop, notice_handler on_notice);
  virtual ~alsa_client() = default;

  /// Opens a client of this name on a worker, since it reads files and may load a kernel module.
  virtual void open(const std::string& name, done_handler on_done) = 0;
  /// Closes the client; its ports are dead from now on.
  virtual void close() = 0;

  /// Makes a port; none and the reason in `failure` if that cannot be.
  virtual local_port_ptr add_port(const alsa_port_request& wanted, std::string& failure) = 0;
  /// Where a port of add_port() is.
  virtual alsa_address address_of(const local_port& port) const = 0;

  /// From now on, what comes from there to a port of add_port() is ignored, or not any more.
  virtual void ignore(const local_port& port, alsa_address from, bool wanted) = 0;

  virtual std::vector<alsa_port_info> list() const = 0;
  /// Who plays to this port, or hears it.
  virtual std::vector<alsa_address> partners_of(alsa_address port, alsa_direction way) const = 0;
  /// Each answers with why it could not be done, or nothing. Connecting what is connected is done.
  virtual std::string connect(alsa_address from, alsa_address to) = 0;
  virtual std::string disconnect(alsa_address from, alsa_address to) = 0;

  virtual alsa_counters counters() const = 0;
};

} // namespace tutti::io
