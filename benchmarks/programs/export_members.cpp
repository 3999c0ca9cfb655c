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
#include "networks.hpp"

namespace {

using namespace lathe;

std::string bytes_of(std::span<const float> values) {
    return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

void write_member(const std::filesystem::path& folder, const network& net, weight_store& weights,
                  const calibrated_statistics& statistics, image_batches& images, std::size_t count) {
    const auto& dims = net.at(net.inputs()[0]).type.dims;
    const auto height = dims[2].size();
    const auto width = dims[3].size();
    const auto channels = dims[1].size();
    const auto pixels =
        images.at(static_cast<std::int32_t>(height), static_cast<std::int32_t>(width))
            .first(count * static_cast<std::size_t>(height * width * channels));
    executor run(net, weights.reader(), statistics, {.batch = static_cast<std::int32_t>(count)});
    std::ranges::copy(pixels, run.input().begin());
    run.run();
    std::filesystem::create_directories(folder);
    save_onnx(folder / "model.onnx", net, weights.reader(), statistics);
    const auto planes = benchmarks::channels_first(pixels, static_cast<std::int64_t>(count), height,
                                                   width, channels);
    write_file_atomic(folder / "input.bin", bytes_of(planes));
    write_file_atomic(folder / "expected.bin", bytes_of(run.output()));
}

void write_members(const cli::study_folder& study, const std::filesystem::path& out, int members,
                   std::size_t count) {
    const auto spec = cli::read_spec(study.read_spec(), study.spec().string());
    cli::search_images images(spec.data);
    const cli::preset_space preset = cli::space_for(spec, images);
    const any_space space = preset.any();
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
