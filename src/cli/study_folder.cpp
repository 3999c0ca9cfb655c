// SPDX-License-Identifier: Apache-2.0
#include "cli/study_folder.hpp"

#include <system_error>
#include <utility>
#include <vector>

#include "lathe/core/error.hpp"
#include "lathe/format/csv.hpp"
#include "lathe/format/file.hpp"

namespace lathe::cli {
namespace {

namespace fs = std::filesystem;

fs::path training_file(const fs::path& folder) { return folder / "training.csv"; }

/// The folders of a path that were not there, made; taken away again unless they are kept.
class new_folders {
public:
    explicit new_folders(const fs::path& path) : path_(fs::absolute(path)) {
        std::error_code failed;
        for (fs::path p = path_; fs::status(p, failed).type() == fs::file_type::not_found;
             p = p.parent_path()) {
            missing_.push_back(p);
        }
        fs::create_directories(path_, failed);
        if (!failed) return;
        remove();
        throw error(errc::io, path.string(), "cannot make the folder: " + failed.message(),
                    "give a folder that can be written");
    }
    ~new_folders() { remove(); }
    new_folders(const new_folders&) = delete;
    new_folders& operator=(const new_folders&) = delete;

    void keep() { missing_.clear(); }

private:
    /// Only what is empty goes.
    void remove() noexcept {
        std::error_code ignored;
        for (const auto& p : missing_) fs::remove(p, ignored);
    }

    fs::path path_;
    std::vector<fs::path> missing_;  // the innermost first
};

/// spec.section.key = value, in a section of its own if there is none.
void set(json_value& spec, const char* section, const char* key, json_value value) {
    json_value& part = (*spec.get_if<json_object>())[section];
    if (part.get_if<json_object>() == nullptr) part = json_object();
    (*part.get_if<json_object>())[key] = std::move(value);
}

}  // namespace

study_folder::study_folder(fs::path path) : path_(std::move(path)) {
    if (path_.empty()) {
        throw error(errc::bad_input, "folder", "its name is empty", "name the folder of the study");
    }
}

log_store study_folder::create(json_value spec_value, const fs::path& data, int threads) const {
    for (const fs::path& existing : {spec(), log()}) {
        if (fs::exists(fs::symlink_status(existing))) {
            throw error(errc::bad_input, path_.string(), "there is a study already",
                        "continue it with 'lathe resume', or give another folder");
        }
    }
    new_folders folders(path_);
    if (!data.empty()) set(spec_value, "data", "path", data.string());
    set(spec_value, "training", "threads", threads);
    write_file_atomic(spec(), to_json(spec_value, json_style::pretty) + "\n");
    try {
        log_store store = log_store::create(log());
        folders.keep();
        return store;
    } catch (const error&) {
        std::error_code ignored;
        fs::remove(log(), ignored);
        fs::remove(spec(), ignored);
        throw;
    }
}

json_value study_folder::read_spec() const {
    if (!fs::exists(spec())) {
        throw error(errc::bad_input, path_.string(), "there is no study in this folder",
                    "give the folder that 'lathe search' was told by --out");
    }
    return read_json(spec());
}

log_store study_folder::resume() const {
    return fs::exists(log()) ? log_store::resume(log()) : log_store::create(log());
}

std::vector<training_point> study_folder::read_training() const {
    const fs::path file = training_file(path_);
    if (!fs::exists(file)) return {};
    const csv_table table = read_csv(file);
    const auto minutes = table.numbers("minutes");
    const auto largest = table.numbers("largest");
    const auto smallest = table.numbers("smallest");
    std::vector<training_point> points;
    for (std::size_t i = 0; i < table.rows(); ++i) {
        points.push_back({minutes[i], largest[i], smallest[i]});
    }
    return points;
}

void study_folder::write_training(const std::vector<training_point>& points) const {
    csv_writer csv({"minutes", "largest", "smallest"});
    for (const training_point& p : points) {
        csv.number(p.minutes).number(p.largest_accuracy).number(p.smallest_accuracy).end_row();
    }
    write_file_atomic(training_file(path_), csv.str());
}

}  // namespace lathe::cli
