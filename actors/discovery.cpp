// Discovery: what the hub announces, whom it sees, whom it invites.
// Decides: how offers become announcements; when a name is looked up again; what of all this is
// news for the log.
// Leaves: mDNS (io/mdns), whom to invite (connect_plan), inviting (listener).
#include "actors/connect_plan.hpp"
#include "actors/failure.hpp"
#include "actors/log_budget.hpp"
#include "actors/spawn.hpp"
#include "io/interface_watcher.hpp"
#include "io/mdns.hpp"
#include "io/name_lookup.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <boost/system/system_error.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace tutti {

namespace {

constexpr const char* rtp_midi_type = "_apple-midi._udp";

/// A name that leads nowhere, or to a peer that is not in session, is looked up again this often.
constexpr std::chrono::seconds lookup_interval{3};
/// How often the router is asked which services its rules name.
constexpr std::chrono::milliseconds demand_interval{500};

io::mdns_mode to_mdns_mode(config::discovery_mode mode) {
  switch (mode) {
  case config::discovery_mode::automatic: return io::mdns_mode::automatic;
  case config::discovery_mode::daemon: return io::mdns_mode::daemon;
  case config::discovery_mode::embedded: return io::mdns_mode::embedded;
  case config::discovery_mode::off: break;
  }
  return io::mdns_mode::off;
}

boost::asio::ip::address to_address(const io::endpoint& where) {
  boost::asio::ip::address_v6 v6(where.address, where.scope);
  if (where.is_v4())
    return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, v6);
  return v6;
}

io::announcement to_announcement(const offer& what, const std::vector<std::string>& interfaces) {
  io::announcement out;
  out.name = what.name;
  out.type = what.type;
  out.txt = what.txt;
  out.interfaces = interfaces;
  out.port = what.listens.empty() ? std::uint16_t(0) : what.listens.front().port;
  auto everywhere = [](const io::endpoint& where) { return where.is_unspecified(); };
  auto open = std::find_if(what.listens.begin(), what.listens.end(), everywhere);
  if (open == what.listens.end()) {
    for (const auto& where : what.listens)
      out.addresses.push_back(to_address(where));
  } else if (std::all_of(what.listens.begin(), what.listens.end(),
                         [](const auto& where) { return where.is_v4(); })) {
    out.family = io::ip_family::ipv4;
  }
  return out;
}

std::string to_text(const io::discovered_service& service) {
  std::string out;
  for (const auto& where : service.endpoints)
    out += (out.empty() ? "" : ", ") + to_string(to_endpoint(where));
  return out;
}

struct discovery_state {
  explicit discovery_state(discovery_actor::pointer pointer)
      : self(pointer) {}

  void start(io::event_loop& loop, config::discovery settings, router_actor router,
             notice_sink notices);
  void publish(const offer& what);
  void withdraw(const std::string& who, const std::string& type);
  void attach(const std::string& session, const listener_actor& listener);
  void detach(const std::string& session);
  bool invite(const config::remote_peer& peer);
  void abandon(const config::remote_peer& peer);
  void on_service(const io::service_event& event);
  void on_offer(const io::publication_status& status);
  void on_resolved(const std::string& key, const io::name_result& result);
  void on_notice(const io::notice& notice);
  void on_reached(const std::string& key);
  void on_failed(const std::string& key);
  void look_up(const std::string& key);
  void on_look_up_due(const std::string& key);
  void subscribe(const remote_listener& listener);
  void on_down(const caf::actor_addr& gone);
  void ask_for_demand();
  void leave();
  discovery_info status() const;

  static inline const char* name = "discovery";

private:
  struct published {
    offer what;
    io::registration_id id = 0;
    io::publication_status status;
  };
  struct named_session {
    std::string name;
    listener_actor listener;
  };

  void start_mdns(io::event_loop& loop);
  void watch_interfaces(io::event_loop& loop);
  void plan_look_up(const std::string& key, std::chrono::seconds wait);
  published* find(const std::string& who, const std::string& type);
  void tell_ports();
  void perform();
  std::optional<config::remote_peer> remote_of(const std::string& service) const;
  void tell_of_remote(const std::string& service);
  void tell(const io::service_event& event);
  service_info describe(const io::discovered_service& service,
                        const config::connect_rule* rule) const;
  const std::string& session_name(const std::string& given) const;
  const listener_actor* listener_for(const std::string& session) const;

