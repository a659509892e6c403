#include "io/tls_files.hpp"

#include "io/log.hpp"

#include <boost/asio/ssl/context.hpp>
#include <boost/system/system_error.hpp>

#include <system_error>

namespace tutti::io {

namespace ssl = boost::asio::ssl;

tls_files::tls_files(std::string certificate, std::string key)
    : certificate_(std::move(certificate))
    , key_(std::move(key))
    , loaded_(modified())
    , context_(load()) {
}

tls_files::times tls_files::modified() const noexcept {
  std::error_code none;
  return {std::filesystem::last_write_time(certificate_, none),
          std::filesystem::last_write_time(key_, none)};
}

std::shared_ptr<ssl::context> tls_files::load() const {
  auto made = std::make_shared<ssl::context>(ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(made->native_handle(), TLS1_2_VERSION);
  made->set_options(ssl::context::default_workarounds | SSL_OP_NO_RENEGOTIATION);
  try {
    made->use_certificate_chain_file(certificate_);
    made->use_private_key_file(key_, ssl::context::pem);
  } catch (const boost::system::system_error& error) {
    throw std::system_error(EINVAL, std::generic_category(),
                            "TLS certificate " + certificate_ + " with key " + key_ + ": " +
                                error.code().message());
  }
  return made;
}

bool tls_files::reload_if_changed() {
  auto now = modified();
  if (now == loaded_)
    return false;
  loaded_ = now;
  try {
    context_ = load();
  } catch (const std::system_error& error) {
    log_warning("keeping the TLS certificate in force: {}", error.what());
    return false;
  }
  log_info("TLS certificate {} read anew", certificate_);
  return true;
}

} // namespace tutti::io
