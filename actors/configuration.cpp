// The keeper of the configuration, on a thread of its own.
// Decides: that changes come one after another, and that each is in force and on disk before it is
// answered.
// Leaves: what a change means (config/configuration), putting it in force (supervisor).
#include "actors/failure.hpp"
#include "actors/spawn.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace tutti {

namespace {

struct configuration_state {
  explicit configuration_state(configuration_actor::pointer pointer)
      : self(pointer) {}

  /// What was changed counts from now on.
  config::change_result take(config::change_result result) {
    if (result)
      apply();
    return keep(std::move(result));
  }
  /// Whoever asked for it may not look: the log tells that it could not be kept.
  config::change_result keep(config::change_result result) {
    if (sink && told_ != kept->in_force())
      tell();
    for (const auto& remark : result.remarks)
      io::log_warning("{}", remark);
    return result;
  }

  void tell() {
    told_ = kept->in_force();
    self->send(sink, atom::configure_v, told_);
  }

  static inline const char* name = "configuration";

  configuration_actor::pointer self;
  std::shared_ptr<config::configuration> kept;
  supervisor_actor supervisor;
  configuration_sink sink;

private:
  void apply() {
    const auto& now = kept->in_force();
    self->send(supervisor, atom::configure_v, settings_ptr(now, &now->settings));
  }

  config::configuration_ptr told_;
};

configuration_actor::behavior_type
configuration(configuration_actor::stateful_pointer<configuration_state> self,
              std::shared_ptr<config::configuration> kept, supervisor_actor supervisor) {
  log_failures(self);
  auto& state = self->state;
  state.kept = std::move(kept);
  state.supervisor = std::move(supervisor);
  return {
      [&state](atom::status) { return state.kept->in_force(); },
      [&state](atom::attach, const configuration_sink& sink) {
        state.sink = sink;
        state.tell();
      },
      [&state](atom::reload) { return state.take(state.kept->reload()); },
      [&state](atom::edit, const json_value& patch, const std::string& revision) {
        return state.take(state.kept->edit(patch.content, revision));
      },
      [&state](atom::check, const json_value& document) {
        return state.kept->check(document.content);
      },
      [&state](atom::scene, const std::string& scene) {
        return static_cast<bool>(state.keep(state.kept->set_scene(scene)));
      },
      [&state](atom::note, const std::string& key) { return json_value{state.kept->note(key)}; },
      [&state](atom::note, const std::string& key, const json_value& value) {
        return state.keep(state.kept->set_note(key, value.content));
      },
      [self, &state](atom::leave) {
        state.sink = nullptr;
        self->quit();
      },
  };
}

} // namespace

configuration_actor spawn_configuration(caf::actor_system& system,
                                        std::shared_ptr<config::configuration> kept,
                                        supervisor_actor supervisor, config_thread thread) {
  if (thread == config_thread::loop)
    return system.spawn(configuration, std::move(kept), std::move(supervisor));
  return system.spawn<caf::detached>(configuration, std::move(kept), std::move(supervisor));
}

} // namespace tutti
