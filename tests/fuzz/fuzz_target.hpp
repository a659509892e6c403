// What a fuzz target is: a function that takes any octets and throws if a property does not hold.
// Decides: how one X_fuzz.cpp becomes both a libFuzzer program and a part of the ordinary tests.
// Leaves: the properties (each X_fuzz.cpp), the seeds (corpus/X/).
// To add a target, add X_fuzz.cpp with TUTTI_FUZZ_TARGET(X) and a folder corpus/X.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace tutti::fuzz {

using octets = std::span<const std::uint8_t>;

/// Throws unless `holds`. Uncaught in the libFuzzer program, caught and shown by the replay.
inline void require(bool holds, const char* property) {
  if (!holds)
    throw std::logic_error(std::string("does not hold: ") + property);
}

struct target {
  std::string name;
  void (*run)(octets input);
};

/// All targets linked into this program, for the replay.
inline std::vector<target>& targets() {
  static std::vector<target> all;
  return all;
}

struct registration {
  explicit registration(target added) { targets().push_back(std::move(added)); }
};

} // namespace tutti::fuzz

#ifdef TUTTI_FUZZ_PROGRAM
#define TUTTI_FUZZ_ENTRY(name)                                                                     \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {              \
    run_##name({data, size});                                                                      \
    return 0;                                                                                      \
  }
#else
#define TUTTI_FUZZ_ENTRY(name)                                                                     \
  static const tutti::fuzz::registration registered_##name({#name, run_##name});
#endif

/// Opens the body of a target: TUTTI_FUZZ_TARGET(name, input) { ... }
#define TUTTI_FUZZ_TARGET(name, input)                                                             \
  static void run_##name(tutti::fuzz::octets input);                                               \
  TUTTI_FUZZ_ENTRY(name)                                                                           \
  static void run_##name(tutti::fuzz::octets input)
