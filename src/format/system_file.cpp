// SPDX-License-Identifier: Apache-2.0
#include "format/system_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace lathe::detail {
namespace {

std::string remedy_for(int code) {
    switch (code) {
        case ENOENT:
            return "check the path; a folder must exist before files are written into it";
        case EACCES:
        case EPERM:
        case EROFS:
            return "give yourself the permission or choose another place";
        case ENOSPC:
        case EDQUOT:
            return "free some space or choose another disk";
        case EFBIG:
            return "raise the limit of the file size (ulimit -f)";
        case EMFILE:
        case ENFILE:
            return "raise the limit of open files (ulimit -n)";
        default:
            return {};
    }
}

}  // namespace

error io_error(const std::filesystem::path& path, std::string_view action, int code,
               std::string remedy) {
    return {errc::io, path.string(),
            fmt::format("{}: {}", action, std::generic_category().message(code)),
            remedy.empty() ? remedy_for(code) : std::move(remedy)};
}

int write_all(int fd, std::span<const std::byte> bytes) noexcept {
    while (!bytes.empty()) {
        const ssize_t n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0) {
            if (errno == EINTR) continue;
            return errno;
        }
        bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    return 0;
}

parent_folder::parent_folder(const std::filesystem::path& file)
    : path_(file.has_parent_path() ? file.parent_path() : std::filesystem::path(".")),
      folder_(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (!folder_.valid()) throw io_error(path_, "the folder cannot be opened", errno);
}

void parent_folder::synchronise() const {
    // EINVAL: this file system has no such call for folders, and nothing more can be done.
    if (::fsync(folder_.get()) != 0 && errno != EINVAL) {
        throw io_error(path_, "the folder cannot be synchronised", errno);
    }
}

}  // namespace lathe::detail
