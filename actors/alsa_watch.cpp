// The watch over ALSA's sequencer: the ports that the rules open, the virtual ports.
// Decides: which ports stand for which of ALSA's, under which names; who is offered as a session.
// Leaves: alsa-lib (io/alsa_client), events and pacing (local_port), names (device_names), peers
// that have ports of their own (peer_imports), sessions (supervisor).
//
// The sequencer announces all that comes and goes. Only where there is no sequencer at all, it is
// looked for now and then.
#include "actors/device_names.hpp"
#include "actors/export_rule.hpp"
#include "actors/failure.hpp"
#include "actors/peer_imports.hpp"
#include "actors/perform_imports.hpp"
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
// A port that failed is not opened again at once, or one that always fails would be for ever.
constexpr std::chrono::seconds reopen_wait{1};
// A card's sequencer port is there a little sooner than the rest of it; so often and so long is
// waited.
constexpr int place_looks = 5;
constexpr std::chrono::milliseconds place_wait{20};
// What a MIDI cable takes (31,250 baud, ten bits an octet). The kernel's buffer for a device is
// small, and it drops what does not fit without a word.
constexpr std::uint32_t cable_octets_per_second = 3125;
// What programs at a virtual port take, ten times as much: the kernel keeps about 5 KiB for each,
// so it may be 160 ms late. A program with a port for itself is asked (alsa_client).
constexpr std::uint32_t program_octets_per_second = 31'250;

struct alsa_watch_state {
  explicit alsa_watch_state(alsa_watch_actor::pointer pointer)
      : self(pointer) {}
  /// However the watch ended, its ports do not outlive it.
  ~alsa_watch_state() {
    for (const auto& [key, port] : ports_)
      caf::anon_send(port.actor, atom::leave_v);
  }

  void start(local_context context);
  void open();
  void on_opened(const std::string& failure);
  void on_notice(io::alsa_notice_kind notice);
  void on_attached(port_key key, const std::string& id, const port_description& description);
  void on_detached(port_key key);
  void on_known(const config::remote_peer& remote);
  void on_lost(const std::string& remote);
  void look();
  void leave();
  alsa_info status() const;

  static inline const char* name = "alsa_watch";

private:
  enum class port_use : std::uint8_t { device, configured, import };
  struct open_port {
    port_use use = port_use::device;
    std::string label;        ///< of an import: its name
    io::alsa_address foreign; ///< of a device
    io::alsa_address own;
    io::local_port_ptr port; ///< until it is closed
    std::string id;          ///< once the router has told it
    std::string partner;     ///< of an import
    bool offers = false;     ///< what is connected to it is offered as a session
    bool is_offered = false; ///< a device: it is one
    local_port_actor actor;
  };

  void plan_look();
  void expect_devices();
  void add_virtual_ports();
  void add_import(const peer_imports::port& wanted);
  open_port* add(const io::alsa_port_request& request, port_description description,
                 std::uint32_t octets_per_second);
  void add_foreign(const io::alsa_port_info& port, const std::string& client, bool by_rule);
  open_port* find_foreign(io::alsa_address address);
  void drop(open_port& port);
  void forget_clients(const std::vector<io::alsa_port_info>& found);
  std::set<io::alsa_address> find_offered(const std::vector<io::alsa_port_info>& found);
  void offer_devices(const std::set<io::alsa_address>& wanted);
  void withdraw(open_port& port);
  void watch_imports();
  std::string id_of_import(const std::string& import) const;
  void on_port_down(const caf::down_msg& down);
  void end_if_alone();

  alsa_watch_actor::pointer self;
  local_context context_;
  std::shared_ptr<io::alsa_client> client_;
  device_names names_;
  peer_imports imports_;
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
  client_ = io::alsa_client::make(*context_.loop, [me](io::alsa_notice_kind notice) {
    if (auto handle = caf::actor_cast<alsa_watch_actor>(me))
      caf::anon_send(handle, atom::noticed_v, notice);
  });
  imports_ = peer_imports(context_.settings.peers, context_.settings.virtual_ports);
  for (const auto& remote : context_.remotes)
    imports_.add(remote);
  self->send(context_.router, atom::subscribe_v, port_listener(alsa_watch_actor(self)));
  expect_devices();
  open();
}

// A device that a rule names in full is listed as away until it comes.
void alsa_watch_state::expect_devices() {
  for (const auto& pattern : context_.settings.devices.include) {
    auto colon = pattern.text().find(':');
    if (pattern.is_literal() && colon != std::string::npos)
      self->send(context_.router, atom::expect_v,
                 port_description{port_kind::alsa, pattern.text().substr(0, colon),
                                  pattern.text().substr(colon + 1)});
  }
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
  look();
}

void alsa_watch_state::on_notice(io::alsa_notice_kind notice) {
  if (leaving_)
    return;
  switch (notice) {
  case io::alsa_notice_kind::ports_changed:
  case io::alsa_notice_kind::connections_changed: plan_look(); break;
  case io::alsa_notice_kind::gone:
    io::log_warning("ALSA's sequencer has gone; its ports are away until it is back");
    failure_ = "the sequencer has gone";
    up_ = false;
    for (auto& [key, port] : ports_)
      drop(port);
    self->delayed_send(self, look_wait, atom::tick_v);
    break;
  }
}

