#include "config/configuration.hpp"

#include "config/parse.hpp"

#include <algorithm>
#include <cstdio>

namespace tutti::config {
namespace {

using nlohmann::json;
using verdict = change_result::verdict;

/// Puts in what is meant where a list is left out, so that a patch can speak of its places.
void spell_out(json& document) {
  if (!document.is_object())
    return;
  bool own_routing = document.contains("rules") || document.contains("scenes");
  auto add = [&](const char* key, json value) {
    if (!document.contains(key))
      document[key] = std::move(value);
  };
  add("sessions", json::array({json::object()}));
  add("connect", json::array());
  add("rules", own_routing ? json::array() : json::array({json::parse(default_rule().text)}));
  add("scenes", json::array());
}

json section(const json& document, const std::string& key) {
  return document.is_object() ? document.value(key, json()) : json();
}

/// The keys under which two documents differ.
std::vector<std::string> differing_sections(const json& a, const json& b) {
  std::vector<std::string> keys;
  for (const auto* side : {&a, &b})
    for (const auto& [key, value] : side->items())
      if (section(a, key) != section(b, key) &&
          std::find(keys.begin(), keys.end(), key) == keys.end())
        keys.push_back(key);
  return keys;
}

/// The document has a scene of this name, or none is wanted.
bool has_scene(const json& document, const json& name) {
  auto scenes = section(document, "scenes");
  return name.is_null() || std::any_of(scenes.begin(), scenes.end(), [&](const json& scene) {
           return section(scene, "name") == name;
         });
}

std::string join(const std::vector<std::string>& keys) {
  std::string text;
  for (const auto& key : keys)
    text += (text.empty() ? "\"" : ", \"") + key + '"';
  return text;
}

} // namespace

std::string revision_of(const json& document) {
  std::uint64_t sum = 0xcbf29ce484222325u; // FNV-1a: nobody gains by forging it
  for (unsigned char c : document.dump(-1, ' ', false, json::error_handler_t::replace))
    sum = (sum ^ c) * 0x100000001b3u;
  char hex[17];
  std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(sum));
  return hex;
}

configuration::configuration(configuration_sources sources)
    : sources_(std::move(sources)) {
  if (!sources_.state.empty())
    store_.emplace(sources_.state);
}

change_result configuration::start() {
  std::vector<std::string> remarks;
  if (store_) {
    auto state = store_->load();
    remarks = std::move(state.remarks);
    changes_ = run_time_changes(state.content);
  }
  auto result = reload();
  if (auto changed = changes_.changed(); !result && !changed.empty()) {
    // Perhaps only what was changed before is to blame.
    auto former = changes_;
    changes_.drop_all();
    if (auto alone = reload()) {
      for (const auto& wrong : result.mistakes)
        alone.remarks.push_back(wrong.sentence());
      alone.remarks.push_back("What was changed at run time does not go with the configuration "
                              "file; the file alone counts, not the changes of " +
                              join(changed) + ".");
      result = std::move(alone);
      save(result);
    } else {
      changes_ = std::move(former);
      result = std::move(alone);
    }
  }
  result.remarks.insert(result.remarks.begin(), remarks.begin(), remarks.end());
  return result;
}

change_result configuration::reload() {
  auto file = json::object();
  if (!sources_.file.empty()) {
    mistakes found;
    auto document = read_document(sources_.file, found);
    if (!document)
      return refusal(verdict::mistaken, std::move(found));
    file = std::move(*document);
  }
  auto changes = changes_;
  auto merged = file;
  auto outdated = changes.merge_into(merged);
  if (changes.has("scene") && !has_scene(merged, section(merged, "scene"))) {
    // The scene that was switched to went with the rules: the first one is active again.
    outdated.emplace_back("scene");
    changes.set("scene", section(file, "scene"), file);
    merged.erase("scene");
    if (file.contains("scene"))
      merged["scene"] = file["scene"];
  }
  auto result = judge(std::move(merged));
  if (!result)
    return result;
  file_ = std::move(file);
  changes_ = std::move(changes);
  put_in_force(result);
  if (!outdated.empty()) {
    result.remarks.push_back("The configuration file has other " + join(outdated) +
                             " now; what was changed at run time there is dropped.");
    save(result);
  }
  return result;
}

