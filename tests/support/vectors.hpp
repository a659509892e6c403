// The vector files: packets from independent sources with their meaning, one JSON object a line.
// tests/vectors/README.md tells where they come from and what the keys mean.
#pragma once

#include "tests/support/source_folder.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace tutti::test {

/// All vectors of tests/vectors/NAME.jsonl, in file order. Throws if the file is absent or empty.
inline std::vector<nlohmann::json> load_vectors(const std::string& name) {
  std::ifstream file(source_folder() / "tests" / "vectors" / (name + ".jsonl"));
  std::vector<nlohmann::json> vectors;
  for (std::string line; std::getline(file, line);)
    if (!line.empty())
      vectors.push_back(nlohmann::json::parse(line));
  if (vectors.empty())
    throw std::runtime_error("no vectors in " + name);
  return vectors;
}

} // namespace tutti::test
