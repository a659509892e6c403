// The watch over JACK: its server, the ports that the rules open, the virtual ports.
// Decides: when to look for a server, which ports stand for which of JACK's.
// Leaves: libjack (io/jack_client), events (local_port), peers that have ports of their own
// (peer_imports).
//
// down --open--> up --server gone--> down: each second it is looked whether a server is there,
// since nothing tells. While it is up, JACK's own notices tell of every port.
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

using done_handler = io::jack_client::done_handler;
using client_call = std::function<void(io::jack_client&, const done_handler&)>;

constexpr std::chrono::seconds look_wait{1};
// A port that failed is not opened again at once, or one that always fails would be for ever.
constexpr std::chrono::seconds reopen_wait{1};

struct jack_watch_state {
  explicit jack_watch_state(jack_watch_actor::pointer pointer)
      : self(pointer) {}
  /// However the watch ended, its ports do not outlive it.
  ~jack_watch_state() {
    for (const auto& [wanted, port] : ports_)
      if (port.actor)
        caf::anon_send(port.actor, atom::leave_v);
  }

  void start(local_context context);
  void on_tick();
  void on_opened(const std::string& failure);
  void on_notice(const io::jack_notice& notice);
  void on_listed(const std::vector<io::jack_port_info>& found);
  void on_added(const std::string& wanted, const io::local_port_ptr& port,
                const std::string& failure);
  void on_attached(port_key key, const std::string& id, const port_description& description);
  void on_detached(port_key key);
  void on_known(const config::remote_peer& remote);
  void on_lost(const std::string& remote);
  void look();
  void look_for_all();
  void leave();
  jack_info status() const;
  void subscribe(const graph_listener& listener) { listeners_.push_back(listener); }
  /// Has the client do it, and answers with why it failed; empty if it did not.
  caf::result<std::string> act(const client_call& call);
  caf::result<std::vector<io::jack_port_info>> list(const std::string& pattern, bool only_midi);
  caf::result<io::jack_transport_info> transport();

  static inline const char* name = "jack_watch";

private:
  /// A port of ours by the name it stands for: that of a virtual port, or JACK's of a foreign one.
  struct open_port {
    port_description description;
    bool is_virtual = false;
    bool is_import = false;
    std::string id;         ///< once the router has told it
    local_port_actor actor; ///< none while it is being opened
  };

  void open();
  void add_virtual_ports();
  void add(const std::string& wanted, const io::jack_port_request& request,
           port_description description);
  void drop(const std::string& wanted);
  void drop_all();
  void expect_devices();
  void watch_imports(const std::vector<io::jack_port_info>& found);
  void on_port_down(const caf::down_msg& down);
  void end_if_alone();

  jack_watch_actor::pointer self;
  local_context context_;
  std::shared_ptr<io::jack_client> client_;
  std::vector<graph_listener> listeners_;
  peer_imports imports_;
  std::map<std::string, open_port> ports_;
  std::map<caf::actor_addr, port_key> keys_; ///< of ports that live
  bool up_ = false;
  bool looking_ = false; ///< a list of ports is on its way
  bool stale_ = false;   ///< and something has happened since it was asked for
  bool resting_ = false; ///< a port has failed; for a moment nothing is opened
  bool leaving_ = false;
  bool closed_ = false;
  std::string failure_;
  std::uint64_t xruns_ = 0;
};

void jack_watch_state::start(local_context context) {
  context_ = std::move(context);
  self->set_down_handler([this](const caf::down_msg& down) { on_port_down(down); });
  auto me = caf::actor_cast<caf::actor_addr>(jack_watch_actor(self));
  client_ = io::jack_client::make(*context_.loop, [me](const io::jack_notice& notice) {
    if (auto handle = caf::actor_cast<jack_watch_actor>(me))
      caf::anon_send(handle, atom::noticed_v, notice);
  });
  imports_ = peer_imports(context_.settings.peers, context_.settings.virtual_ports);
  for (const auto& remote : context_.remotes)
    imports_.add(remote);
  self->send(context_.router, atom::subscribe_v, port_listener(jack_watch_actor(self)));
  expect_devices();
  open();
}

// A port that a rule names in full is listed as away until it comes.
void jack_watch_state::expect_devices() {
  for (const auto& pattern : context_.settings.devices.include) {
    auto colon = pattern.text().find(':');
    if (pattern.is_literal() && colon != std::string::npos)
      self->send(context_.router, atom::expect_v,
                 port_description{port_kind::jack, pattern.text().substr(0, colon),
                                  pattern.text().substr(colon + 1)});
  }
}

