// SPDX-License-Identifier: Apache-2.0
#include "lathe/store/log_store.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "format/system_file.hpp"
#include "lathe/core/error.hpp"
#include "lathe/format/file.hpp"
#include "lathe/search/event_json.hpp"
#include "store/log_record.hpp"

namespace lathe {
namespace {

constexpr std::uint64_t max_log_bytes = std::uint64_t{4} << 30;

using detail::io_error;

}  // namespace

struct log_store::impl {
    impl(std::filesystem::path p, int fd) : path(std::move(p)), file(fd) {}

    std::filesystem::path path;
    detail::descriptor file;
    std::vector<study_event> events;
    std::uint64_t size = 0;  ///< of the sound part of the file
    std::uint64_t cut = 0;
    bool broken = false;  ///< a synchronisation failed

    void lock() const {
        if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
            throw io_error(path, "cannot lock the study", errno,
                           "wait for the other process, or stop it");
        }
    }

    /// Text at the end of the file, or an exception and the file as it was.
    void add(std::string_view text) {
        if (broken) {
            throw error(errc::io, path.string(), "an earlier event could not be synchronised",
                        "open the study again");
        }
        if (const int cause = detail::write_all(file.get(), std::as_bytes(std::span(text)))) {
            cut_back();
            throw io_error(path, "cannot write", cause, "make room, then continue the study");
        }
        if (::fdatasync(file.get()) != 0) {
            const int cause = errno;
            broken = true;
            cut_back();
            throw io_error(path, "cannot synchronise", cause, "check the disk, then resume");
        }
        size += text.size();
    }

    void cut_back() {
        if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0) broken = true;
    }

    /// Reads all records and cuts a torn end.
    void load(const std::string& text) {
        std::string_view rest = text;
        if (!rest.starts_with(detail::log_header)) {
            if (!detail::log_header.starts_with(rest)) refuse_header();
            cut = rest.size();
            cut_off();
            add(detail::log_header);
            return;
        }
        rest.remove_prefix(detail::log_header.size());
        while (const auto record = detail::read_record(rest)) {
            if (record->number != events.size()) refuse_damage(text.size() - rest.size());
            events.push_back(read_event(record->payload));
            rest.remove_prefix(record->size);
        }
        size = text.size() - rest.size();
        cut = rest.size();
        if (rest.empty()) return;
        if (detail::holds_record(rest)) refuse_damage(size);
        cut_off();
    }

    study_event read_event(std::string_view payload) const {
        const std::string place = fmt::format("{}: event {}", path.string(), events.size());
        const json_value value = parse_json(payload, place);
        return event_from_json(json_reader(value, place));
    }

    void cut_off() {
        if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0 ||
            ::fdatasync(file.get()) != 0) {
            throw io_error(path, "cannot cut a torn event", errno, "check the disk");
        }
    }

    [[noreturn]] void refuse_header() const {
        throw error(errc::bad_input, path.string(), "this is no study log of version 1",
                    "give the folder of a study, or use the version of lathe that wrote it");
    }
    [[noreturn]] void refuse_damage(std::uint64_t offset) const {
        throw error(errc::bad_input, path.string(),
                    fmt::format("damaged at byte {}, with sound events after it", offset),
                    "restore the file from a copy");
    }
};

log_store::log_store(std::unique_ptr<impl> i) noexcept : impl_(std::move(i)) {}
log_store::~log_store() = default;
log_store::log_store(log_store&&) noexcept = default;
log_store& log_store::operator=(log_store&&) noexcept = default;

log_store log_store::create(const std::filesystem::path& path) {
    auto i = std::make_unique<impl>(
        path,
        ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!i->file.valid()) {
        if (errno == EEXIST) {
            throw error(errc::bad_input, path.string(), "there is a study already",
                        "continue it with 'resume', or give another folder");
        }
        throw io_error(path, "cannot make the study", errno, "give a folder that can be written");
    }
    i->lock();
    i->add(detail::log_header);
    detail::parent_folder(path).synchronise();
    return log_store(std::move(i));
}

log_store log_store::resume(const std::filesystem::path& path) {
    auto i = std::make_unique<impl>(
        path, ::open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW));
    if (!i->file.valid()) {
        throw io_error(path, "cannot open the study", errno, "give the folder of a study");
    }
    i->lock();
    i->load(read_file(path, max_log_bytes));
    return log_store(std::move(i));
}

void log_store::append(const study_event& e) {
    impl_->add(detail::make_record(impl_->events.size(), to_json(to_json_value(e))));
    impl_->events.push_back(e);
}

std::vector<study_event> log_store::events() const { return impl_->events; }

std::uint64_t log_store::cut_bytes() const noexcept { return impl_->cut; }

}  // namespace lathe
