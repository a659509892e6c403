#include "actors/decision_note.hpp"

namespace tutti {

using nlohmann::json;

json write_decisions(const std::vector<session_info>& sessions) {
  auto out = json::object();
  for (const auto& session : sessions)
    for (const auto& one : session.decisions)
      if (one.term == decision_term::always)
        out[session.name].push_back(
            {{"host", one.host}, {"name", one.name}, {"admitted", one.admitted}});
  return out;
}

std::vector<admission_decision> read_decisions(const json& note, const std::string& session) {
  std::vector<admission_decision> out;
  auto found = note.find(session);
  if (!note.is_object() || found == note.end() || !found->is_array())
    return out;
  auto is_whole = [](const json& one) {
    return one.is_object() && one.contains("host") && one["host"].is_string() &&
           one.contains("name") && one["name"].is_string() && one.contains("admitted") &&
           one["admitted"].is_boolean();
  };
  for (const auto& one : *found)
    if (is_whole(one))
      out.push_back({one["host"], one["name"], one["admitted"], decision_term::always});
  return out;
}

} // namespace tutti