  discovery_actor::pointer self;
  config::discovery settings_;
  router_actor router_;
  notice_sink notices_;
  std::unique_ptr<connect_plan> plan_;
  std::vector<published> published_;
  std::vector<named_session> sessions_;
  std::set<std::string> reached_; ///< keys of targets that are in session
  std::set<std::string>
      looked_up_;                 ///< keys of peers whose name is being looked up, or soon will be
  std::set<std::string> unknown_; ///< keys of peers whose name led nowhere; logged once
  std::vector<remote_listener> listeners_;
  std::map<std::string, config::remote_peer> remotes_; ///< as last told to them, by name
  log_budget budget_;
  std::unique_ptr<io::name_lookup> names_;
  std::unique_ptr<io::interface_watcher> interfaces_;
  std::unique_ptr<io::mdns> mdns_;
};

void discovery_state::start(io::event_loop& loop, config::discovery settings, router_actor router,
                            notice_sink notices) {
  settings_ = std::move(settings);
  notices_ = std::move(notices);
  self->set_down_handler([this](const caf::down_msg& down) { on_down(down.source); });
  router_ = std::move(router);
  plan_ = std::make_unique<connect_plan>(settings_.connect);
  names_ = std::make_unique<io::name_lookup>(loop.context());
  start_mdns(loop);
  watch_interfaces(loop);
  if (settings_.browse)
    mdns_->browse(rtp_midi_type);
  auto on_demand = [](const auto& rule) { return rule.when == config::connect_when::on_demand; };
  if (std::any_of(settings_.connect.begin(), settings_.connect.end(), on_demand))
    self->send(self, atom::tick_v);
}

void discovery_state::start_mdns(io::event_loop& loop) {
  auto me = caf::actor_cast<caf::actor_addr>(discovery_actor(self));
  auto tell = [me](auto verb, auto what) {
    if (auto handle = caf::actor_cast<discovery_actor>(me))
      caf::anon_send(handle, verb, std::move(what));
  };
  io::mdns_handlers handlers;
  handlers.on_service = [tell](const io::service_event& event) {
    tell(atom::seen_v, std::make_shared<const io::service_event>(event));
  };
  handlers.on_publication = [tell](const io::publication_status& status) {
    tell(atom::announced_v, std::make_shared<const io::publication_status>(status));
  };
  handlers.on_notice = [tell](const io::notice& notice) {
    tell(atom::noted_v, std::make_shared<const io::notice>(notice));
  };
  mdns_ = std::make_unique<io::mdns>(
      loop.context(), io::mdns_options{to_mdns_mode(settings_.mode), {}, settings_.interfaces},
      std::move(handlers));
}

// Without the kernel's word on interfaces nothing can be announced, but everything else works.
void discovery_state::watch_interfaces(io::event_loop& loop) {
  try {
    interfaces_ = std::make_unique<io::interface_watcher>(
        loop.context(), [this](const std::vector<io::network_interface>& now) {
          mdns_->set_interfaces(now);
          plan_->on_interfaces(now);
          for (const auto& [service, entry] : plan_->services())
            tell_of_remote(service); // another of its addresses may be the best now
          perform();
        });
  } catch (const boost::system::system_error& error) {
    io::log_warning("cannot follow the network interfaces: {}", error.what());
    return;
  }
  mdns_->set_interfaces(interfaces_->list());
  plan_->on_interfaces(interfaces_->list());
}

// -- what is announced --

void discovery_state::publish(const offer& what) {
  auto known = find(what.name, what.type);
  if (!known)
    known = &published_.emplace_back();
  known->what = what;
  tell_ports();
  if (!settings_.publish)
    return;
  if (what.listens.empty()) { // none of its addresses is there just now
    if (known->id != 0)
      mdns_->withdraw(std::exchange(known->id, 0));
    known->status = {};
    return;
  }
  auto announcement = to_announcement(what, settings_.interfaces);
  if (known->id != 0)
    mdns_->update(known->id, std::move(announcement));
  else
    known->id = mdns_->publish(std::move(announcement));
}

