// Boost.Beast's own code and Asio's for TLS, compiled once instead of in every file that includes it.
#include <boost/beast/src.hpp>
