// SPDX-License-Identifier: Apache-2.0
// The output folder of a search.
#pragma once

#include <filesystem>
#include <vector>

#include "lathe/format/json.hpp"
#include "lathe/report/report.hpp"
#include "lathe/store/log_store.hpp"

namespace lathe::cli {

class study_folder {
public:
    /// Throws bad_input for an empty path.
    explicit study_folder(std::filesystem::path path);

    /// Makes the folder with a copy of the specification that can be resumed from anywhere: its
    /// "data.path" becomes `data` unless that is empty, its "training.threads" `threads`. Throws
    /// bad_input if it holds a study already, io if it cannot be made or written.
    [[nodiscard]] log_store create(json_value spec, const std::filesystem::path& data,
                                   int threads) const;
    /// Throws bad_input if it holds no study.
    [[nodiscard]] json_value read_spec() const;
    [[nodiscard]] log_store resume() const;

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
    [[nodiscard]] std::filesystem::path spec() const { return path_ / "spec.json"; }
    [[nodiscard]] std::filesystem::path log() const { return path_ / "study.log"; }
    [[nodiscard]] std::filesystem::path checkpoint() const {
        return path_ / "supernet.safetensors";
    }
    [[nodiscard]] std::filesystem::path onnx(const std::string& scenario) const {
        return path_ / (scenario + ".onnx");
    }

    /// Training curve of earlier sessions; empty if there is none.
    [[nodiscard]] std::vector<training_point> read_training() const;
    void write_training(const std::vector<training_point>& points) const;

private:
    std::filesystem::path path_;
};

}  // namespace lathe::cli