void discovery_state::withdraw(const std::string& who, const std::string& type) {
  auto known = find(who, type);
  if (!known)
    return;
  if (known->id != 0)
    mdns_->withdraw(known->id);
  published_.erase(published_.begin() + (known - published_.data()));
  tell_ports();
}

discovery_state::published* discovery_state::find(const std::string& who, const std::string& type) {
  for (auto& one : published_)
    if (one.what.name == who && one.what.type == type)
      return &one;
  return nullptr;
}

// By its ports, our own services are known among those on the network.
void discovery_state::tell_ports() {
  std::vector<std::uint16_t> ports;
  for (const auto& one : published_)
    for (const auto& where : one.what.listens)
      ports.push_back(where.port);
  mdns_->set_listening_ports(std::move(ports));
}

void discovery_state::on_offer(const io::publication_status& status) {
  for (auto& one : published_) {
    if (one.id != status.id)
      continue;
    if (status.state == io::publication_state::established &&
        one.status.state != io::publication_state::established)
      io::log_info("\"{}\" ({}) is announced on the network", status.name, one.what.type);
    one.status = status;
  }
}

void discovery_state::on_notice(const io::notice& notice) {
  switch (notice.level) {
  case io::severity::info: io::log_info("{}", notice.text); break;
  case io::severity::warning: io::log_warning("{}", notice.text); break;
  case io::severity::error: io::log_error("{}", notice.text); break;
  }
}

// -- what is seen --

void discovery_state::on_service(const io::service_event& event) {
  using kind = io::service_event::kind;
  const auto& service = event.service;
  if (event.what == kind::changed)
    io::log_debug("\"{}\" on {} is now at {}", service.name, service.host, to_text(service));
  else if (auto quiet = budget_.spend(self->clock().now()); !quiet)
    io::log_debug("\"{}\" {}", service.name, event.what == kind::added ? "came" : "went");
  else if (event.what == kind::added)
    io::log_info("found \"{}\" on {} at {}{}", service.name, service.host, to_text(service),
                 *quiet);
  else
    io::log_info("\"{}\" on {} has gone{}", service.name, service.host, *quiet);
  if (event.what == kind::removed) // while the plan knows it
    tell(event);
  plan_->on_service(event);
  if (event.what != kind::removed)
    tell(event);
  tell_of_remote(service.name);
  perform();
}

void discovery_state::tell(const io::service_event& event) {
  if (!notices_)
    return;
  using kind = io::service_event::kind;
  auto known = plan_->services().find(event.service.name);
  auto rule = known == plan_->services().end() ? nullptr : known->second.rule;
  self->send(notices_, atom::tell_v,
             notice{topic::services,
                    event.what == kind::added     ? "appeared"
                    : event.what == kind::changed ? "changed"
                                                  : "vanished",
                    describe(event.service, rule)});
}

// What the API tells of a service.
service_info discovery_state::describe(const io::discovered_service& service,
                                       const config::connect_rule* rule) const {
  service_info out{service.name, service.host, {}, {}, false};
  for (const auto& where : service.endpoints)
    out.addresses.push_back(to_endpoint(where));
  out.when = rule ? rule->when : config::connect_when::never;
  out.connected = reached_.count(connect_plan::service_key(service.name)) > 0;
  return out;
}

// -- whom the hub invites --

void discovery_state::attach(const std::string& session, const listener_actor& listener) {
  auto known = std::find_if(sessions_.begin(), sessions_.end(),
                            [&](const auto& one) { return one.name == session; });
  if (known == sessions_.end())
    known = sessions_.insert(sessions_.end(), {session, {}});
  known->listener = listener;
  plan_->renew(session);
  if (known == sessions_.begin())
    plan_->renew({});
  perform();
}

void discovery_state::detach(const std::string& session) {
  bool was_first = !sessions_.empty() && sessions_.front().name == session;
  std::erase_if(sessions_, [&](const named_session& one) { return one.name == session; });
  if (was_first && !sessions_.empty()) {
    plan_->renew({}); // another session is the first now
    perform();
  }
}

void discovery_state::abandon(const config::remote_peer& peer) {
  plan_->remove_peer(peer);
  perform();
}

