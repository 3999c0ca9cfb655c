// SPDX-License-Identifier: Apache-2.0
// What writers of files ask of the operating system, and how its errors are told.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "lathe/core/error.hpp"
#include "lathe/format/file.hpp"

namespace lathe::detail {

/// `code` is an errno. Without a remedy, the usual one for the code.
[[nodiscard]] error io_error(const std::filesystem::path& path, std::string_view action, int code,
                             std::string remedy = {});

/// Writes all bytes, whatever signals come between; returns 0 or an errno.
[[nodiscard]] int write_all(int fd, std::span<const std::byte> bytes) noexcept;

/// The folder of a file, kept open.
class parent_folder {
public:
    explicit parent_folder(const std::filesystem::path& file);

    [[nodiscard]] int get() const noexcept { return folder_.get(); }
    /// Makes the names in it survive a power failure.
    void synchronise() const;

private:
    std::filesystem::path path_;
    descriptor folder_;
};

}  // namespace lathe::detail
