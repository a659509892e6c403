#include "io/log.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <atomic>
#include <mutex>

namespace tutti::io {

namespace {

constexpr std::array<std::string_view, 6> names{"trace",   "debug", "info",
                                                "warning", "error", "off"};

std::atomic<log_level> wanted{log_level::info};
std::atomic<bool> listening{false};
std::mutex listener_mutex;
log_listener listener;

spdlog::logger& logger() {
  static auto instance = [] {
    auto made = spdlog::stderr_color_mt("tutti");
    made->set_pattern("%Y-%m-%d %H:%M:%S.%e %^%l%$ %v");
    made->set_level(spdlog::level::trace); // log() has decided already
    return made;
  }();
  return *instance;
}

} // namespace

std::optional<log_level> parse_log_level(std::string_view text) noexcept {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == text)
      return static_cast<log_level>(i);
  return std::nullopt;
}

std::string_view to_string(log_level level) noexcept {
  return names[static_cast<std::size_t>(level)];
}

void set_log_level(log_level level) {
  wanted = level;
}

log_level current_log_level() noexcept {
  return wanted.load(std::memory_order_relaxed);
}

void log(log_level level, std::string_view sentence) {
  if (level < current_log_level())
    return;
  std::string line(sentence);
  for (auto& c : line)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      c = '?';
  logger().log(static_cast<spdlog::level::level_enum>(level), "{}", line);
  if (!listening.load(std::memory_order_relaxed))
    return;
  std::lock_guard lock(listener_mutex);
  if (listener)
    listener(level, line);
}

void set_log_listener(log_listener new_listener) {
  std::lock_guard lock(listener_mutex);
  listener = std::move(new_listener);
  listening = static_cast<bool>(listener);
}

} // namespace tutti::io
