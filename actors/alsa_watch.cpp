// The watch over ALSA's sequencer: the ports that the rules open, the virtual ports.
// Decides: which ports stand for which of ALSA's, under which names.
// Leaves: alsa-lib (io/alsa_client), events and pacing (local_port), names (device_names).
//
// The sequencer announces all that comes and goes. Only where there is no sequencer at all, it is
// looked for now and then.
#include "actors/device_names.hpp"
#include "actors/export_rule.hpp"
#include "actors/failure.hpp"
#include "actors/spawn.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <map>
#include <set>

namespace tutti {

namespace {

constexpr std::chrono::seconds look_wait{5};
// A card's sequencer port is there a little sooner than the rest of it; so often and so long is
// waited.
constexpr int place_looks = 5;
constexpr std::chrono::milliseconds place_wait{20};
// What a MIDI cable takes (31,250 baud, ten bits an octet). The kernel's buffer for a device is
// small, and it drops what does not fit without a word.
constexpr std::uint32_t cable_octets_per_second = 3125;
// What a program takes, ten times as much: the kernel keeps about 5 KiB for it, so it may be 160 ms
// late.
constexpr std::uint32_t program_octets_per_second = 31'250;

struct alsa_watch_state {
  explicit alsa_watch_state(alsa_watch_actor::pointer pointer)
      : self(pointer) {}

  void start(local_context context);
  void open();
  void on_opened(const std::string& failure);
  void on_notice(const io::alsa_notice& notice);
  void look();
  void leave();
  alsa_info status() const;

  static inline const char* name = "alsa_watch";

private:
  struct open_port {
    io::alsa_address foreign; ///< unset for a virtual port
    std::string label;
    local_port_actor actor;
  };

  void plan_look();
  void add_virtual_ports();
  bool add(const io::alsa_port_request& request, port_description description, bool is_hardware,
           const std::string& label);
  void add_foreign(const io::alsa_port_info& port, const std::string& client);
  void drop(open_port& port) { self->send(port.actor, atom::leave_v); }
  void on_port_down(const caf::down_msg& down);
  void end_if_alone();