// Notices come in crowds; what they tell of is looked at once.
void alsa_watch_state::plan_look() {
  if (!look_planned_)
    self->send(self, atom::list_v);
  look_planned_ = true;
}

// -- ports --

io::alsa_port_request virtual_port(const std::string& name, config::port_direction direction) {
  io::alsa_port_request request;
  request.name = name;
  request.in = direction != config::port_direction::out;
  request.out = direction != config::port_direction::in;
  return request;
}

// Those that are not there: at first all, later one that failed.
void alsa_watch_state::add_virtual_ports() {
  auto is_open = [this](const std::string& label) {
    return std::any_of(ports_.begin(), ports_.end(), [&](const auto& one) {
      const auto& port = one.second;
      return port.use == port_use::configured && port.label == label && port.port;
    });
  };
  for (const auto& wanted : context_.settings.virtual_ports) {
    if (is_open(wanted.name))
      continue;
    auto request = virtual_port(wanted.name, wanted.direction);
    auto added = add(
        request, {port_kind::alsa, context_.settings.client, wanted.name, request.in, request.out},
        program_octets_per_second);
    if (!added)
      continue;
    added->use = port_use::configured;
    added->offers = wanted.offers;
  }
}

alsa_watch_state::open_port* alsa_watch_state::add(const io::alsa_port_request& request,
                                                   port_description description,
                                                   std::uint32_t octets_per_second) {
  std::string failure;
  auto port = client_->add_port(request, failure);
  if (!port) {
    auto& known = refused_[request.partner];
    if (known != failure)
      io::log_warning("cannot open ALSA port \"{}\": {}", request.name, failure);
    known = failure;
    return nullptr;
  }
  refused_.erase(request.partner);
  local_port_options options;
  options.clock = context_.settings.clock;
  options.active_sensing = context_.settings.active_sensing;
  options.octets_per_second = octets_per_second;
  options.sysex_octets = context_.sysex_octets;
  auto key = next_port_key();
  auto& added = ports_[key];
  added.foreign = request.partner;
  added.own = client_->address_of(*port);
  added.port = port;
  added.label = request.name;
  added.actor = spawn_local_port(self->system(), context_.router, key, std::move(description),
                                 std::move(port), options);
  self->monitor(added.actor);
  keys_[added.actor.address()] = key;
  return &added;
}

void alsa_watch_state::add_foreign(const io::alsa_port_info& port, const std::string& client,
                                   bool by_rule) {
  io::alsa_port_request request;
  request.name = client + ' ' + port.port_name;
  request.in = port.is_source;
  request.out = port.is_destination;
  request.hidden = true;
  request.partner = port.address;
  auto speed = port.is_hardware  ? cable_octets_per_second
               : port.is_program ? 0
                                 : program_octets_per_second;
  port_description description{port_kind::alsa, client, port.port_name, request.in, request.out};
  description.by_rule = by_rule;
  auto added = add(request, std::move(description), speed);
  if (!added)
    return;
  // "Keystation Keystation MIDI 1" says the same twice.
  added->label = port.port_name.starts_with(port.client_name)
                     ? client + port.port_name.substr(port.client_name.size())
                     : request.name;
}

alsa_watch_state::open_port* alsa_watch_state::find_foreign(io::alsa_address address) {
  for (auto& [key, port] : ports_)
    if (port.use == port_use::device && port.foreign == address)
      return &port;
  return nullptr;
}

void alsa_watch_state::drop(open_port& port) {
  withdraw(port);
  port.port = nullptr;
  self->send(port.actor, atom::leave_v);
}

// Opens what the rules want or is to be offered, and is there; closes what is not there any more.
void alsa_watch_state::look() {
  look_planned_ = false;
  if (!up_ || leaving_)
    return;
  add_virtual_ports();
  auto found = client_->list();
  forget_clients(found);
  auto offered = find_offered(found);
  std::set<io::alsa_address> there;
  for (const auto& port : found) {
    if (port.is_ours)
      continue;
    auto by_rule =
        opens(context_.settings.devices, port.client_name + ':' + port.port_name, port.is_hardware);
    if (!by_rule && offered.count(port.address) == 0)
      continue;
    there.insert(port.address);
    if (port.is_card && port.place.empty() && ++looks_[port.address.client] <= place_looks) {
      self->delayed_send(self, place_wait, atom::list_v);
      continue; // its place is about to be known, and its name may depend on it
    }
    clients_.insert(port.address.client);
    auto client = names_.arrive(port.address.client, port.client_name, port.place);
    if (!find_foreign(port.address))
      add_foreign(port, client, by_rule);
  }
  for (auto& [key, port] : ports_)
    if (port.use == port_use::device && port.port && there.count(port.foreign) == 0)
      drop(port);
  offer_devices(offered);
  watch_imports();
}

