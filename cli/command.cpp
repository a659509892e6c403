#include "cli/command.hpp"

#include <cstdio>

namespace tutti::cli {

void print_json(const json& content) {
  std::puts(content.dump(2).c_str());
}

void print_list(const client_options& options, const json& items, const table& rows,
                const char* nothing) {
  if (options.as_json)
    print_json(items);
  else if (rows.empty())
    std::puts(nothing);
  else
    std::fputs(rows.text(use_color(options)).c_str(), stdout);
}

std::string text(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.is_null() ? "" : value.dump();
}

command::command(CLI::App& app, int& result, const char* name, const char* description)
    : app_(app.add_subcommand(name, description))
    , options_(std::make_shared<client_options>())
    , result_(result) {
  add_client_options(*app_, *options_);
}

void command::does(std::function<void(const client_options&)> act) {
  app_->callback([options = options_, act = std::move(act), &result = result_] {
    result = run_command([&] { act(*options); });
  });
}

void command::asks(std::function<void(client&, const client_options&)> act) {
  does([act = std::move(act)](const client_options& options) {
    client hub(options);
    act(hub, options);
  });
}

} // namespace tutti::cli
