// Whether two DNS names are the same, told without decoding them where that can be.
// Decides: what is certain from the octets alone. Leaves: the rest to libavahi-common.
// Thread: any.
//
// avahi_domain_equal() decodes both names label by label. libavahi-core calls it for each record of
// the lists that it walks through for every record it hears, which is most of what the embedded
// responder does where there are hundreds of services. Defined in the program, this one is called
// in its place (ELF's symbol interposition); without it everything works as well, only slower.
#pragma once

#include <optional>

namespace tutti::io {

/// Nothing where the octets alone do not tell. Names as libavahi writes them: labels between dots,
/// with "\." and "\\" and "\ddd" for what is not plain; case does not matter.
std::optional<bool> is_same_domain(const char* a, const char* b) noexcept;

} // namespace tutti::io
