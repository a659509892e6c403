#include "config/explain.hpp"

#include <algorithm>
#include <vector>

namespace tutti::config {
namespace {

using nlohmann::json;

constexpr std::size_t longest_shown_value = 60;
/// Keys and values that a sentence lists before it breaks off.
constexpr std::size_t most_listed = 24;
/// Mistakes after which a document is not looked at any further.
constexpr std::size_t most_mistakes = 1000;

std::string in_quotes(const std::string& text) {
  return "\"" + text + "\"";
}

std::string number_text(const json& number) {
  return number.dump();
}

bool has_type(const json& value, const std::string& type) {
  if (type == "object")
    return value.is_object();
  if (type == "array")
    return value.is_array();
  if (type == "string")
    return value.is_string();
  if (type == "boolean")
    return value.is_boolean();
  if (type == "integer")
    return value.is_number_integer();
  if (type == "number")
    return value.is_number();
  return value.is_null();
}

/// Edit distance with neighbour swaps; small words, so the plain table will do.
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i)
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      auto replaced = d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

class explainer {
public:
  explainer(const json& root, mistakes& found)
      : root_(root)
      , found_(found) {}

  void check(const json& schema_node, const json& value, const std::string& path);

private:
  const json& resolve(const json& schema) const;
  std::string describe(const json& schema_node) const;
  std::string describe_range(const json& schema, const std::string& what) const;
  std::vector<std::string> known_keys(const json& schema) const;

  void check_choice(const json& schema, const json& branches, const json& value,
                    const std::string& path);
  void check_one_key(const json& schema, const json& value, const std::string& path);
  void check_size(const json& schema, const json& value, const std::string& path);
  void check_object(const json& schema, const json& value, const std::string& path);

  void refuse(const std::string& path, std::string found, std::string allowed) {
    if (found_.size() < most_mistakes)
      found_.push_back({path, std::move(found), std::move(allowed)});
  }