// -- the server --

void jack_watch_state::on_tick() {
  closed_ = leaving_;
  if (leaving_)
    end_if_alone();
  else if (!up_)
    open();
}

void jack_watch_state::open() {
  auto me = caf::actor_cast<caf::actor_addr>(jack_watch_actor(self));
  client_->open(context_.settings.client, context_.settings.same_period,
                [me](const std::string& failure) {
                  if (auto handle = caf::actor_cast<jack_watch_actor>(me))
                    caf::anon_send(handle, atom::opened_v, failure);
                });
}

void jack_watch_state::on_opened(const std::string& failure) {
  up_ = failure.empty();
  if (leaving_)
    return leave();
  if (!up_) {
    // An absent server is a normal state: told once, not every second.
    if (failure_ != failure)
      io::log_info("JACK: {}; its ports come when it does", failure);
    failure_ = failure;
    self->delayed_send(self, look_wait, atom::tick_v);
    return;
  }
  failure_.clear();
  auto server = client_->status();
  io::log_info("JACK is up: {} Hz, periods of {} frames", server.rate, server.period);
  look_for_all();
}

void jack_watch_state::on_notice(const io::jack_notice& notice) {
  for (const auto& listener : listeners_)
    self->send(listener, atom::noticed_v, notice);
  switch (notice.kind) {
  case io::jack_notice_kind::server_gone:
    io::log_warning("the JACK server has gone ({}); its ports are away until it is back",
                    notice.text);
    failure_ = "the server has gone";
    up_ = false;
    drop_all();
    self->delayed_send(self, look_wait, atom::tick_v);
    break;
  case io::jack_notice_kind::port_registered:
  case io::jack_notice_kind::port_unregistered:
  case io::jack_notice_kind::port_renamed:
  case io::jack_notice_kind::connected:
  case io::jack_notice_kind::disconnected: look(); break;
  case io::jack_notice_kind::xrun: ++xruns_; break;
  default: break;
  }
}

// -- ports --

// Those that are not there: at first all, later one that failed.
void jack_watch_state::add_virtual_ports() {
  for (const auto& wanted : context_.settings.virtual_ports) {
    if (ports_.count(wanted.name) > 0)
      continue;
    io::jack_port_request request;
    request.name = wanted.name;
    request.in = wanted.direction != config::port_direction::out;
    request.out = wanted.direction != config::port_direction::in;
    add(wanted.name, request,
        {port_kind::jack, context_.settings.client, wanted.name, request.in, request.out});
    ports_[wanted.name].is_virtual = true;
  }
}

void jack_watch_state::add(const std::string& wanted, const io::jack_port_request& request,
                           port_description description) {
  ports_[wanted].description = std::move(description);
  auto me = caf::actor_cast<caf::actor_addr>(jack_watch_actor(self));
  client_->add_port(request, [me, wanted](io::local_port_ptr port, const std::string& failure) {
    auto handle = caf::actor_cast<jack_watch_actor>(me);
    if (handle)
      caf::anon_send(handle, atom::added_v, wanted, std::move(port), failure);
    else if (port)
      port->close();
  });
}

void jack_watch_state::on_added(const std::string& wanted, const io::local_port_ptr& port,
                                const std::string& failure) {
  auto found = ports_.find(wanted);
  if (!port) {
    if (up_ && found != ports_.end())
      io::log_warning("cannot open JACK port \"{}\": {}", wanted, failure);
    if (found != ports_.end() && !found->second.actor)
      ports_.erase(found);
    return;
  }
  if (found == ports_.end() || found->second.actor || leaving_ || !up_)
    return port->close(); // it has gone meanwhile
  local_port_options options;
  options.sysex_octets = context_.sysex_octets;
  options.clock = context_.settings.clock;
  options.active_sensing = context_.settings.active_sensing;
  auto key = next_port_key();
  found->second.actor = spawn_local_port(self->system(), context_.router, key,
                                         found->second.description, port, options);
  self->monitor(found->second.actor);
  keys_[found->second.actor.address()] = key;
}

void jack_watch_state::look_for_all() {
  resting_ = false;
  if (!up_)
    return;
  add_virtual_ports();
  look();
}

