// SPDX-License-Identifier: Apache-2.0
#include "lathe/format/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "format/system_file.hpp"
#include "lathe/core/error.hpp"

namespace lathe {
namespace {

using detail::io_error;

/// A file that is deleted again unless it was renamed into place.
class temporary_file {
public:
    temporary_file(int folder, const std::filesystem::path& target)
        : folder_(folder), target_(target), file_(create()) {}
    ~temporary_file() {
        if (!name_.empty()) ::unlinkat(folder_, name_.c_str(), 0);
    }
    temporary_file(const temporary_file&) = delete;
    temporary_file& operator=(const temporary_file&) = delete;

    void write(std::span<const std::byte> bytes) {
        if (const int code = detail::write_all(file_.get(), bytes)) {
            throw io_error(target_, "cannot be written", code);
        }
    }

    void move_into_place() {
        if (::fsync(file_.get()) != 0) throw io_error(target_, "cannot be synchronised", errno);
        if (!file_.close()) throw io_error(target_, "cannot be closed", errno);
        if (::renameat(folder_, name_.c_str(), folder_, target_.filename().c_str()) != 0) {
            throw io_error(target_, "cannot be replaced", errno);
        }
        name_.clear();
    }

private:
    /// The first free name; a name may be taken by another thread or by a run that was killed.
    [[nodiscard]] int create() {
        constexpr int attempts = 1000;
        for (int i = 0; i < attempts; ++i) {
            name_ = fmt::format("{}.tmp.{}.{}", target_.filename().string(), ::getpid(), i);
            const int fd = ::openat(folder_, name_.c_str(),
                                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
            if (fd >= 0) return fd;
            if (errno != EEXIST) break;
        }
        throw io_error(target_, "cannot be created", errno);
    }

    int folder_;
    const std::filesystem::path& target_;
    std::string name_;
    detail::descriptor file_;
};

}  // namespace

namespace detail {

descriptor::~descriptor() {
    if (fd_ >= 0) ::close(fd_);
}

bool descriptor::close() noexcept { return ::close(std::exchange(fd_, -1)) == 0; }

}  // namespace detail

// Without O_NONBLOCK the opening of a pipe would wait for a writer.
input_file::input_file(std::filesystem::path path)
    : path_(std::move(path)), file_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (!file_.valid()) throw io_error(path_, "cannot be opened", errno);
    struct stat info{};
    if (::fstat(file_.get(), &info) != 0) throw io_error(path_, "cannot be read", errno);
    if (S_ISDIR(info.st_mode)) {
        throw error(errc::io, path_.string(), "is a folder", "give the path of a file");
    }
    if (!S_ISREG(info.st_mode)) {
        throw error(errc::io, path_.string(), "is a device or a pipe", "give an ordinary file");
    }
    size_ = static_cast<std::uint64_t>(info.st_size);
}

void input_file::read(std::span<std::byte> out) {
    while (!out.empty()) {
        const ssize_t n = ::read(file_.get(), out.data(), out.size());
        if (n < 0) {
            if (errno == EINTR) continue;
            throw io_error(path_, fmt::format("cannot be read at byte {}", offset_), errno);
        }
        if (n == 0) {
            throw error(errc::bad_input, path_.string(),
                        fmt::format("ends at byte {}, {} bytes too early", offset_, out.size()),
                        "the file is truncated; get it again");
        }
        offset_ += static_cast<std::uint64_t>(n);
        out = out.subspan(static_cast<std::size_t>(n));
    }
}

std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
    input_file file(path);
    if (file.size() > max_bytes) {
        throw error(errc::bad_input, path.string(), fmt::format("has {} bytes", file.size()),
                    fmt::format("at most {} are accepted here", max_bytes));
    }
    std::string content(file.size(), '\0');
    file.read(std::as_writable_bytes(std::span(content)));
    return content;
}

void write_file_atomic(const std::filesystem::path& path,
                       std::span<const std::span<const std::byte>> parts) {
    const detail::parent_folder folder(path);
    {
        temporary_file temporary(folder.get(), path);
        for (const auto part : parts) temporary.write(part);
        temporary.move_into_place();
    }
    folder.synchronise();
}

void write_file_atomic(const std::filesystem::path& path, std::string_view content) {
    const std::array parts{std::as_bytes(std::span(content.data(), content.size()))};
    write_file_atomic(path, parts);
}

}  // namespace lathe
