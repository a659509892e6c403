// Boost.Beast's own code, compiled once instead of in every file that includes it.
#include <boost/beast/src.hpp>
