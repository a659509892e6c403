// The only file that includes valijson, which is heavy to compile.
#include "config/validate.hpp"

#include "config/explain.hpp"
#include "config/schema.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

namespace tutti::config {
namespace {

using nlohmann::json;

/// The schema of one part: the whole one, with its top replaced by a reference into it.
json schema_of(const std::string& part) {
  auto document = schema_document();
  if (part.empty())
    return document;
  return {{"$schema", document.at("$schema")},
          {"$ref", "#/definitions/" + part},
          {"definitions", document.at("definitions")}};
}

struct compiled_schema {
  json document;
  valijson::Schema schema;
};

const compiled_schema& compiled(const std::string& part) {
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<compiled_schema>> known;
  std::lock_guard lock(mutex);
  auto& entry = known[part];
  if (!entry) {
    entry = std::make_unique<compiled_schema>();
    entry->document = schema_of(part);
    valijson::adapters::NlohmannJsonAdapter adapter(entry->document);
    valijson::SchemaParser(valijson::SchemaParser::kDraft7).populateSchema(adapter, entry->schema);
  }
  return *entry;
}

} // namespace

void validate(const json& document, const std::string& part, const std::string& path,
              mistakes& found) {
  const auto& [schema_json, schema] = compiled(part);
  valijson::adapters::NlohmannJsonAdapter target(document);
  valijson::ValidationResults results;
  if (valijson::Validator().validate(schema, target, &results))
    return;
  auto known = found.size();
  explain(schema_json, document, path, found);
  // The explanation covers every keyword that the schema uses, which a test holds it to. Should it
  // ever miss one, the document is still refused, in valijson's words.
  for (auto error = results.begin(); found.size() == known && error != results.end(); ++error)
    found.push_back({path, error->description, "what the schema says"});
}

} // namespace tutti::config
