// SPDX-License-Identifier: Apache-2.0
// Files read under a size cap, and files written whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace lathe {

namespace detail {

/// Owns a file descriptor.
class descriptor {
public:
    explicit descriptor(int fd) noexcept : fd_(fd) {}
    ~descriptor();
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;

    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] bool valid() const noexcept { return fd_ >= 0; }
    /// False, with errno, when data that an earlier write accepted was lost.
    [[nodiscard]] bool close() noexcept;

private:
    int fd_;
};

}  // namespace detail

/// A regular file, read once from its start to its end. Every error is of kind `io` or `bad_input`
/// and names the path: the file is missing, is a folder or a device, or may not be read.
class input_file {
public:
    explicit input_file(std::filesystem::path path);

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
    /// Size in bytes when the file was opened.
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
    /// Offset of the next byte that read() delivers.
    [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }

    /// Fills `out` completely. Throws when the file ends before.
    void read(std::span<std::byte> out);

private:
    std::filesystem::path path_;
    std::uint64_t size_ = 0;
    std::uint64_t offset_ = 0;
    detail::descriptor file_;
};

/// The whole content. Throws bad_input, before anything is allocated, when the file is larger than
/// `max_bytes`; otherwise as input_file.
[[nodiscard]] std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes);

/// Replaces `path` by the concatenation of `parts`: a temporary file in the same folder is written,
/// synchronised and renamed, then the folder is synchronised. A crash or an error leaves either the
/// old file or the new one, never a mixture, and an error leaves no temporary file. A symbolic link
/// at `path` is replaced, not followed. Throws io naming the path, the cause and the remedy.
void write_file_atomic(const std::filesystem::path& path,
                       std::span<const std::span<const std::byte>> parts);
void write_file_atomic(const std::filesystem::path& path, std::string_view content);

}  // namespace lathe
