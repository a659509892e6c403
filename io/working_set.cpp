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
int release_object(dl_phdr_info* object, std::size_t, void*) noexcept {
  auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0)
      continue;
    auto begin = (object->dlpi_addr + segment.p_vaddr) & ~(page - 1);
    auto end = (object->dlpi_addr + segment.p_vaddr + segment.p_memsz) & ~(page - 1);
    if (begin < end) // NOLINTNEXTLINE(performance-no-int-to-ptr): the loader tells numbers
      ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 0;
}

} // namespace

// By itself glibc raises its threshold with every such block that is freed.
void keep_heap_flat() noexcept {
  ::mallopt(M_MMAP_THRESHOLD, 128 * 1024);
}

void release_start_pages() noexcept {
  ::malloc_trim(0);
  ::dl_iterate_phdr(release_object, nullptr);
}

} // namespace tutti::io
