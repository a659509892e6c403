#include "actors/api_routes.hpp"

#include "config/parse.hpp"

namespace tutti {

namespace {

using io::http_method;
using io::http_role;

constexpr std::size_t small = 16 * 1024;
constexpr std::size_t medium = 1024 * 1024;

constexpr auto get = http_method::get;
constexpr auto post = http_method::post;
constexpr auto put = http_method::put;
constexpr auto patch = http_method::patch;
constexpr auto erase = http_method::erase;

const std::vector<api_route> table{
    {"health", {get, "/healthz", http_role::none}},
    {"readiness", {get, "/readyz", http_role::none}},
    {"metrics", {get, "/metrics"}},
    {"index", {get, "/api/v1"}},
    {"openapi", {get, "/api/v1/openapi.json"}},
    {"schema", {get, "/api/v1/config/schema"}},
    {"status", {get, "/api/v1/status"}},
    {"events", {get, "/api/v1/events", http_role::read, 0, true}},
    {"ports", {get, "/api/v1/ports"}},
    {"port", {get, "/api/v1/ports/{id}"}},
    {"send", {post, "/api/v1/ports/{id}/send", http_role::control, medium}},
    {"sessions", {get, "/api/v1/sessions"}},
    {"session", {get, "/api/v1/sessions/{name}"}},
    {"decisions", {get, "/api/v1/sessions/{name}/decisions"}},
    {"forget", {erase, "/api/v1/sessions/{name}/decisions/{host}/{peer}", http_role::control}},
    {"peers", {get, "/api/v1/peers"}},
    {"invite", {post, "/api/v1/peers", http_role::control, small}},
    {"peer", {get, "/api/v1/peers/{id}"}},
    {"disconnect", {erase, "/api/v1/peers/{id}", http_role::control}},
    {"invitations", {get, "/api/v1/invitations"}},
    {"approve", {post, "/api/v1/invitations/{id}/approve", http_role::control, small}},
    {"refuse", {post, "/api/v1/invitations/{id}/refuse", http_role::control, small}},
    {"discovery", {get, "/api/v1/discovery"}},
    {"routes", {get, "/api/v1/routes"}},
    {"rules", {get, "/api/v1/rules"}},
    {"create_rule", {post, "/api/v1/rules", http_role::control, medium}},
    {"replace_rules", {put, "/api/v1/rules", http_role::control, config::max_json_size}},
    {"rule", {get, "/api/v1/rules/{id}"}},
    {"replace_rule", {put, "/api/v1/rules/{id}", http_role::control, medium}},
    {"change_rule", {patch, "/api/v1/rules/{id}", http_role::control, medium}},
    {"remove_rule", {erase, "/api/v1/rules/{id}", http_role::control}},
    {"move_rule", {post, "/api/v1/rules/{id}/move", http_role::control, small}},
    {"scenes", {get, "/api/v1/scenes"}},
    {"create_scene", {post, "/api/v1/scenes", http_role::control, medium}},
    {"scene", {get, "/api/v1/scenes/{name}"}},
    {"replace_scene", {put, "/api/v1/scenes/{name}", http_role::control, medium}},
    {"change_scene", {patch, "/api/v1/scenes/{name}", http_role::control, medium}},
    {"remove_scene", {erase, "/api/v1/scenes/{name}", http_role::control}},
    {"activate_scene", {post, "/api/v1/scenes/{name}/activate", http_role::control}},
    {"active_scene", {get, "/api/v1/scene"}},
    {"set_scene", {put, "/api/v1/scene", http_role::control, small}},
    {"configuration", {get, "/api/v1/config"}},
    {"replace_configuration", {put, "/api/v1/config", http_role::control, config::max_json_size}},
    {"change_configuration", {patch, "/api/v1/config", http_role::control, config::max_json_size}},
    {"reload", {post, "/api/v1/config/reload", http_role::control}},
    {"panic", {post, "/api/v1/panic", http_role::control, small}},
    {"log_level", {get, "/api/v1/log-level"}},
    {"set_log_level", {put, "/api/v1/log-level", http_role::control, small}},
    {"validate", {post, "/api/v1/config/validate", http_role::read, config::max_json_size}},
};

} // namespace

std::span<const api_route> api_routes() {
  return table;
}

std::vector<io::http_route> http_routes() {
  std::vector<io::http_route> out;
  out.reserve(table.size());
  for (const auto& route : table)
    out.push_back(route.http);
  return out;
}

std::size_t metrics_route() {
  for (std::size_t i = 0; i < table.size(); ++i)
    if (table[i].http.path == "/metrics")
      return i;
  return table.size();
}

} // namespace tutti