bool discovery_state::invite(const config::remote_peer& peer) {
  if (!peer.session.empty() && !listener_for(peer.session))
    return false;
  look_up(plan_->add_peer(peer));
  return true;
}

void discovery_state::look_up(const std::string& key) {
  auto peer = plan_->peer(key);
  if (!peer)
    return;
  looked_up_.insert(key);
  auto me = caf::actor_cast<caf::actor_addr>(discovery_actor(self));
  names_->find(peer->host, peer->port, [me, key](io::name_result result) {
    if (auto handle = caf::actor_cast<discovery_actor>(me))
      caf::anon_send(handle, atom::resolved_v, key,
                     std::make_shared<const io::name_result>(std::move(result)));
  });
}

void discovery_state::on_resolved(const std::string& key, const io::name_result& result) {
  looked_up_.erase(key);
  auto peer = plan_->peer(key);
  if (!peer)
    return; // not wanted any more
  if (!result.endpoints.empty()) {
    unknown_.erase(key);
    plan_->on_resolved(key, result.endpoints);
    perform();
  } else if (unknown_.insert(key).second) { // the first failure is news; that it goes on is not
    io::log_warning("cannot look up \"{}\": {}; trying on", peer->host, result.error);
  }
  plan_look_up(key, lookup_interval);
}

void discovery_state::on_reached(const std::string& key) {
  reached_.insert(key);
}

// A service that does not answer may be on another port by now.
void discovery_state::on_failed(const std::string& key) {
  auto was_reached = reached_.erase(key) > 0;
  if (auto service = connect_plan::service_of(key))
    mdns_->refresh(rtp_midi_type, *service);
  plan_look_up(key, was_reached ? std::chrono::seconds(0) : lookup_interval);
}

// A peer that is not in session may have another address by now, if it has a name.
void discovery_state::plan_look_up(const std::string& key, std::chrono::seconds wait) {
  auto peer = plan_->peer(key);
  if (!peer || io::parse_address(peer->host) || reached_.count(key) > 0 ||
      !looked_up_.insert(key).second)
    return;
  self->delayed_send(self, wait, atom::tick_v, key);
}

void discovery_state::on_look_up_due(const std::string& key) {
  looked_up_.erase(key);
  if (reached_.count(key) == 0)
    look_up(key);
}

// -- who is connected to on demand --

void discovery_state::subscribe(const remote_listener& listener) {
  self->monitor(listener);
  listeners_.push_back(listener);
  for (const auto& [service, remote] : remotes_)
    self->send(listener, atom::known_v, remote);
}

void discovery_state::on_down(const caf::actor_addr& gone) {
  std::erase_if(listeners_, [&](const auto& listener) { return listener.address() == gone; });
}

// As where the best of its addresses is; nothing if it is not there, or not on demand.
std::optional<config::remote_peer> discovery_state::remote_of(const std::string& service) const {
  auto known = plan_->services().find(service);
  if (known == plan_->services().end())
    return {};
  const auto& entry = known->second;
  if (!entry.rule || entry.rule->when != config::connect_when::on_demand ||
      entry.service.endpoints.empty())
    return {};
  auto where = plan_->ranked(entry.service.endpoints).front();
  config::remote_peer out;
  out.host = address_text(where);
  out.port = where.port;
  out.session = entry.rule->session;
  out.name = service;
  out.on_demand = true;
  return out;
}

void discovery_state::tell_of_remote(const std::string& service) {
  auto now = remote_of(service);
  auto before = remotes_.find(service);
  if (now && before != remotes_.end() && before->second == *now)
    return;
  if (now) {
    for (const auto& listener : listeners_)
      self->send(listener, atom::known_v, *now);
    remotes_[service] = std::move(*now);
  } else if (before != remotes_.end()) {
    for (const auto& listener : listeners_)
      self->send(listener, atom::lost_v, service);
    remotes_.erase(before);
  }
}

