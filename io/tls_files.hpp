// The server's certificate and key out of two PEM files.
// Decides: protocol versions; that changed files are taken up, and broken ones leave the last good
// pair in force. Leaves: connections. Thread: the loop thread. The files are small and local.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

namespace boost::asio::ssl {
class context;
}

namespace tutti::io {

class tls_files {
public:
  /// Throws std::system_error with both names if they cannot be read or do not belong together.
  tls_files(std::string certificate, std::string key);

  std::shared_ptr<boost::asio::ssl::context> context() const noexcept { return context_; }

  /// Looks whether the files are others now. True if a new pair is in force; what does not load is
  /// logged once and tried again after the next change.
  bool reload_if_changed();

private:
  using times = std::pair<std::filesystem::file_time_type, std::filesystem::file_time_type>;
  times modified() const noexcept;
  std::shared_ptr<boost::asio::ssl::context> load() const;

  std::string certificate_;
  std::string key_;
  times loaded_;
  std::shared_ptr<boost::asio::ssl::context> context_;
};

} // namespace tutti::io
