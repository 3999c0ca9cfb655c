// SPDX-License-Identifier: Apache-2.0
// usage: infer_side MEMBERS [FOLDER]
//
// The first members of mobile32 in our executor, f32, one thread. With FOLDER it only writes what
// the peers need of each: I/network.json, I/ours.onnx, I/weights.safetensors and
// I/check.safetensors, which holds 16 images and the logits that our executor computes for them.
//
// Without, a line "MEMBER BATCH SECONDS" on standard input asks for a turn: calls for that long,
// each timed alone, answered by one line of JSON. A call copies the images into the executor and
// runs it.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lathe/core/rng.hpp"
#include "lathe/engine/executor.hpp"
#include "lathe/export/onnx.hpp"
#include "lathe/format/file.hpp"
#include "lathe/format/json.hpp"
#include "lathe/format/safetensors.hpp"
#include "lathe/supernet/weight_store.hpp"
#include "networks.hpp"

namespace {

using namespace lathe;
using clock = std::chrono::steady_clock;

constexpr std::int32_t checked_images = 16;
constexpr int warm_up_calls = 20;

std::vector<float> random_pixels(const network& net, std::int32_t batch) {
    rng random(1);
    std::vector<float> pixels(
        static_cast<std::size_t>(element_count(net.at(net.inputs()[0]).type, batch)));
    for (auto& p : pixels) p = static_cast<float>(2.0 * random.real() - 1.0);
    return pixels;
}

class member {
public:
    explicit member(network net)
        : net_(std::move(net)), statistics_(calibrated_statistics::neutral(net_)), weights_(1) {
        weights_.add(net_);
    }

    void write(const std::filesystem::path& folder) {
        std::filesystem::create_directories(folder);
        write_file_atomic(folder / "network.json", to_json(benchmarks::describe(net_)));
        save_onnx(folder / "ours.onnx", net_, weights_.reader(), statistics_);
        std::vector<named_tensor> tensors;
        for (const auto& [name, t] : weights_.tensors())
            tensors.push_back({name, t.shape, t.value});
        write_safetensors(folder / "weights.safetensors", tensors);

        const auto& dims = net_.at(net_.inputs()[0]).type.dims;
        const auto images = random_pixels(net_, checked_images);
        const auto planes = benchmarks::channels_first(images, checked_images, dims[2].size(),
                                                       dims[3].size(), dims[1].size());
        executor& run = executor_for(checked_images);
        std::ranges::copy(images, run.input().begin());
        run.run();
        const auto logits = run.output();
        write_safetensors(
            folder / "check.safetensors",
            std::vector<named_tensor>{
                {"images",
                 {checked_images, dims[1].size(), dims[2].size(), dims[3].size()},
                 planes},
                {"logits",
                 {checked_images, static_cast<std::int64_t>(logits.size()) / checked_images},
                 logits}});
    }

    /// Nanoseconds of single calls.
    std::vector<double> turn(std::int32_t batch, double seconds) {
        executor& run = executor_for(batch);
        const auto images = random_pixels(net_, batch);
        const auto call = [&] {
            std::ranges::copy(images, run.input().begin());
            run.run();
        };
        for (int i = 0; i < warm_up_calls; ++i) call();
        std::vector<double> times;
        const auto end = clock::now() + std::chrono::duration<double>(seconds);
        for (auto start = clock::now(); start < end;) {
            call();
            const auto now = clock::now();
            times.push_back(std::chrono::duration<double, std::nano>(now - start).count());
            start = clock::now();
        }
        return times;
    }

private:
    executor& executor_for(std::int32_t batch) {
        const auto it = executors_.find(batch);
        if (it != executors_.end()) return it->second;
        return executors_
            .emplace(batch, executor(net_, weights_.reader(), statistics_, {.batch = batch}))
            .first->second;
    }

    network net_;
    calibrated_statistics statistics_;
    weight_store weights_;
    std::map<std::int32_t, executor> executors_;
};

std::vector<member> first_members(std::uint64_t count) {
    const mobile_space space(mobile32());
    std::vector<member> members;
    for (std::uint64_t i = 0; i < count; ++i) {
        members.emplace_back(benchmarks::fixed_member(space, i));
    }
    return members;
}

void serve(std::vector<member>& members) {
    std::size_t index = 0;
    std::int32_t batch = 0;
    double seconds = 0.0;
    while (std::cin >> index >> batch >> seconds) {
        const auto times = members.at(index).turn(batch, seconds);
        fmt::print("{}\n", to_json(json_object{{"ns", json_array(times.begin(), times.end())}}));
        std::fflush(stdout);
    }
}

}  // namespace

int main(int count, char** arguments) {
    if (count < 2 || count > 3) {
        fmt::print(stderr, "usage: infer_side MEMBERS [FOLDER]\n");
        return 2;
    }
    try {
        auto members = first_members(std::strtoull(arguments[1], nullptr, 10));
        if (count == 2) {
            serve(members);
        } else {
            const std::filesystem::path folder = arguments[2];
            for (std::size_t i = 0; i < members.size(); ++i) {
                members[i].write(folder / std::to_string(i));
            }
        }
    } catch (const std::exception& e) {
        fmt::print(stderr, "infer_side: {}\n", e.what());
        return EXIT_FAILURE;
    }
}