void jack_watch_state::look() {
  stale_ = looking_;
  if (looking_ || resting_ || !up_)
    return;
  looking_ = true;
  auto me = caf::actor_cast<caf::actor_addr>(jack_watch_actor(self));
  client_->list({}, true, [me](std::vector<io::jack_port_info> found) {
    if (auto handle = caf::actor_cast<jack_watch_actor>(me))
      caf::anon_send(handle, atom::listed_v, std::move(found));
  });
}

// Opens what the rules want and is there, closes what is not there any more.
void jack_watch_state::on_listed(const std::vector<io::jack_port_info>& found) {
  looking_ = false;
  if (!up_ || leaving_ || resting_)
    return;
  std::set<std::string> there;
  for (const auto& port : found) {
    auto colon = port.name.find(':');
    if (port.is_ours || colon == std::string::npos ||
        !opens(context_.settings.devices, port.name, port.is_physical))
      continue;
    there.insert(port.name);
    if (ports_.count(port.name) > 0)
      continue;
    auto client = port.name.substr(0, colon), rest = port.name.substr(colon + 1);
    io::jack_port_request request;
    request.name = port.name;
    std::replace(request.name.begin(), request.name.end(), ':', ' ');
    request.in = !port.is_input;
    request.out = port.is_input;
    request.partner = port.name;
    add(port.name, request, {port_kind::jack, client, rest, request.in, request.out});
  }
  std::vector<std::string> gone;
  for (const auto& [name_of_port, port] : ports_)
    if (!port.is_virtual && there.count(name_of_port) == 0)
      gone.push_back(name_of_port);
  for (const auto& name_of_port : gone)
    drop(name_of_port);
  watch_imports(found);
  if (std::exchange(stale_, false))
    look();
}

// -- peers with a port of their own --

void jack_watch_state::on_attached(port_key key, const std::string& id,
                                   const port_description& description) {
  imports_.attached(key, id, description);
  for (auto& [name_of_port, port] : ports_)
    if (port.actor && keys_.count(port.actor.address()) > 0 && keys_[port.actor.address()] == key)
      port.id = id;
  look();
}

void jack_watch_state::on_detached(port_key key) {
  imports_.detached(key);
  look();
}

void jack_watch_state::on_known(const config::remote_peer& remote) {
  imports_.add(remote);
  look();
}

void jack_watch_state::on_lost(const std::string& remote) {
  imports_.remove(remote);
  look();
}

void jack_watch_state::watch_imports(const std::vector<io::jack_port_info>& found) {
  auto is_used = [&](const std::string& import) {
    auto prefix = context_.settings.client + ':' + import;
    return std::any_of(found.begin(), found.end(), [&](const auto& port) {
      return port.is_ours && !port.connections.empty() &&
             (port.name == prefix + " in" || port.name == prefix + " out");
    });
  };
  std::vector<std::string> gone;
  for (const auto& [name_of_port, port] : ports_) {
    if (!port.is_import)
      continue;
    if (!imports_.has(name_of_port, port.description.partner))
      gone.push_back(name_of_port);
    else
      imports_.set_used(name_of_port, !port.id.empty() && is_used(name_of_port),
                        self->clock().now());
  }
  for (const auto& name_of_port : gone)
    drop(name_of_port);
  for (const auto& one : imports_.ports()) {
    if (ports_.count(one.name) > 0)
      continue;
    io::jack_port_request request;
    request.name = one.name;
    std::replace(request.name.begin(), request.name.end(), ':', ' ');
    request.in = request.out = true;
    port_description description{port_kind::jack, context_.settings.client, one.name};
    description.by_rule = false;
    description.partner = one.partner;
    add(one.name, request, std::move(description));
    ports_[one.name].is_virtual = ports_[one.name].is_import = true;
  }
  if (context_.sessions)
    perform_imports(self, imports_, context_.sessions,
                    [this](const std::string& one) { return ports_[one].id; });
}

void jack_watch_state::drop(const std::string& wanted) {
  auto found = ports_.find(wanted);
  if (found->second.actor)
    self->send(found->second.actor, atom::leave_v);
  ports_.erase(found);
}

void jack_watch_state::drop_all() {
  while (!ports_.empty())
    drop(ports_.begin()->first);
}

void jack_watch_state::on_port_down(const caf::down_msg& down) {
  auto found = keys_.find(down.source);
  if (found == keys_.end())
    return;
  // Whatever ended the port, the router must not keep it.
  self->send(context_.router, atom::detach_v, found->second);
  keys_.erase(found);
  auto failed = std::find_if(ports_.begin(), ports_.end(), [&](const auto& one) {
    return one.second.actor && one.second.actor.address() == down.source;
  });
  if (failed != ports_.end()) {
    io::log_error("port \"{}\" ended unexpectedly ({}); opening it again", failed->first,
                  self->system().render(down.reason));
    ports_.erase(failed);
    resting_ = true;
    self->delayed_send(self, reopen_wait, atom::list_v);
  }
  end_if_alone();
}

