// Where the tests find their data: the project's root, as it was when they were built.
#pragma once

#include <filesystem>

namespace tutti::test {

/// A function and not a macro, so that only one unit knows the path and compiled units can be
/// shared between clones (ccache).
const std::filesystem::path& source_folder();

} // namespace tutti::test
