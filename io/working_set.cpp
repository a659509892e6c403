#include "io/working_set.hpp"

#include <cstddef>
#include <cstdint>
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

namespace tutti::io {

namespace {

/// Segments that cannot be written hold what the file holds; the others were relocated or changed.
void release_object(const dl_phdr_info& object) noexcept {
  auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (int i = 0; i < object.dlpi_phnum; ++i) {
    const auto& segment = object.dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0)
      continue;
    auto begin = (object.dlpi_addr + segment.p_vaddr) & ~(page - 1);
    auto end = (object.dlpi_addr + segment.p_vaddr + segment.p_memsz) & ~(page - 1);
    if (begin < end) // NOLINTNEXTLINE(performance-no-int-to-ptr): the loader tells numbers
      ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
}

/// Ends the iteration at the object whose turn it is.
int release_if_due(dl_phdr_info* object, std::size_t, void* objects_before) noexcept {
  auto& before = *static_cast<std::size_t*>(objects_before);
  if (before-- > 0)
    return 0;
  release_object(*object);
  return 1;
}

} // namespace

// By itself glibc raises its threshold with every such block that is freed.
void keep_heap_flat() noexcept {
  ::mallopt(M_MMAP_THRESHOLD, 128 * 1024);
}

bool release_start_pages(std::size_t part) noexcept {
  if (part == 0) {
    ::malloc_trim(0);
    return true;
  }
  auto objects_before = part - 1;
  return ::dl_iterate_phdr(release_if_due, &objects_before) != 0;
}

} // namespace tutti::io