// -- the end --

void jack_watch_state::leave() {
  leaving_ = true;
  listeners_.clear();
  drop_all();
  up_ = false;
  auto me = caf::actor_cast<caf::actor_addr>(jack_watch_actor(self));
  client_->close([me](const std::string&) {
    if (auto handle = caf::actor_cast<jack_watch_actor>(me))
      caf::anon_send(handle, atom::tick_v);
  });
}

void jack_watch_state::end_if_alone() {
  if (leaving_ && closed_ && keys_.empty())
    self->quit();
}

// -- what the API asks --

jack_info jack_watch_state::status() const {
  jack_info info;
  info.up = up_;
  info.failure = failure_;
  info.server = client_->status();
  info.xruns = xruns_;
  for (const auto& [port, content] : ports_)
    info.ports.push_back(port);
  return info;
}

caf::result<std::string> jack_watch_state::act(const client_call& call) {
  auto promise = self->make_response_promise<std::string>();
  call(*client_, [promise](const std::string& failure) mutable { promise.deliver(failure); });
  return promise;
}

caf::result<std::vector<io::jack_port_info>> jack_watch_state::list(const std::string& pattern,
                                                                    bool only_midi) {
  auto promise = self->make_response_promise<std::vector<io::jack_port_info>>();
  client_->list(pattern, only_midi, [promise](std::vector<io::jack_port_info> found) mutable {
    promise.deliver(std::move(found));
  });
  return promise;
}

caf::result<io::jack_transport_info> jack_watch_state::transport() {
  auto promise = self->make_response_promise<io::jack_transport_info>();
  client_->query_transport(
      [promise](const io::jack_transport_info& info) mutable { promise.deliver(info); });
  return promise;
}

jack_watch_actor::behavior_type
jack_watch(jack_watch_actor::stateful_pointer<jack_watch_state> self,
           const local_context& context) {
  using std::string;
  log_failures(self);
  auto& state = self->state;
  state.start(context);
  return {
      [&state](atom::tick) { state.on_tick(); },
      [&state](atom::opened, const string& failure) { state.on_opened(failure); },
      [&state](atom::noticed, const io::jack_notice& notice) { state.on_notice(notice); },
      [&state](atom::listed, const std::vector<io::jack_port_info>& found) {
        state.on_listed(found);
      },
      [&state](atom::added, const string& wanted, const io::local_port_ptr& port,
               const string& failure) { state.on_added(wanted, port, failure); },
      [&state](atom::attached, port_key key, const string& id,
               const port_description& description) { state.on_attached(key, id, description); },
      [&state](atom::detached, port_key key) { state.on_detached(key); },
      [&state](atom::known, const config::remote_peer& remote) { state.on_known(remote); },
      [&state](atom::lost, const std::string& remote) { state.on_lost(remote); },
      [&state](atom::list) { state.look_for_all(); },
      [&state](atom::subscribe, const graph_listener& listener) { state.subscribe(listener); },
      [&state](atom::leave) { state.leave(); },
      [&state](atom::status) { return state.status(); },
      [&state](atom::list, const string& pattern, bool only_midi) {
        return state.list(pattern, only_midi);
      },
      [&state](atom::connect, const string& from, const string& to) {
        return state.act([&](io::jack_client& client, const done_handler& done) {
          client.connect(from, to, done);
        });
      },
      [&state](atom::disconnect, const string& from, const string& to) {
        return state.act([&](io::jack_client& client, const done_handler& done) {
          client.disconnect(from, to, done);
        });
      },
      [&state](atom::transport) { return state.transport(); },
      [&state](atom::transport, bool rolling) {
        return state.act([&](io::jack_client& client, const done_handler& done) {
          client.start_transport(rolling, done);
        });
      },
      [&state](atom::locate, std::uint32_t frame) {
        return state.act([&](io::jack_client& client, const done_handler& done) {
          client.locate_transport(frame, done);
        });
      },
  };
}

} // namespace

jack_watch_actor spawn_jack_watch(caf::actor_system& system, local_context context) {
  return system.spawn(jack_watch, std::move(context));
}

} // namespace tutti
