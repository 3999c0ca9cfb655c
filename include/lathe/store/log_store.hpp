// SPDX-License-Identifier: Apache-2.0
// A study in one append-only file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "lathe/search/concept.hpp"

namespace lathe {

/// One line of text per event, with number, length and checksum, synchronised to the disk before
/// append() returns. docs/store.md has the format. One process at a time; not thread-safe.
class log_store {
public:
    /// A new file. Throws bad_input if there is one already, io if it cannot be made.
    [[nodiscard]] static log_store create(const std::filesystem::path& path);
    /// An existing file. A torn end (what a crash leaves of the last append) is cut off. Throws
    /// bad_input for a file that is no study log, is of a newer format, or is damaged before its
    /// end; nothing is changed then. Throws io if it cannot be opened or another process has it
    /// open.
    [[nodiscard]] static log_store resume(const std::filesystem::path& path);

    ~log_store();
    log_store(log_store&&) noexcept;
    log_store& operator=(log_store&&) noexcept;

    /// Throws io naming the file and the cause; the event is not in the file then, all earlier ones
    /// are. After a failure to synchronise every further call throws: the file has to be opened
    /// again.
    void append(const study_event& e);
    [[nodiscard]] std::vector<study_event> events() const;

    /// Bytes that resume() cut off.
    [[nodiscard]] std::uint64_t cut_bytes() const noexcept;

private:
    struct impl;
    explicit log_store(std::unique_ptr<impl> i) noexcept;
    std::unique_ptr<impl> impl_;
};
static_assert(StudyStore<log_store>);

}  // namespace lathe
