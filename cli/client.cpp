#include "cli/client.hpp"

#include "io/http_target.hpp"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <system_error>

#include <unistd.h>

namespace tutti::cli {

namespace {

std::string read_token(const client_options& options) {
  if (options.token_file.empty())
    return options.token;
  std::string token;
  std::ifstream file(options.token_file);
  if (!std::getline(file, token))
    throw failure{wrong_use, "cannot read a token from " + options.token_file};
  while (!token.empty() && (token.back() == '\r' || token.back() == ' '))
    token.pop_back();
  return token;
}

io::http_client make_http(const client_options& options) {
  auto text = options.url.find("://") == options.url.npos ? "http://" + options.url : options.url;
  auto url = io::parse_url(text);
  if (!url)
    throw failure{wrong_use, "\"" + options.url + "\" is no URL such as http://127.0.0.1:8504"};
  return io::http_client({*url, read_token(options), options.authorities});
}

} // namespace

void add_client_options(CLI::App& command, client_options& options) {
  command.add_option("--url", options.url, "Where the hub's control API is")
      ->envname("TUTTI_URL")
      ->type_name("URL")
      ->capture_default_str();
  command.add_option("--token", options.token, "Bearer token; others can see it while it runs")
      ->envname("TUTTI_TOKEN")
      ->type_name("TOKEN");
  command.add_option("--token-file", options.token_file, "File whose first line is the token")
      ->envname("TUTTI_TOKEN_FILE")
      ->type_name("FILE");
  command.add_option("--ca", options.authorities, "Certificates to trust (PEM)")
      ->envname("TUTTI_CA")
      ->type_name("FILE");
  command.add_flag("--json", options.as_json, "Print what the API answers");
  command.add_flag("--no-color", options.no_color, "No colours; NO_COLOR does the same");
}

client::client(const client_options& options)
    : http_(make_http(options)) {
}

void client::fail(const io::http_reply& reply) const {
  auto code = reply.status == 401 || reply.status == 403 ? forbidden
              : reply.status == 404                      ? not_found
                                                         : refused;
  std::string sentence = "the hub answered " + std::to_string(reply.status);
  auto problem = json::parse(reply.body, nullptr, false);
  if (problem.is_object() && problem.contains("detail"))
    sentence = problem["detail"].get<std::string>();
  if (problem.is_object() && problem.contains("errors") && problem["errors"].size() > 1)
    for (const auto& one : problem["errors"])
      sentence += "\n  " + one.value("detail", "");
  throw failure{code, sentence};
}

json client::ask(const char* method, const std::string& path, const json& body) {
  auto reply = http_.ask(method, path, body.is_null() ? std::string() : body.dump(), if_match_);
  if_match_.clear();
  if (reply.status < 200 || reply.status > 299)
    fail(reply);
  etag_ = reply.etag;
  if (reply.body.empty())
    return {};
  auto content = json::parse(reply.body, nullptr, false);
  if (content.is_discarded())
    throw failure{refused, "what answers there is no Tutti"};
  return content;
}

json client::list(const std::string& path) {
  auto all = json::array();
  for (std::string query;;) {
    auto page = get(path + query);
    if (!page.contains("items"))
      throw failure{refused, "what answers there is no Tutti"};
    for (auto& item : page["items"])
      all.push_back(std::move(item));
    if (!page.contains("next"))
      return all;
    query = page["next"].get<std::string>();
  }
}

void client::listen(const std::string& path, const std::function<bool(const json&)>& use) {
  auto refusal = http_.listen(path, [&](std::string_view text) {
    auto event = json::parse(text, nullptr, false);
    return event.is_discarded() || use(event);
  });
  if (refusal)
    fail(*refusal);
}

int run_command(const std::function<void()>& run) {
  try {
    run();
    return done;
  } catch (const failure& why) {
    std::fprintf(stderr, "tutti: %s\n", why.sentence.c_str());
    return why.code;
  } catch (const std::system_error& why) {
    std::string sentence = why.what();
    // The system's own words stand behind ours; ours say it all.
    if (auto end = sentence.rfind(": "); end != sentence.npos)
      sentence.resize(end);
    std::fprintf(stderr, "tutti: %s\n", sentence.c_str());
    return unreachable;
  } catch (const json::exception&) {
    std::fprintf(stderr, "tutti: what answers there is no Tutti of this version\n");
    return refused;
  }
}

std::string segment(const std::string& id) {
  return io::percent_encode(id);
}

bool use_color(const client_options& options) {
  auto variable = [](const char* name) {
    auto value = std::getenv(name);
    return value ? std::string(value) : std::string();
  };
  return !options.no_color && variable("NO_COLOR").empty() && variable("TERM") != "dumb" &&
         ::isatty(STDOUT_FILENO);
}

} // namespace tutti::cli
