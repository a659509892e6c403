// Rules and scenes as resources: what a request about one of them means for the document.
// Decides: their ids and tags, the JSON Patch of each edit, and how mistakes of the document point
// into the client's body.
// Leaves: judging and keeping the document (configuration), HTTP (control).
// Spec: JSON Patch, RFC 6902; JSON Merge Patch, RFC 7396. Thread: pure functions.
#pragma once

#include "config/mistake.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace tutti {

/// A list of the document whose items are resources: "rules" or "scenes".
class document_list {
public:
  /// Both live as long as this.
  document_list(const nlohmann::json& document, std::string_view section);

  const nlohmann::json& items() const noexcept { return *items_; }
  /// The item's name, or "#n" for the n-th one, counted from 1, if it has none.
  std::string id_of(std::size_t index) const;
  /// The item with this id.
  std::optional<std::size_t> find(std::string_view id) const;

  /// Tags of contents: equal for equal ones.
  std::string tag() const;
  std::string tag(std::size_t index) const;

  // Patches. Those that change or remove an item fail if it is not any more what it is here.
  nlohmann::json insertion(nlohmann::json item, std::optional<std::size_t> before) const;
  nlohmann::json replacement(std::size_t index, nlohmann::json item) const;
  nlohmann::json removal(std::size_t index) const;
  /// To the place that counts `to` items before it, itself left out.
  nlohmann::json move(std::size_t index, std::size_t to) const;
  /// `guarded`: only if the list is still what it is here.
  nlohmann::json replacement_of_all(nlohmann::json items, bool guarded) const;

private:
  std::string path(std::size_t index) const;
  nlohmann::json test(std::size_t index) const;

  std::string section_;
  const nlohmann::json* items_;
};

/// The document's mistakes as seen from an item at this path: pointers into it begin there.
config::mistakes seen_from(const std::string& path, config::mistakes found);

/// True if an If-Match header, not empty, wants this tag (RFC 9110, section 13.1.1).
bool matches_tag(std::string_view header, std::string_view tag);

} // namespace tutti
