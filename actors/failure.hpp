// What happens when a handler throws: the actor ends with an error and says so in the log.
// Decides: that nothing but this actor ends. Leaves: starting it again (supervisor). Thread: loop.
#pragma once

#include "io/log.hpp"

#include <caf/error.hpp>
#include <caf/sec.hpp>

#include <exception>

namespace tutti {

/// To be called first in every behaviour.
template <class Self>
void log_failures(Self* self) {
  self->set_exception_handler([self](std::exception_ptr& thrown) -> caf::error {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
      io::log_error("the {} failed: {}", self->name(), error.what());
    } catch (...) {
      io::log_error("the {} failed", self->name());
    }
    return caf::sec::runtime_error;
  });
}

} // namespace tutti
