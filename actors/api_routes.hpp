// Every path of the API, its methods, and who may use them.
// Decides: the table. Leaves: what they do (control), what they look like (config/openapi.json).
// Thread: constants.
#pragma once

#include "io/http_router.hpp"

#include <span>
#include <vector>

namespace tutti {

struct api_route {
  const char* name; ///< of the handler in control
  io::http_route http;
};

std::span<const api_route> api_routes();
std::vector<io::http_route> http_routes();
/// The only route whose answer depends on the Accept header.
std::size_t metrics_route();

} // namespace tutti