change_result configuration::edit(const json& patch, const std::string& revision) {
  if (!revision.empty() && revision != in_force_->revision)
    return refusal(verdict::outdated);
  json after;
  try {
    after = in_force_->document.patch(patch);
  } catch (const json::parse_error& error) {
    return refusal(verdict::mistaken, {{"", error.what(), "a JSON Patch (RFC 6902)"}});
  } catch (const json::other_error& error) {
    return refusal(verdict::outdated, {{"", error.what(), "what the patch expects"}});
  } catch (const json::exception& error) {
    return refusal(verdict::missing, {{"", error.what(), "a place that is there"}});
  }
  auto result = judge(after);
  if (!result)
    return result;
  note_changes(in_force_->document, after);
  put_in_force(result);
  save(result);
  return result;
}

change_result configuration::check(const json& document) const {
  return judge(document);
}

change_result configuration::set_scene(const std::string& name) {
  const auto& scenes = in_force_->settings.scenes;
  if (!name.empty() && std::none_of(scenes.begin(), scenes.end(),
                                    [&](const scene& one) { return one.name == name; }))
    return refusal(verdict::missing);
  auto now = std::make_shared<configuration_in_force>(*in_force_);
  now->settings.scene = name;
  if (name.empty())
    now->document.erase("scene");
  else
    now->document["scene"] = name;
  changes_.set("scene", section(now->document, "scene"), file_);
  now->changed_sections = changes_.changed();
  in_force_ = std::move(now);
  change_result result;
  result.in_force = in_force_;
  save(result);
  return result;
}

change_result configuration::set_note(const std::string& key, json value) {
  changes_.set_note(key, std::move(value));
  change_result result;
  result.in_force = in_force_;
  save(result);
  return result;
}

/// What the document would mean, all but putting it in force.
change_result configuration::judge(json document) const {
  if (sources_.command_line && document.is_object())
    sources_.command_line(document);
  auto read = load_document(document);
  if (!read)
    return refusal(verdict::mistaken, read.mistakes());
  spell_out(document);
  auto regardless_of_scene = document;
  regardless_of_scene.erase("scene");
  auto judged = std::make_shared<configuration_in_force>();
  judged->revision = revision_of(regardless_of_scene);
  judged->document = std::move(document);
  judged->settings = read.settings();
  change_result result;
  result.in_force = std::move(judged);
  return result;
}

void configuration::put_in_force(change_result& judged) {
  auto now = std::make_shared<configuration_in_force>(*judged.in_force);
  now->changed_sections = changes_.changed();
  in_force_ = std::move(now);
  judged.in_force = in_force_;
}

void configuration::note_changes(const json& before, const json& after) {
  auto changed = differing_sections(before, after);
  auto has = [&](const char* key) {
    return std::find(changed.begin(), changed.end(), key) != changed.end();
  };
  // What is meant by no rules depends on whether there are scenes, so both are kept together.
  if (has("rules") != has("scenes"))
    changed.emplace_back(has("rules") ? "scenes" : "rules");
  for (const auto& key : changed)
    changes_.set(key, section(after, key), file_);
}

void configuration::save(change_result& result) const {
  if (!store_)
    return;
  if (auto failure = store_->save(changes_.to_json()))
    result.remarks.push_back("The change is in force, but will be gone after a restart. " +
                             *failure);
}

change_result configuration::refusal(verdict why, mistakes found) const {
  change_result result;
  result.what = why;
  result.mistakes = std::move(found);
  result.in_force = in_force_;
  return result;
}

} // namespace tutti::config
