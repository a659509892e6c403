// Problem details for HTTP APIs (RFC 9457): every error of the API has this form.
#include "io/http_message.hpp"

#include <nlohmann/json.hpp>

namespace tutti::io {

std::string_view reason_phrase(unsigned status) noexcept {
  switch (status) {
  case 200: return "OK";
  case 201: return "Created";
  case 202: return "Accepted";
  case 204: return "No Content";
  case 304: return "Not Modified";
  case 400: return "Bad Request";
  case 401: return "Unauthorized";
  case 403: return "Forbidden";
  case 404: return "Not Found";
  case 405: return "Method Not Allowed";
  case 406: return "Not Acceptable";
  case 408: return "Request Timeout";
  case 409: return "Conflict";
  case 412: return "Precondition Failed";
  case 413: return "Content Too Large";
  case 414: return "URI Too Long";
  case 415: return "Unsupported Media Type";
  case 417: return "Expectation Failed";
  case 421: return "Misdirected Request";
  case 422: return "Unprocessable Content";
  case 426: return "Upgrade Required";
  case 428: return "Precondition Required";
  case 429: return "Too Many Requests";
  case 431: return "Request Header Fields Too Large";
  case 500: return "Internal Server Error";
  case 501: return "Not Implemented";
  case 503: return "Service Unavailable";
  case 505: return "HTTP Version Not Supported";
  default: return "Unknown";
  }
}

http_response problem(unsigned status, std::string_view detail,
                      const std::vector<http_mistake>& mistakes) {
  nlohmann::ordered_json content{{"type", "about:blank"},
                                 {"title", reason_phrase(status)},
                                 {"status", status},
                                 {"detail", detail}};
  for (const auto& mistake : mistakes)
    content["errors"].push_back({{"pointer", mistake.pointer}, {"detail", mistake.detail}});
  return {status, content.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
          "application/problem+json"};
}

} // namespace tutti::io
