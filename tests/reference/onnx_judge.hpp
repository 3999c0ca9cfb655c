// SPDX-License-Identifier: Apache-2.0
// Hands models with inputs and expected outputs to ONNX Runtime, all in one start of Python.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <stdexcept>
#include <string>

#include "lathe/export/onnx.hpp"

namespace lathe::reference {

/// The folders that tests/export/run_onnx.py judges.
class onnx_judge {
public:
    struct verdict {
        bool all_agree = false;
        std::string text;  ///< what the script printed
    };

    /// Cases are kept in a new folder of this name.
    explicit onnx_judge(const std::string& name)
        : root_(std::filesystem::path(LATHE_BUILD_DIR) / name) {
        std::filesystem::remove_all(root_);
    }

    /// False where ONNX Runtime is not installed.
    [[nodiscard]] static bool available() { return std::filesystem::exists(python()); }
    [[nodiscard]] static std::filesystem::path python() {
        return std::filesystem::path(LATHE_SOURCE_DIR) / ".deps/venv/bin/python";
    }

    /// `input` and `expected` hold all images of each input and output, channels first. Returns the
    /// case's folder.
    std::filesystem::path add(const std::string& name, const onnx_model& model,
                              std::span<const float> input, std::span<const float> expected) {
        const std::filesystem::path folder = root_ / name;
        std::filesystem::create_directories(folder);
        write(folder / "model.onnx", std::as_bytes(std::span(model.bytes)));
        write(folder / "input.bin", std::as_bytes(input));
        write(folder / "expected.bin", std::as_bytes(expected));
        folders_ += " '" + folder.string() + "'";
        ++count_;
        return folder;
    }
    [[nodiscard]] int count() const noexcept { return count_; }

    [[nodiscard]] verdict ask() const {
        const std::filesystem::path script =
            std::filesystem::path(LATHE_SOURCE_DIR) / "tests/export/run_onnx.py";
        const std::filesystem::path log = root_ / "log.txt";
        const std::string command = "'" + python().string() + "' '" + script.string() + "'" +
                                    folders_ + " > '" + log.string() + "' 2>&1";
        const int status = std::system(command.c_str());
        std::ifstream output(log);
        return {status == 0, {std::istreambuf_iterator<char>(output), {}}};
    }

private:
    static void write(const std::filesystem::path& path, std::span<const std::byte> bytes) {
        std::ofstream file(path, std::ios::binary);
        file.write(reinterpret_cast<const char*>(bytes.data()),
                   static_cast<std::streamsize>(bytes.size()));
        if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
    }

    std::filesystem::path root_;
    std::string folders_;
    int count_ = 0;
};

}  // namespace lathe::reference
