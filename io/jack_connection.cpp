#include "io/jack_connection.hpp"

#include <jack/midiport.h>
#include <jack/transport.h>

#include <cerrno>
#include <new>
#include <stdexcept>
#include <string_view>

#include <dlfcn.h>
#include <unistd.h>

namespace tutti::io {

namespace {

// Octets of one port that may wait for the next periods. What is more waits at the port's owner.
constexpr std::size_t out_ring_octets = 64 * 1024;

std::string describe(jack_status_t status) {
  if (status & JackServerFailed)
    return "no JACK server is running";
  if (status & JackVersionError)
    return "the JACK server speaks another version";
  return "the JACK server refused (status " + std::to_string(status) + ")";
}

/// Trying to connect opens a data base, megabytes of it, each second that no server runs. Where the
/// library is JACK's own, a server that was ever there has left its registry, so one look is
/// enough. PipeWire's library has other ways.
bool server_may_run() {
  Dl_info library{};
  if (::dladdr(::dlsym(RTLD_DEFAULT, "jack_client_open"), &library) == 0 ||
      std::string_view(library.dli_fname).find("pipewire") != std::string_view::npos)
    return true;
  return ::access("/dev/shm/jack-shm-registry", F_OK) == 0;
}

} // namespace

std::string jack_port_text(jack_port_t* port) {
  auto name = port ? jack_port_name(port) : nullptr;
  return name ? name : "?";
}

jack_connection::jack_connection(const std::string& name, int wake, int answer, bool same_period,
                                 notice_sink tell)
    : tell_(std::move(tell)) {
  jack_set_error_function([](const char*) {}); // an absent server is normal, no news every second
  jack_set_info_function([](const char*) {});
  if (!server_may_run())
    throw std::runtime_error(describe(JackServerFailed));
  jack_status_t status{};
  client_ = jack_client_open(name.c_str(), JackNoStartServer, &status);
  if (!client_)
    throw std::runtime_error(describe(status));
  try {
    cycle_ = std::make_unique<jack_cycle>(client_, wake, answer, same_period);
    rate_ = jack_get_sample_rate(client_);
    period_ = jack_get_buffer_size(client_);
    is_realtime_ = jack_is_realtime(client_) != 0;
    set_callbacks();
    set_graph_callbacks();
    set_shutdown_callbacks();
    if (jack_activate(client_) != 0)
      throw std::runtime_error("the JACK server did not activate the client");
  } catch (...) {
    jack_client_close(client_);
    throw;
  }
}

jack_connection::~jack_connection() {
  jack_client_close(client_);
}

void jack_connection::set_callbacks() {
  auto process = [](jack_nframes_t frames, void* self) {
    return from(self)->cycle_->process(frames);
  };
  jack_set_process_callback(client_, process, this);
  auto resize = [](jack_nframes_t frames, void* self) {
    from(self)->period_ = frames;
    return 0;
  };
  jack_set_buffer_size_callback(client_, resize, this);
  auto xrun = [](void* self) {
    from(self)->tell(jack_notice_kind::xrun);
    return 0;
  };
  jack_set_xrun_callback(client_, xrun, this);
  auto latency = [](jack_latency_callback_mode_t, void* self) {
    from(self)->tell(jack_notice_kind::latency_changed);
  };
  jack_set_latency_callback(client_, latency, this);
}

void jack_connection::set_graph_callbacks() {
  auto on_port = [](jack_port_id_t id, int registered, void* self) {
    from(self)->tell(registered ? jack_notice_kind::port_registered
                                : jack_notice_kind::port_unregistered,
                     jack_port_text(jack_port_by_id(from(self)->client_, id)));
  };
  jack_set_port_registration_callback(client_, on_port, this);
  auto on_client = [](const char* name, int registered, void* self) {
    from(self)->tell(registered ? jack_notice_kind::client_registered
                                : jack_notice_kind::client_unregistered,
                     name);
  };
  jack_set_client_registration_callback(client_, on_client, this);
  auto on_connection = [](jack_port_id_t source, jack_port_id_t target, int made, void* self) {
    auto client = from(self)->client_;
    from(self)->tell(made ? jack_notice_kind::connected : jack_notice_kind::disconnected,
                     jack_port_text(jack_port_by_id(client, source)),
                     jack_port_text(jack_port_by_id(client, target)));
  };
  jack_set_port_connect_callback(client_, on_connection, this);
  auto on_rename = [](jack_port_id_t, const char* before, const char* now, void* self) {
    from(self)->tell(jack_notice_kind::port_renamed, now, before);
  };
  jack_set_port_rename_callback(client_, on_rename, this);
}

// jackd calls the second one if there is one, PipeWire 0.3 knows only the first.
void jack_connection::set_shutdown_callbacks() {
  auto plain = [](void* self) {
    from(self)->tell(jack_notice_kind::server_gone, {}, "it has ended");
  };
  jack_on_shutdown(client_, plain, this);
  auto with_reason = [](jack_status_t, const char* why, void* self) {
    from(self)->tell(jack_notice_kind::server_gone, {}, why && *why ? why : "it has ended");
  };
  jack_on_info_shutdown(client_, with_reason, this);
}

std::shared_ptr<jack_slot> jack_connection::register_port(const std::string& name, bool is_input) {
  auto slot = std::make_shared<jack_slot>();
  slot->is_input = is_input;
  slot->id = ++last_id_;
  if (!is_input)
    slot->out = std::make_unique<record_ring>(out_ring_octets);
  slot->port = jack_port_register(client_, name.c_str(), JACK_DEFAULT_MIDI_TYPE,
                                  is_input ? JackPortIsInput : JackPortIsOutput, 0);
  if (!slot->port)
    throw std::runtime_error("the JACK server refused the port");
  if (!cycle_->add(*slot)) {
    jack_port_unregister(client_, slot->port);
    throw std::runtime_error("there are too many ports");
  }
  slots_.push_back(slot);
  return slot;
}

void jack_connection::unregister_port(const std::shared_ptr<jack_slot>& slot) {
  cycle_->remove(*slot);
  jack_port_unregister(client_, slot->port);
  slots_.remove(slot);
}

void jack_connection::connect(const std::string& from, const std::string& to) {
  auto error = jack_connect(client_, from.c_str(), to.c_str());
  if (error != 0 && error != EEXIST)
    throw std::runtime_error("JACK cannot connect \"" + from + "\" to \"" + to + "\"");
}

void jack_connection::disconnect(const std::string& from, const std::string& to) {
  if (jack_disconnect(client_, from.c_str(), to.c_str()) != 0)
    throw std::runtime_error("\"" + from + "\" is not connected to \"" + to + "\"");
}

std::vector<jack_port_info> jack_connection::list(const std::string& pattern,
                                                  bool only_midi) const {
  std::vector<jack_port_info> out;
  auto names = jack_get_ports(client_, pattern.empty() ? nullptr : pattern.c_str(),
                              only_midi ? JACK_DEFAULT_MIDI_TYPE : nullptr, 0);
  for (auto name = names; name && *name; ++name) {
    auto port = jack_port_by_name(client_, *name);
    if (!port)
      continue; // went in between
    auto flags = jack_port_flags(port);
    auto type = jack_port_type(port);
    jack_port_info info;
    info.name = *name;
    info.is_midi = type && std::string(type) == JACK_DEFAULT_MIDI_TYPE;
    info.is_input = (flags & JackPortIsInput) != 0;
    info.is_physical = (flags & JackPortIsPhysical) != 0;
    info.is_terminal = (flags & JackPortIsTerminal) != 0;
    info.is_ours = jack_port_is_mine(client_, port) != 0;
    auto others = jack_port_get_all_connections(client_, port);
    for (auto other = others; other && *other; ++other)
      info.connections.emplace_back(*other);
    jack_free(others);
    out.push_back(std::move(info));
  }
  jack_free(names);
  return out;
}

jack_transport_info jack_connection::transport() const {
  jack_position_t position{};
  auto state = jack_transport_query(client_, &position);
  jack_transport_info info;
  info.state = state == JackTransportStopped   ? jack_transport_state::stopped
               : state == JackTransportRolling ? jack_transport_state::rolling
                                               : jack_transport_state::starting;
  info.frame = position.frame;
  info.rate = position.frame_rate;
  if (position.valid & JackPositionBBT) {
    info.beats_per_minute = position.beats_per_minute;
    info.bar = position.bar;
    info.beat = position.beat;
    info.tick = position.tick;
  }
  return info;
}

void jack_connection::start_transport(bool rolling) {
  if (rolling)
    jack_transport_start(client_);
  else
    jack_transport_stop(client_);
}

void jack_connection::locate_transport(std::uint32_t frame) {
  if (jack_transport_locate(client_, frame) != 0)
    throw std::runtime_error("JACK's transport cannot go there");
}

jack_status jack_connection::status() const {
  auto counters = cycle_->counters();
  return {rate_, period_, is_realtime_, counters.cycles, counters.lost_in, counters.late_out};
}

} // namespace tutti::io
