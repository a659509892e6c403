// Discovery: what the hub announces, whom it sees, whom it invites.
// Decides: what of all this is news for the log; with discovery_offers how offers become
// announcements, with discovery_peers when a name is looked up again.
// Leaves: mDNS (io/mdns), whom to invite (connect_plan), inviting (listener).
#include "actors/discovery_state.hpp"
#include "actors/failure.hpp"
#include "io/log.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>

#include <boost/system/system_error.hpp>

#include <algorithm>

namespace tutti {

namespace {

io::mdns_mode to_mdns_mode(config::discovery_mode mode) {
  switch (mode) {
  case config::discovery_mode::automatic: return io::mdns_mode::automatic;
  case config::discovery_mode::daemon: return io::mdns_mode::daemon;
  case config::discovery_mode::embedded: return io::mdns_mode::embedded;
  case config::discovery_mode::off: break;
  }
  return io::mdns_mode::off;
}

std::string to_text(const io::discovered_service& service) {
  std::string out;
  for (const auto& where : service.endpoints)
    out += (out.empty() ? "" : ", ") + to_string(to_endpoint(where));
  return out;
}

} // namespace

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

namespace {

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