  const json& root_;
  mistakes& found_;
};

const json& explainer::resolve(const json& schema) const {
  const json* node = &schema;
  while (node->is_object() && node->contains("$ref")) {
    const auto& reference = node->at("$ref").get_ref<const std::string&>();
    node = &root_.at(json::json_pointer(reference.substr(1)));
  }
  return *node;
}

std::string explainer::describe_range(const json& schema, const std::string& what) const {
  bool low = schema.contains("minimum"), high = schema.contains("maximum");
  if (low && high)
    return what + " from " + number_text(schema["minimum"]) + " to " +
           number_text(schema["maximum"]);
  if (low)
    return what + " of at least " + number_text(schema["minimum"]);
  if (high)
    return what + " of at most " + number_text(schema["maximum"]);
  return what;
}

/// What a schema node allows, as the object of "allowed is ...".
std::string explainer::describe(const json& schema_node) const {
  const auto& schema = resolve(schema_node);
  for (auto key : {"anyOf", "oneOf"})
    if (schema.contains(key) && !schema.contains("properties")) {
      std::vector<std::string> choices;
      for (const auto& branch : schema[key])
        if (auto text = describe(branch);
            std::find(choices.begin(), choices.end(), text) == choices.end())
          choices.push_back(text);
      return join_choices(choices);
    }
  if (schema.contains("const"))
    return schema["const"].dump();
  if (schema.contains("enum")) {
    std::vector<std::string> choices;
    for (const auto& choice : schema["enum"])
      choices.push_back(choice.dump());
    return join_choices(choices);
  }
  auto title = schema.contains("title") ? " (" + schema["title"].get<std::string>() + ")" : "";
  auto type = schema.value("type", std::string());
  if (type == "integer")
    return describe_range(schema, "a whole number") + title;
  if (type == "number")
    return describe_range(schema, "a number") + title;
  if (type == "string")
    return "text" + title;
  if (type == "boolean")
    return "true or false";
  if (type == "array")
    return "a list" + title;
  if (type == "null")
    return "null";
  return "an object" + title;
}

std::vector<std::string> explainer::known_keys(const json& schema) const {
  std::vector<std::string> keys;
  if (schema.contains("properties"))
    for (const auto& [key, _] : schema["properties"].items())
      if (!key.starts_with('$'))
        keys.push_back(key);
  return keys;
}

void explainer::check(const json& schema_node, const json& value, const std::string& path) {
  const auto& schema = resolve(schema_node);
  if (schema.contains("anyOf"))
    return check_choice(schema, schema["anyOf"], value, path);
  if (schema.contains("type") && !has_type(value, schema["type"].get<std::string>()))
    return refuse(path, describe_value(value), describe(schema));
  if (schema.contains("enum")) {
    const auto& choices = schema["enum"];
    if (std::find(choices.begin(), choices.end(), value) == choices.end())
      refuse(path, describe_value(value), describe(schema));
    return;
  }
  if (schema.contains("const") && value != schema["const"])
    return refuse(path, describe_value(value), describe(schema));
  if (value.is_number()) {
    if ((schema.contains("minimum") && value < schema["minimum"]) ||
        (schema.contains("maximum") && value > schema["maximum"]))
      refuse(path, describe_value(value), describe(schema));
  } else if (value.is_object()) {
    check_object(schema, value, path);
  } else {
    check_size(schema, value, path);
  }
}

/// None of the branches holds: reports against the one that the value resembles.
void explainer::check_choice(const json& schema, const json& branches, const json& value,
                             const std::string& path) {
  const json* nearest = nullptr;
  mistakes nearest_mistakes;
  for (const auto& branch : branches) {
    mistakes these;
    explainer(root_, these).check(branch, value, path);
    if (these.empty())
      return;
    const auto& node = resolve(branch);
    bool resembles = node.contains("type") && value.is_structured() &&
                     has_type(value, node["type"].get<std::string>());
    if (resembles && (!nearest || these.size() < nearest_mistakes.size())) {
      nearest = &branch;
      nearest_mistakes = std::move(these);
    }
  }
  if (nearest)
    found_.insert(found_.end(), nearest_mistakes.begin(), nearest_mistakes.end());
  else
    refuse(path, describe_value(value), describe(schema));
}

void explainer::check_size(const json& schema, const json& value, const std::string& path) {
  if (value.is_string()) {
    auto characters = std::count_if(value.get_ref<const std::string&>().begin(),
                                    value.get_ref<const std::string&>().end(),
                                    [](char c) { return (c & 0xC0) != 0x80; });
    if (schema.contains("minLength") && characters < schema["minLength"].get<long>())
      refuse(path, describe_value(value),
             characters == 0 ? "text that is not empty"
                             : "text of at least " + schema["minLength"].dump() + " characters");
    if (schema.contains("maxLength") && characters > schema["maxLength"].get<long>())
      refuse(path, std::to_string(characters) + " characters",
             "text of at most " + schema["maxLength"].dump() + " characters");
  } else if (value.is_array()) {
    if (schema.contains("minItems") && value.size() < schema["minItems"].get<std::size_t>())
      refuse(path, "a list of " + std::to_string(value.size()),
             "a list of at least " + schema["minItems"].dump());
    if (schema.contains("maxItems") && value.size() > schema["maxItems"].get<std::size_t>())
      refuse(path, "a list of " + std::to_string(value.size()),
             "a list of at most " + schema["maxItems"].dump());
    if (schema.contains("items"))
      for (std::size_t i = 0; i < value.size(); ++i)
        check(schema["items"], value[i], pointer_to(path, i));
  }
}

/// `oneOf` with one `required` key per branch: exactly one of these keys.
void explainer::check_one_key(const json& schema, const json& value, const std::string& path) {
  std::vector<std::string> choices, present;
  for (const auto& branch : schema["oneOf"]) {
    auto key = branch.at("required").at(0).get<std::string>();
    choices.push_back(in_quotes(key));
    if (value.contains(key))
      present.push_back(in_quotes(key));
  }
  if (present.size() == 1)
    return;
  // A misspelt one is reported as the unknown key that it is.
  auto known = known_keys(schema);
  bool misspelt = std::any_of(value.items().begin(), value.items().end(), [&](const auto& item) {
    return !schema["properties"].contains(item.key());
  });
  if (present.empty() && misspelt)
    return;
  std::string list;
  for (const auto& key : present)
    list += (list.empty() ? "" : " and ") + key;
  refuse(path, present.empty() ? "none of these keys" : list + " together",
         "exactly one of " + join_choices(choices));
}

void explainer::check_object(const json& schema, const json& value, const std::string& path) {
  if (schema.contains("required"))
    for (const auto& key : schema["required"])
      if (!value.contains(key.get<std::string>()))
        refuse(path, "no key " + key.dump(), "an object with " + key.dump());
  if (schema.contains("oneOf"))
    check_one_key(schema, value, path);
  if (schema.contains("minProperties") && value.size() < schema["minProperties"].get<std::size_t>())
    refuse(path, "an empty object", "at least " + schema["minProperties"].dump() + " key");
  auto known = known_keys(schema);
  for (const auto& [key, item] : value.items()) {
    auto where = pointer_to(path, key);
    if (schema.contains("properties") && schema["properties"].contains(key)) {
      check(schema["properties"][key], item, where);
      continue;
    }
    if (!schema.contains("additionalProperties"))
      continue;
    if (schema["additionalProperties"].is_object()) {
      check(schema["additionalProperties"], item, where);
      continue;
    }
    std::vector<std::string> choices;
    choices.reserve(known.size());
    for (const auto& name : known)
      choices.push_back(in_quotes(name));
    auto meant = nearest_word(key, known);
    auto allowed = choices.empty() ? "no key here"
                   : meant.empty() ? join_choices(choices)
                                   : in_quotes(meant) + " perhaps, of " + join_choices(choices);
    refuse(where, "the unknown key " + in_quotes(key), allowed);
  }
}

} // namespace

void explain(const json& schema, const json& value, const std::string& path, mistakes& found) {
  explainer(schema, found).check(schema, value, path);
}

std::string describe_value(const json& value) {
  if (value.is_object())
    return value.empty() ? "an empty object" : "an object";
  if (value.is_array())
    return value.empty() ? "an empty list" : "a list";
  auto text = value.dump();
  if (text.size() <= longest_shown_value)
    return text;
  auto cut = longest_shown_value;
  while (cut > 0 && (text[cut] & 0xC0) == 0x80)
    --cut;
  return text.substr(0, cut) + "...";
}

std::string join_choices(const std::vector<std::string>& choices) {
  std::string text;
  auto count = std::min(choices.size(), most_listed);
  for (std::size_t i = 0; i < count; ++i) {
    bool last = i + 1 == count && count == choices.size();
    text += i == 0 ? "" : last ? " or " : ", ";
    text += choices[i];
  }
  return count < choices.size() ? text + " ..." : text;
}

std::string nearest_word(const std::string& typed, const std::vector<std::string>& known) {
  std::string best;
  auto best_distance = std::max<std::size_t>(1, std::min<std::size_t>(typed.size(), 40) / 3) + 1;
  if (typed.size() > 40)
    return best;
  for (const auto& word : known)
    if (auto d = distance(typed, word); d < best_distance) {
      best_distance = d;
      best = word;
    }
  return best;
}

} // namespace tutti::config
