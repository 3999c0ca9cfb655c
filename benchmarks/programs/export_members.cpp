// SPDX-License-Identifier: Apache-2.0
// usage: export_members STUDY_DIR OUT_DIR MEMBERS IMAGES
//
// Random members of a trained study, recalibrated: each as model.onnx with IMAGES test images and the
// logits that our executor computes for them, for tests/export/run_onnx.py.
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "cli/images.hpp"
#include "cli/pipeline.hpp"
#include "cli/study_folder.hpp"
#include "lathe/engine/executor.hpp"
#include "lathe/export/onnx.hpp"
#include "lathe/format/file.hpp"
#include "lathe/supernet/checkpoint.hpp"

namespace {

using namespace lathe;

std::string bytes_of(std::span<const float> values) {
    return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

/// (images, height, width, channels) -> (images, channels, height, width).
std::vector<float> channels_first(std::span<const float> images, std::size_t count,
                                  std::size_t area, std::size_t channels) {
    std::vector<float> planes(images.size());
    for (std::size_t n = 0; n < count; ++n) {
        for (std::size_t p = 0; p < area; ++p) {
            for (std::size_t c = 0; c < channels; ++c) {
                planes[(n * channels + c) * area + p] = images[(n * area + p) * channels + c];
            }
        }
    }
    return planes;
}

void write_member(const std::filesystem::path& folder, const network& net, weight_store& weights,
                  const calibrated_statistics& statistics, image_batches& images, std::size_t count) {
    const auto& dims = net.at(net.inputs()[0]).type.dims;
    const auto channels = static_cast<std::size_t>(dims[1].size());
    const auto area = static_cast<std::size_t>(dims[2].size() * dims[3].size());
    const auto pixels = images.at(static_cast<std::int32_t>(dims[2].size()),
                                  static_cast<std::int32_t>(dims[3].size()))
                            .first(count * area * channels);
    executor run(net, weights.reader(), statistics, {.batch = static_cast<std::int32_t>(count)});
    std::ranges::copy(pixels, run.input().begin());
    run.run();
    std::filesystem::create_directories(folder);
    save_onnx(folder / "model.onnx", net, weights.reader(), statistics);
    write_file_atomic(folder / "input.bin", bytes_of(channels_first(pixels, count, area, channels)));
    write_file_atomic(folder / "expected.bin", bytes_of(run.output()));
}

void write_members(const cli::study_folder& study, const std::filesystem::path& out, int members,
                   std::size_t count) {
    const auto spec = cli::read_spec(study.read_spec(), study.spec().string());
    cli::search_images images(spec.data);
    const mobile_space space = cli::space_for(spec, images);
    weight_store weights(spec.training.seed);
    weights.tensors() = load_checkpoint(study.checkpoint()).tensors;
    auto recalibration = images.recalibration();
    auto test = images.open_test();
    training_pass pass(1);
    rng random(2);
    for (int i = 0; i < members; ++i) {
        const network net = space.lower(sample_member(space, random));
        const auto statistics = recalibrate(pass, net, weights, recalibration, 100);
        write_member(out / std::to_string(i), net, weights, statistics, test, count);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5) {
        fmt::print(stderr, "usage: export_members STUDY_DIR OUT_DIR MEMBERS IMAGES\n");
        return 2;
    }
    try {
        write_members(cli::study_folder(argv[1]), argv[2], std::atoi(argv[3]),
                      static_cast<std::size_t>(std::atoi(argv[4])));
    } catch (const std::exception& e) {
        fmt::print(stderr, "export_members: {}\n", e.what());
        return 1;
    }
}