  alsa_watch_actor::pointer self;
  local_context context_;
  std::shared_ptr<io::alsa_client> client_;
  device_names names_;
  std::set<int> clients_;    ///< foreign clients that have a name of names_
  std::map<int, int> looks_; ///< by client: how often the place of a card was not known
  std::map<port_key, open_port> ports_;
  std::map<caf::actor_addr, port_key> keys_;
  std::map<io::alsa_address, std::string> refused_; ///< ports that could not be opened
  bool up_ = false;
  bool look_planned_ = false;
  bool leaving_ = false;
  std::string failure_;
};

void alsa_watch_state::start(local_context context) {
  context_ = std::move(context);
  self->set_down_handler([this](const caf::down_msg& down) { on_port_down(down); });
  auto me = caf::actor_cast<caf::actor_addr>(alsa_watch_actor(self));
  client_ = io::alsa_client::make(*context_.loop, [me](const io::alsa_notice& notice) {
    if (auto handle = caf::actor_cast<alsa_watch_actor>(me))
      caf::anon_send(handle, atom::noticed_v, notice);
  });
  open();
}

void alsa_watch_state::open() {
  if (up_ || leaving_)
    return;
  auto me = caf::actor_cast<caf::actor_addr>(alsa_watch_actor(self));
  client_->open(context_.settings.client, [me](const std::string& failure) {
    if (auto handle = caf::actor_cast<alsa_watch_actor>(me))
      caf::anon_send(handle, atom::opened_v, failure);
  });
}

void alsa_watch_state::on_opened(const std::string& failure) {
  if (leaving_)
    return;
  up_ = failure.empty();
  if (!up_) {
    // An absent sequencer is a normal state: told once.
    if (failure_ != failure)
      io::log_info("ALSA: {}; its ports come when it does", failure);
    failure_ = failure;
    self->delayed_send(self, look_wait, atom::tick_v);
    return;
  }
  failure_.clear();
  io::log_info("ALSA's sequencer is up");
  add_virtual_ports();
  look();
}

void alsa_watch_state::on_notice(const io::alsa_notice& notice) {
  if (leaving_)
    return;
  switch (notice.kind) {
  case io::alsa_notice_kind::ports_changed: plan_look(); break;
  case io::alsa_notice_kind::gone:
    io::log_warning("ALSA's sequencer has gone; its ports are away until it is back");
    failure_ = "the sequencer has gone";
    up_ = false;
    for (auto& [key, port] : ports_)
      drop(port);
    self->delayed_send(self, look_wait, atom::tick_v);
    break;
  case io::alsa_notice_kind::subscribed:
  case io::alsa_notice_kind::unsubscribed: break;
  }
}

// Notices come in crowds; what they tell of is looked at once.
void alsa_watch_state::plan_look() {
  if (!look_planned_)
    self->send(self, atom::list_v);
  look_planned_ = true;
}

// -- ports --

void alsa_watch_state::add_virtual_ports() {
  for (const auto& wanted : context_.settings.virtual_ports) {
    io::alsa_port_request request;
    request.name = wanted.name;
    request.in = wanted.direction != config::port_direction::out;
    request.out = wanted.direction != config::port_direction::in;
    add(request, {port_kind::alsa, context_.settings.client, wanted.name, request.in, request.out},
        false, wanted.name);
  }
}

bool alsa_watch_state::add(const io::alsa_port_request& request, port_description description,
                           bool is_hardware, const std::string& label) {
  std::string failure;
  auto port = client_->add_port(request, failure);
  if (!port) {
    auto& known = refused_[request.partner];
    if (known != failure)
      io::log_warning("cannot open ALSA port \"{}\": {}", label, failure);
    known = failure;
    return false;
  }
  refused_.erase(request.partner);
  local_port_options options;
  options.clock = context_.settings.clock;
  options.active_sensing = context_.settings.active_sensing;
  options.octets_per_second = is_hardware ? cable_octets_per_second : program_octets_per_second;
  options.sysex_octets = context_.sysex_octets;
  auto key = next_port_key();
  auto actor = spawn_local_port(self->system(), context_.router, key, std::move(description),
                                std::move(port), options);
  self->monitor(actor);
  keys_[actor.address()] = key;
  ports_[key] = {request.partner, label, std::move(actor)};
  return true;
}

void alsa_watch_state::add_foreign(const io::alsa_port_info& port, const std::string& client) {
  io::alsa_port_request request;
  request.name = client + ' ' + port.port_name;
  request.in = port.is_source;
  request.out = port.is_destination;
  request.hidden = true;
  request.partner = port.address;
  add(request, {port_kind::alsa, client, port.port_name, request.in, request.out}, port.is_hardware,
      client + ':' + port.port_name);
}

// Opens what the rules want and is there, closes what is not there any more.
void alsa_watch_state::look() {
  look_planned_ = false;
  if (!up_ || leaving_)
    return;
  auto found = client_->list();
  std::set<int> clients;
  for (const auto& port : found)
    clients.insert(port.address.client);
  for (auto known = clients_.begin(); known != clients_.end();) {
    if (clients.count(*known) > 0) {
      ++known;
      continue;
    }
    names_.leave(*known);
    looks_.erase(*known);
    known = clients_.erase(known);
  }
  std::set<io::alsa_address> open, there;
  for (const auto& [key, port] : ports_)
    open.insert(port.foreign);
  for (const auto& port : found) {
    if (port.is_ours || !opens(context_.settings.devices, port.client_name + ':' + port.port_name,
                               port.is_hardware))
      continue;
    there.insert(port.address);
    if (port.is_card && port.place.empty() && ++looks_[port.address.client] <= place_looks) {
      self->delayed_send(self, place_wait, atom::list_v);
      continue; // its place is about to be known, and its name may depend on it
    }
    clients_.insert(port.address.client);
    auto client = names_.arrive(port.address.client, port.client_name, port.place);
    if (open.count(port.address) == 0)
      add_foreign(port, client);
  }
  for (auto& [key, port] : ports_)
    if (port.foreign.client >= 0 && there.count(port.foreign) == 0)
      drop(port);
}

void alsa_watch_state::on_port_down(const caf::down_msg& down) {
  auto found = keys_.find(down.source);
  if (found == keys_.end())
    return;
  // Whatever ended the port, the router must not keep it.
  self->send(context_.router, atom::detach_v, found->second);
  ports_.erase(found->second);
  keys_.erase(found);
  plan_look(); // the device may have returned before its port had ended
  end_if_alone();
}

// -- the end --

void alsa_watch_state::leave() {
  leaving_ = true;
  for (auto& [key, port] : ports_)
    drop(port);
  end_if_alone();
}

void alsa_watch_state::end_if_alone() {
  if (!leaving_ || !keys_.empty())
    return;
  client_->close();
  self->quit();
}

alsa_info alsa_watch_state::status() const {
  alsa_info info;
  info.up = up_;
  info.failure = failure_;
  auto counters = client_->counters();
  info.overruns = counters.overruns;
  info.lost_out = counters.lost_out;
  for (const auto& [key, port] : ports_)
    info.ports.push_back(port.label);
  return info;
}

alsa_watch_actor::behavior_type
alsa_watch(alsa_watch_actor::stateful_pointer<alsa_watch_state> self,
           const local_context& context) {
  log_failures(self);
  auto& state = self->state;
  state.start(context);
  return {
      [&state](atom::tick) { state.open(); },
      [&state](atom::opened, const std::string& failure) { state.on_opened(failure); },
      [&state](atom::noticed, const io::alsa_notice& notice) { state.on_notice(notice); },
      [&state](atom::list) { state.look(); },
      [&state](atom::leave) { state.leave(); },
      [&state](atom::status) { return state.status(); },
  };
}

} // namespace

alsa_watch_actor spawn_alsa_watch(caf::actor_system& system, local_context context) {
  return system.spawn(alsa_watch, std::move(context));
}

} // namespace tutti
