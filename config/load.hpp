// The configuration file's text to settings, or everything that is wrong with it.
// Decides: what the schema cannot say: addresses that are none, names and ports that clash.
// Leaves: the schema's own checks (validate), acting on the settings (actors).
// Thread: any.
#pragma once

#include "config/mistake.hpp"
#include "config/settings.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <variant>

namespace tutti::config {

/// Settings, or at least one mistake and at most max_reported_mistakes.
class [[nodiscard]] loaded {
public:
  loaded(config::settings settings)
      : content_(std::move(settings)) {}
  loaded(config::mistakes mistakes)
      : content_(std::move(mistakes)) {}

  explicit operator bool() const noexcept { return content_.index() == 0; }
  /// Only if there are settings.
  const config::settings& settings() const { return std::get<0>(content_); }
  /// Only if there are none.
  const config::mistakes& mistakes() const { return std::get<1>(content_); }

private:
  std::variant<config::settings, config::mistakes> content_;
};

/// A document may be wrong in more places than anyone wants to read.
inline constexpr std::size_t max_reported_mistakes = 200;

/// Reads a configuration. Empty text is a syntax error, `{}` the default settings.
loaded load_text(std::string_view text);

/// Reads a document that is parsed already, such as a file's with run_time_changes merged into it.
loaded load_document(const nlohmann::json& document);

/// The document of a configuration file, or nothing and why in `found`.
std::optional<nlohmann::json> read_document(const std::filesystem::path& file, mistakes& found);

/// Reads a configuration file; a file that cannot be read is a mistake as well.
loaded load_file(const std::filesystem::path& file);

} // namespace tutti::config
