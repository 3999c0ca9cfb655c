// SPDX-License-Identifier: Apache-2.0
// What each side of a comparison does and prints; benchmarks/suites/optimizers.py runs them in turns.
//     SIDE nsga2 POPULATION GENERATIONS SEED CROSSOVER MUTATIONS
//         {"seconds": of a generation, "points": objectives of the last population}
//     SIDE sort FILE...
//         [{"seconds": of a call, "ranks": [...]}, ...]
// A file holds two 64-bit numbers (points, objectives) and the objectives row by row, as doubles.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace peers {

struct nsga2_task {
    std::size_t population, generations;
    std::uint64_t seed;
    double crossover, mutations;  ///< probability of two parents; mutated genes of a child on average
};
struct nsga2_result {
    double seconds;
    std::vector<std::array<double, 2>> points;
};

struct cloud {
    std::size_t points, objectives;
    std::vector<double> rows;
};

inline double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

/// Median time of a call: three calls, more of them while they take less than 50 ms, fewer if they take
/// a second.
template <class Call>
double seconds_of(Call call) {
    std::vector<double> times;
    double total = 0.0;
    while ((times.size() < 3 && total < 1.0) || total < 0.05) {
        const double start = now();
        call();
        times.push_back(now() - start);
        total += times.back();
    }
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
}

inline cloud read_cloud(const char* path) {
    std::ifstream file(path, std::ios::binary);
    std::uint64_t size[2] = {};
    file.read(reinterpret_cast<char*>(size), sizeof size);
    cloud c{size[0], size[1], std::vector<double>(size[0] * size[1])};
    const auto bytes = static_cast<std::streamsize>(c.rows.size() * sizeof(double));
    file.read(reinterpret_cast<char*>(c.rows.data()), bytes);
    if (!file || file.gcount() != bytes) {
        std::fprintf(stderr, "%s is not a file of points\n", path);
        std::exit(2);
    }
    return c;
}

/// `run_nsga2(task)` gives an nsga2_result; `sort(cloud, ranks)` writes ranks and returns its seconds.
template <class RunNsga2, class Sort>
int main(int argc, char** argv, RunNsga2 run_nsga2, Sort sort) {
    const std::string command = argc > 1 ? argv[1] : "";
    if (command == "nsga2" && argc == 7) {
        const nsga2_result r =
            run_nsga2({std::strtoull(argv[2], nullptr, 10), std::strtoull(argv[3], nullptr, 10),
                       std::strtoull(argv[4], nullptr, 10), std::strtod(argv[5], nullptr),
                       std::strtod(argv[6], nullptr)});
        std::printf("{\"seconds\": %.9g, \"points\": [", r.seconds);
        for (std::size_t i = 0; i < r.points.size(); ++i) {
            std::printf("%s[%.17g, %.17g]", i ? ", " : "", r.points[i][0], r.points[i][1]);
        }
        std::printf("]}\n");
        return 0;
    }
    if (command == "sort" && argc > 2) {
        for (int f = 2; f < argc; ++f) {
            const cloud c = read_cloud(argv[f]);
            std::vector<std::uint32_t> ranks(c.points);
            std::printf("%s{\"seconds\": %.9g, \"ranks\": [", f == 2 ? "[" : ", ", sort(c, ranks));
            for (std::size_t i = 0; i < ranks.size(); ++i) {
                std::printf("%s%u", i ? ", " : "", ranks[i]);
            }
            std::printf("]}");
        }
        std::printf("]\n");
        return 0;
    }
    std::fprintf(stderr, "usage: %s nsga2 POPULATION GENERATIONS SEED CROSSOVER MUTATIONS\n"
                         "       %s sort FILE...\n", argv[0], argv[0]);
    return 2;
}

}  // namespace peers
