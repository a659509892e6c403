#include "cli/bind_control.hpp"

#include "actors/api_routes.hpp"
#include "io/log.hpp"

#include <cstdlib>
#include <fstream>
#include <system_error>

#include <unistd.h>

namespace tutti::cli {

namespace {

std::system_error mistake(const std::string& sentence) {
  return {EINVAL, std::generic_category(), sentence};
}

std::string read_secret(const config::token& token) {
  std::string secret;
  if (!token.environment.empty()) {
    if (auto value = std::getenv(token.environment.c_str()))
      secret = value;
  } else {
    std::ifstream file(token.file);
    if (!std::getline(file, secret))
      throw mistake("token \"" + token.name + "\": cannot read " + token.file);
    while (!secret.empty() && (secret.back() == '\r' || secret.back() == ' '))
      secret.pop_back();
  }
  if (secret.size() < 8)
    throw mistake("token \"" + token.name +
                  "\": " + (token.environment.empty() ? token.file : "$" + token.environment) +
                  " holds fewer than 8 characters");
  return secret;
}

std::string own_name() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  return name;
}

} // namespace

io::http_access read_access(const config::control& wanted) {
  io::http_access_options options;
  for (const auto& token : wanted.tokens)
    options.tokens.push_back(
        {token.name,
         token.role == config::token_role::control ? io::http_role::control : io::http_role::read,
         read_secret(token)});
  options.hosts = wanted.hosts;
  options.origins = wanted.origins;
  auto name = own_name();
  options.own_names = {name, name.substr(0, name.find('.')) + ".local"};
  return io::http_access(options);
}

std::shared_ptr<io::http_server> bind_control(io::event_loop& loop, const config::control& wanted) {
  if (!wanted.enabled)
    return nullptr;
  auto demanded = wanted.listen != config::control().listen;
  auto server =
      std::make_shared<io::http_server>(loop, io::http_router(http_routes()), read_access(wanted));
  if (wanted.tls)
    server->use_tls(wanted.tls->certificate, wanted.tls->key);
  for (const auto& where : wanted.listen) {
    auto address = io::parse_address(where.host, where.port);
    if (!address)
      throw mistake("control: \"" + where.host + "\" is no address");
    try {
      server->listen(*address);
    } catch (const std::system_error& error) {
      if (demanded)
        throw;
      io::log_warning("{}", error.what());
    }
  }
  if (server->local().empty()) {
    io::log_warning("going on without the control API");
    return nullptr;
  }
  return server;
}

} // namespace tutti::cli
