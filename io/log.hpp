// The log: complete sentences with a level, one line each, on stderr.
// Decides: format (time and level, or what systemd's journal reads) and level.
// Leaves: what is worth a line (one when something happens to a peer, none per packet). Thread:
// any.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tutti::io {

enum class log_level : std::uint8_t { trace, debug, info, warning, error, off };

/// "trace" to "off"; nothing for other texts.
std::optional<log_level> parse_log_level(std::string_view text) noexcept;
std::string_view to_string(log_level level) noexcept;

void set_log_level(log_level level);
log_level current_log_level() noexcept;
/// Writes one line if `level` is wanted. Control characters in names sent by peers become '?'.
void log(log_level level, std::string_view sentence);

/// Gets every line that is written, on the thread that writes it; must not write itself. Nothing
/// ends it.
using log_listener = std::function<void(log_level, std::string_view sentence)>;
void set_log_listener(log_listener listener);

template <class... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  if (current_log_level() <= log_level::debug)
    log(log_level::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  if (current_log_level() <= log_level::info)
    log(log_level::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  if (current_log_level() <= log_level::warning)
    log(log_level::warning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  if (current_log_level() <= log_level::error)
    log(log_level::error, fmt::format(format, std::forward<Args>(args)...));
}

} // namespace tutti::io
