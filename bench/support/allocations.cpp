// See allocations.hpp. The array, nothrow and sized forms of the standard library end up here.
#include "bench/support/allocations.hpp"

#include <cstdlib>
#include <new>

namespace {

thread_local std::uint64_t count = 0;

void* allocate(std::size_t size, std::size_t alignment) {
  ++count;
  // aligned_alloc wants a multiple of the alignment; a size of 0 still gives a pointer of its own.
  auto rounded = (size + alignment - 1) / alignment * alignment;
  auto* memory = alignment <= alignof(std::max_align_t)
                     ? std::malloc(size > 0 ? size : 1)
                     : std::aligned_alloc(alignment, rounded > 0 ? rounded : alignment);
  if (memory == nullptr)
    throw std::bad_alloc();
  return memory;
}

} // namespace

namespace tutti::bench {

std::uint64_t allocation_count() noexcept {
  return count;
}

} // namespace tutti::bench

void* operator new(std::size_t size) {
  return allocate(size, alignof(std::max_align_t));
}

void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}

void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
