// How many random cases a property test takes. Under a sanitizer, which slows all by ten, a tenth:
// it looks for broken memory, and the plain build looks at every seed.
#pragma once

namespace tutti::test {

constexpr unsigned seeds(unsigned all) noexcept {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return all / 10;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  return all / 10;
#else
  return all;
#endif
#else
  return all;
#endif
}

} // namespace tutti::test
