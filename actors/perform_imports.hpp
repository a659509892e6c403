// What a sound system's watch does about peers with ports of their own: asks for sessions.
// Decides: nothing; it carries out what peer_imports wants.
// Leaves: when to look again (the watch, by atom::list). Thread: the actor's.
#pragma once

#include "actors/interfaces.hpp"
#include "actors/peer_imports.hpp"
#include "io/log.hpp"

#include <algorithm>
#include <chrono>
#include <string>

namespace tutti {

/// Invites who is wanted and lets go of who is not any more. `imports` is part of the actor's
/// state; `id_of` gives the id of the port of this name.
template <class Self, class IdOf>
void perform_imports(Self* self, peer_imports& imports, const session_provider& sessions,
                     IdOf id_of) {
  auto now = self->clock().now();
  std::string name;
  for (auto wish = imports.next(now, name); wish != peer_imports::wish::nothing;
       wish = imports.next(now, name)) {
    const auto& remote = imports.remote(name);
    if (wish == peer_imports::wish::let_go) {
      io::log_info("nobody uses \"{}\" any more; letting go of it", name);
      self->send(sessions, atom::withdraw_v, local_import{remote, id_of(name)});
      continue;
    }
    io::log_info("\"{}\" is used; inviting {}", name, remote.host);
    auto answer = [self, &imports, name](bool done) {
      imports.invited(name, done, self->clock().now());
      self->send(self, atom::list_v);
    };
    self->request(sessions, std::chrono::seconds(30), atom::invite_v,
                  local_import{remote, id_of(name)})
        .then(answer, [answer](caf::error&) { answer(false); });
  }
  if (auto due = imports.plan(now))
    self->delayed_send(self, *due - now + std::chrono::milliseconds(1), atom::list_v);
}

} // namespace tutti