// Rules and scenes change at any time, so the router is asked again and again.
void discovery_state::ask_for_demand() {
  self->delayed_send(self, demand_interval, atom::tick_v);
  std::vector<port_description> ports;
  for (const auto& [service, entry] : plan_->services())
    if (entry.rule && entry.rule->when == config::connect_when::on_demand)
      ports.push_back({port_kind::rtp, session_name(entry.rule->session), service});
  if (ports.empty())
    return;
  self->request(router_, std::chrono::seconds(1), atom::named_v, ports)
      .then(
          [this, ports](const std::vector<port_description>& named) {
            for (const auto& port : ports)
              plan_->on_wanted(port.name,
                               std::any_of(named.begin(), named.end(),
                                           [&](const auto& one) { return one.name == port.name; }));
            perform();
          },
          [](const caf::error&) {}); // asked again soon
}

const std::string& discovery_state::session_name(const std::string& given) const {
  if (given.empty() && !sessions_.empty())
    return sessions_.front().name;
  return given;
}

void discovery_state::perform() {
  for (const auto& command : plan_->take_commands()) {
    auto listener = listener_for(command.session);
    if (!listener)
      continue; // told again when it is attached
    if (command.what == connect_plan::command::kind::invite)
      caf::anon_send(*listener, atom::invite_v, command.target,
                     target_watcher(discovery_actor(self)));
    else
      caf::anon_send(*listener, atom::abandon_v, command.target.key, command.how);
  }
}

const listener_actor* discovery_state::listener_for(const std::string& session) const {
  for (const auto& one : sessions_)
    if (session.empty() || one.name == session)
      return &one.listener;
  return nullptr;
}

void discovery_state::leave() {
  interfaces_.reset();
  mdns_.reset(); // says goodbye
  self->quit();
}

discovery_info discovery_state::status() const {
  discovery_info info;
  auto mdns = mdns_->status();
  info.mode = settings_.mode;
  info.responder = mdns.active == io::mdns_status::responder::daemon     ? "daemon"
                   : mdns.active == io::mdns_status::responder::embedded ? "embedded"
                                                                         : "none";
  info.host = mdns.host;
  info.dropped = mdns.dropped;
  for (const auto& one : published_)
    info.offers.push_back({one.what.name, one.status.name, one.what.type,
                           one.status.state == io::publication_state::established,
                           one.status.reason});
  for (const auto& [key, entry] : plan_->services())
    info.services.push_back(describe(entry.service, entry.rule));
  return info;
}

discovery_actor::behavior_type discovery(discovery_actor::stateful_pointer<discovery_state> self,
                                         io::event_loop* loop, config::discovery settings,
                                         router_actor router, notice_sink notices) {
  log_failures(self);
  auto& state = self->state;
  state.start(*loop, std::move(settings), std::move(router), std::move(notices));
  return {
      [&state](atom::reached, const std::string& key) { state.on_reached(key); },
      [&state](atom::failed, const std::string& key) { state.on_failed(key); },
      [&state](atom::publish, const offer& what) { state.publish(what); },
      [&state](atom::withdraw, const std::string& who, const std::string& type) {
        state.withdraw(who, type);
      },
      [&state](atom::attach, const std::string& session, const listener_actor& listener) {
        state.attach(session, listener);
      },
      [&state](atom::detach, const std::string& session) { state.detach(session); },
      [&state](atom::abandon, const config::remote_peer& peer) { state.abandon(peer); },
      [&state](atom::invite, const config::remote_peer& peer) { return state.invite(peer); },
      [&state](atom::seen, const service_event_ptr& event) { state.on_service(*event); },
      [&state](atom::announced, const offer_status_ptr& status) { state.on_offer(*status); },
      [&state](atom::resolved, const std::string& key, const name_result_ptr& result) {
        state.on_resolved(key, *result);
      },
      [&state](atom::noted, const mdns_notice_ptr& notice) { state.on_notice(*notice); },
      [&state](atom::tick, const std::string& key) { state.on_look_up_due(key); },
      [&state](atom::subscribe, const remote_listener& listener) { state.subscribe(listener); },
      [&state](atom::tick) { state.ask_for_demand(); },
      [&state](atom::leave) { state.leave(); },
      [&state](atom::status) { return state.status(); },
  };
}

} // namespace

discovery_actor spawn_discovery(caf::actor_system& system, io::event_loop& loop,
                                config::discovery settings, router_actor router,
                                notice_sink notices) {
  return system.spawn(discovery, &loop, std::move(settings), std::move(router), std::move(notices));
}

} // namespace tutti
