// SPDX-License-Identifier: Apache-2.0
// Memory for arenas and packed weights.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <memory>
#include <new>

#include "lathe/engine/executor.hpp"

namespace lathe::detail {

struct aligned_delete {
    std::align_val_t alignment{64};
    void operator()(std::byte* p) const noexcept { ::operator delete(p, alignment); }
};

/// Owned bytes, aligned for the widest vectors; on huge pages to whole ones of these.
class aligned_bytes {
public:
    static constexpr std::size_t line = 64;
    static constexpr std::size_t huge_page = std::size_t{2} << 20;

    aligned_bytes() = default;
    aligned_bytes(std::size_t size, memory_pages pages) {
        if (size == 0) return;
        const bool huge = pages == memory_pages::huge;
        const auto alignment = std::align_val_t(huge ? huge_page : line);
        if (huge) size = (size + huge_page - 1) / huge_page * huge_page;
        data_ = {static_cast<std::byte*>(::operator new(size, alignment)), {alignment}};
        if (huge) madvise(data_.get(), size, MADV_HUGEPAGE);  // a wish: slower without, but right
    }
    [[nodiscard]] std::byte* data() const noexcept { return data_.get(); }

private:
    std::unique_ptr<std::byte, aligned_delete> data_;
};

}  // namespace lathe::detail
