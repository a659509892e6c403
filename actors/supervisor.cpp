// The supervisor: the configuration in force and the life of all other actors.
// Decides: what is started again after a failure, the order of stopping.
// Leaves: which parts a configuration asks for and how they start (supervisor_parts), what is left
// alone when it changes (part_list), keeping it (configuration), everything else.
#include "actors/failure.hpp"
#include "actors/supervisor_state.hpp"

#include <algorithm>

namespace tutti {

namespace {

constexpr std::chrono::seconds restart_wait{1};

} // namespace

void supervisor_state::start(hub_start given) {
  loop_ = given.loop;
  names_ = std::make_unique<io::name_lookup>(loop_->context());
  kept_ = std::move(given.configuration);
  server_ = std::move(given.control);
  version_ = std::move(given.version);
  auto now = kept_->in_force();
  settings_ = settings_ptr(now, &now->settings);
  scene_ = kept_scene_ = settings_->scene;
  self->set_down_handler([this](const caf::down_msg& down) { on_down(down); });
  start_router();
  for (auto& one : given.bound)
    sessions_.push_back(std::make_unique<offered_session>(offered_session{std::move(one), {}}));
  parts_.want(wanted_parts());
  start_parts();
}

// -- the configuration --------------------------------------------------------------------------

void supervisor_state::configure(const settings_ptr& settings) {
  if (leaving_)
    return;
  auto before = std::exchange(settings_, settings);
  if (settings_->log != before->log)
    io::set_log_level(static_cast<io::log_level>(settings_->log.level));
  if (settings_->real_time != before->real_time)
    io::log_warning("\"real_time\" takes effect when the hub is started again");
  if (settings_->control != before->control)
    io::log_warning("\"control\" takes effect when the hub is started again");
  if (monitor_)
    self->send(monitor_, atom::tell_v, notice{topic::rules, "configuration", {}});
  // The router hears of the scene first, in case the active one goes with the rules.
  bool other_scene = settings_->scene != kept_scene_;
  if (other_scene)
    scene_ = kept_scene_ = settings_->scene;
  bool same_routing = settings_->rules == before->rules && settings_->scenes == before->scenes &&
                      settings_->limits == before->limits;
  if (router_ && !same_routing)
    self->send(router_, atom::configure_v, make_routing());
  if (router_ && other_scene)
    self->request(router_, caf::infinite, atom::scene_v, scene_)
        .then([](bool) {}, [](caf::error&) {});
  apply();
}

// Brings what runs in line with what is wanted now.
void supervisor_state::apply() {
  for (auto& leaving : parts_.want(wanted_parts()))
    caf::anon_send(leaving, atom::leave_v);
  std::erase_if(sessions_, [this](const auto& session) { return !is_offered(*session); });
  start_parts();
}

void supervisor_state::reload() {
  if (leaving_ || !configuration_)
    return;
  self->request(configuration_, caf::infinite, atom::reload_v)
      .then(
          [](const config::change_result& result) {
            for (const auto& wrong : result.mistakes)
              io::log_error("{}", wrong.sentence());
            if (result)
              io::log_info("the configuration was read again");
            else
              io::log_error("the configuration has mistakes; the former one stays in force");
          },
          [](caf::error&) { io::log_error("the configuration cannot be read again just now"); });
}

void supervisor_state::on_scene(const std::string& scene) {
  scene_ = scene;
  keep_scene();
}

// One at a time, and then the newest: scenes may change faster than a disk takes it.
void supervisor_state::keep_scene() {
  if (keeping_scene_ || leaving_ || !configuration_ || scene_ == kept_scene_)
    return;
  keeping_scene_ = true;
  auto told = scene_;
  self->request(configuration_, caf::infinite, atom::scene_v, told)
      .then(
          [this, told](bool) {
            keeping_scene_ = false;
            kept_scene_ = told;
            keep_scene();
          },
          [this](caf::error&) { keeping_scene_ = false; });
}

// -- failures and the end -----------------------------------------------------------------------

void supervisor_state::on_down(const caf::down_msg& down) {
  auto reason = self->system().render(down.reason);
  auto failed = parts_.on_down(down.source);
  if (leaving_)
    return end_if_alone();
  if (failed)
    io::log_error("{} ended unexpectedly ({}); starting it again", failed->what, reason);
  auto was_router = router_ && router_.address() == down.source;
  if (was_router || (monitor_ && monitor_.address() == down.source)) {
    // Everybody holds a handle to the one that is gone, so all follow it.
    io::log_error("the {} ended unexpectedly ({}); starting everything again",
                  was_router ? "router" : "monitor", reason);
    if (auto other = was_router ? caf::actor_cast<caf::actor>(monitor_)
                                : caf::actor_cast<caf::actor>(router_))
      self->send_exit(other, caf::exit_reason::kill);
    router_ = router_actor();
    monitor_ = monitor_actor();
    for (auto& one : parts_.parts())
      if (one.handle)
        self->send_exit(one.handle, caf::exit_reason::kill);
  } else if (!failed) {
    return restart(); // a part that had to leave has left; another may take its place
  }
  self->delayed_send(self, restart_wait, atom::restart_v);
  // Nobody wants the sessions of a part that has ended; whoever takes its place asks again.
  auto is_orphan = [&](const auto& session) { return session.owner == down.source; };
  if (std::erase_if(local_sessions_, is_orphan) > 0 && router_)
    apply();
}

// Starts what is missing. Peers that the hub invites are invited anew by discovery when it learns
// of the listener; the others come by themselves when they find that nobody answers.
void supervisor_state::restart() {
  if (leaving_)
    return;
  follow_interfaces();
  if (router_ && parts_.startable().empty())
    return;
  if (!router_)
    start_router();
  apply();
}

void supervisor_state::leave() {
  if (leaving_)
    return;
  leaving_ = true;
  for (auto& one : parts_.parts())
    if (one.handle)
      caf::anon_send(one.handle, atom::leave_v);
  end_if_alone();
}

// The router goes last, since everything else sends to it.
void supervisor_state::end_if_alone() {
  if (!parts_.all_down())
    return;
  if (router_)
    self->send_exit(router_, caf::exit_reason::user_shutdown);
  if (monitor_)
    self->send(monitor_, atom::leave_v);
  control_ = control_actor();
  self->quit();
}

// Asks every session, and answers when the last one has.
caf::result<std::vector<session_info>> supervisor_state::status() {
  auto promise = self->make_response_promise<std::vector<session_info>>();
  auto out = std::make_shared<std::vector<session_info>>();
  auto open = std::make_shared<std::size_t>(1);
  auto answer_one = [promise, out, open]() mutable {
    if (--*open == 0)
      promise.deliver(std::move(*out));
  };
  for (auto& session : sessions_) {
    if (!session->listener)
      continue;
    ++*open;
    self->request(session->listener, std::chrono::seconds(2), atom::status_v)
        .then(
            [out, answer_one](const session_info& one) mutable {
              out->push_back(one);
              answer_one();
            },
            [answer_one](caf::error&) mutable { answer_one(); });
  }
  answer_one();
  return promise;
}

namespace {

supervisor_actor::behavior_type
supervisor(supervisor_actor::stateful_pointer<supervisor_state> self, hub_start start) {
  log_failures(self);
  auto& state = self->state;
  state.start(std::move(start));
  return {
      [&state](atom::scene, const std::string& scene) { state.on_scene(scene); },
      [&state](atom::configure, const settings_ptr& settings) { state.configure(settings); },
      [&state](atom::reload) { state.reload(); },
      [&state](atom::leave) { state.leave(); },
      [&state](atom::restart) { state.restart(); },
      [&state, self](atom::offer, const local_offer& wanted) {
        state.offer_port(wanted, caf::actor_cast<caf::actor_addr>(self->current_sender()));
      },
      [&state, self](atom::withdraw, const std::string& port) {
        state.withdraw_port(port, caf::actor_cast<caf::actor_addr>(self->current_sender()));
      },
      [&state](atom::invite, const local_import& wanted) { return state.import(wanted); },
      [&state](atom::withdraw, const local_import& wanted) { state.dismiss(wanted); },
      [&state](atom::status) { return state.status(); },
      [&state](atom::seen) { return state.seen(); },
      [&state](atom::invite, const config::remote_peer& peer) { return state.invite(peer); },
      [&state](atom::leave, const std::string& session, port_key key) {
        return state.ask_listener(session, atom::leave_v, key);
      },
      [&state](atom::decide, const std::string& session, std::uint64_t id, bool admitted,
               decision_term term) {
        return state.ask_listener(session, atom::decide_v, id, admitted, term);
      },
      [&state](atom::forget, const std::string& session, const std::string& host,
               const std::string& peer) {
        return state.ask_listener(session, atom::forget_v, host, peer);
      },
  };
}

} // namespace

supervisor_actor spawn_supervisor(caf::actor_system& system, hub_start start) {
  return system.spawn(supervisor, std::move(start));
}

} // namespace tutti
