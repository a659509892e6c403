// The test programs' main, and what is compiled once for all of them.
#define CATCH_CONFIG_MAIN
#include "tests/support/source_folder.hpp"

#include <catch2/catch.hpp>

const std::filesystem::path& tutti::test::source_folder() {
  static const std::filesystem::path folder = TUTTI_SOURCE_FOLDER;
  return folder;
}
