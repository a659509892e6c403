// One thing that is wrong in what the operator wrote.
// Decides: what every mistake tells: where, what was found there, what is allowed there.
// Leaves: finding them (load, rule parsing), showing them (cli, control API).
// Thread: values; no shared state.
#pragma once

#include <string>
#include <vector>

namespace tutti::config {

struct mistake {
  std::string path;    ///< JSON Pointer (RFC 6901); empty for the whole document
  std::string found;   ///< e.g. `70000`, `unknown key "prot"`, `a list`
  std::string allowed; ///< e.g. `a whole number from 0 to 65534`

  /// One sentence: `/sessions/0/port: found 70000; allowed is a whole number from 0 to 65534.`
  std::string sentence() const {
    return (path.empty() ? std::string("the document") : path) + ": found " + found +
           "; allowed is " + allowed + ".";
  }

  friend bool operator==(const mistake&, const mistake&) = default;
};

using mistakes = std::vector<mistake>;

/// `parent` extended by a key or an index, with ~ and / escaped (RFC 6901 section 3).
inline std::string pointer_to(std::string parent, const std::string& key) {
  parent += '/';
  for (char c : key) {
    if (c == '~')
      parent += "~0";
    else if (c == '/')
      parent += "~1";
    else
      parent += c;
  }
  return parent;
}
inline std::string pointer_to(const std::string& parent, std::size_t index) {
  return parent + "/" + std::to_string(index);
}

} // namespace tutti::config
