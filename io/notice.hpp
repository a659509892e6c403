// Something that the operator should know, as a value: io/ logs nothing by itself.
// Decides: nothing. Leaves: whether and where it is logged (the actor that owns the source).
// Thread: values; no shared state.
#pragma once

#include <string>

namespace tutti::io {

enum class severity { info, warning, error };

struct notice {
  severity level = severity::info;
  std::string text; ///< one complete sentence without the final stop
};

} // namespace tutti::io