// The number of a client that has gone waits for its return.
void alsa_watch_state::forget_clients(const std::vector<io::alsa_port_info>& found) {
  std::set<int> there;
  for (const auto& port : found)
    there.insert(port.address.client);
  std::erase_if(clients_, [&](int known) {
    if (there.count(known) > 0)
      return false;
    names_.leave(known);
    looks_.erase(known);
    return true;
  });
}

// -- export: what is connected to a port that offers is a session of its own --

std::set<io::alsa_address>
alsa_watch_state::find_offered(const std::vector<io::alsa_port_info>& found) {
  std::set<io::alsa_address> out;
  for (const auto& [key, port] : ports_) {
    if (!port.offers)
      continue;
    for (auto way : {io::alsa_direction::to_port, io::alsa_direction::from_port})
      for (auto partner : client_->partners_of(port.own, way))
        out.insert(partner);
  }
  std::erase_if(out, [&](io::alsa_address address) {
    return std::none_of(found.begin(), found.end(),
                        [&](const auto& port) { return port.address == address && !port.is_ours; });
  });
  return out;
}

// Its own port carries what a device plays, so the port that it is connected to must not.
void alsa_watch_state::offer_devices(const std::set<io::alsa_address>& wanted) {
  for (auto& [key, port] : ports_) {
    if (port.use != port_use::device || !port.port)
      continue;
    auto is_wanted = wanted.count(port.foreign) > 0;
    for (auto& [other, offering] : ports_)
      if (offering.offers && offering.port)
        client_->ignore(*offering.port, port.foreign, is_wanted);
    if (!is_wanted)
      withdraw(port);
    else if (!port.id.empty() && !std::exchange(port.is_offered, true) && context_.sessions)
      self->send(context_.sessions, atom::offer_v, local_offer{port.label, port.id});
  }
}

void alsa_watch_state::withdraw(open_port& port) {
  if (std::exchange(port.is_offered, false) && context_.sessions)
    self->send(context_.sessions, atom::withdraw_v, port.id);
}

// -- import: peers with a port of their own --

void alsa_watch_state::on_attached(port_key key, const std::string& id,
                                   const port_description& description) {
  imports_.attached(key, id, description);
  if (auto mine = ports_.find(key); mine != ports_.end())
    mine->second.id = id;
  plan_look();
}

void alsa_watch_state::on_detached(port_key key) {
  imports_.detached(key);
  plan_look();
}

void alsa_watch_state::on_known(const config::remote_peer& remote) {
  imports_.add(remote);
  plan_look();
}

void alsa_watch_state::on_lost(const std::string& remote) {
  imports_.remove(remote);
  plan_look();
}

void alsa_watch_state::watch_imports() {
  std::set<std::string> open;
  auto now = self->clock().now();
  for (auto& [key, port] : ports_) {
    if (port.use != port_use::import || !port.port)
      continue;
    if (!imports_.has(port.label, port.partner)) {
      drop(port);
      continue;
    }
    open.insert(port.label);
    auto used = !client_->partners_of(port.own, io::alsa_direction::to_port).empty() ||
                !client_->partners_of(port.own, io::alsa_direction::from_port).empty();
    imports_.set_used(port.label, used && !port.id.empty(), now);
  }
  for (const auto& one : imports_.ports())
    if (open.count(one.name) == 0)
      add_import(one);
  if (context_.sessions)
    perform_imports(self, imports_, context_.sessions,
                    [this](const std::string& one) { return id_of_import(one); });
}

void alsa_watch_state::add_import(const peer_imports::port& wanted) {
  port_description description{port_kind::alsa, context_.settings.client, wanted.name};
  description.by_rule = false;
  description.partner = wanted.partner;
  auto added = add(virtual_port(wanted.name, config::port_direction::both), std::move(description),
                   program_octets_per_second);
  if (!added)
    return;
  added->use = port_use::import;
  added->partner = wanted.partner;
}

std::string alsa_watch_state::id_of_import(const std::string& import) const {
  for (const auto& [key, port] : ports_)
    if (port.use == port_use::import && port.label == import && port.port)
      return port.id;
  return {};
}

void alsa_watch_state::on_port_down(const caf::down_msg& down) {
  auto found = keys_.find(down.source);
  if (found == keys_.end())
    return;
  // Whatever ended the port, the router must not keep it.
  self->send(context_.router, atom::detach_v, found->second);
  auto& port = ports_.at(found->second);
  if (port.port && !leaving_) {
    io::log_error("port \"{}\" ended unexpectedly ({}); opening it again", port.label,
                  self->system().render(down.reason));
    withdraw(port);
    look_planned_ = true;
    self->delayed_send(self, reopen_wait, atom::list_v);
  }
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
      [&state](atom::noticed, io::alsa_notice_kind notice) { state.on_notice(notice); },
      [&state](atom::attached, port_key key, const std::string& id,
               const port_description& description) { state.on_attached(key, id, description); },
      [&state](atom::detached, port_key key) { state.on_detached(key); },
      [&state](atom::known, const config::remote_peer& remote) { state.on_known(remote); },
      [&state](atom::lost, const std::string& remote) { state.on_lost(remote); },
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
