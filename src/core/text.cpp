// SPDX-License-Identifier: Apache-2.0
#include "lathe/core/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

namespace lathe {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0]++;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replace = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replace, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

template <std::size_t N>
std::string scaled(double value, double step, const std::array<std::string_view, N>& units) {
    std::size_t unit = 0;
    // 1000 and more would not fit three digits, also where a unit is 1024 of the one before.
    while (std::abs(value) >= 999.5 && unit + 1 < N) {
        value /= step;
        ++unit;
    }
    return fmt::format("{:.3g}{}", value, units[unit]);
}

}  // namespace

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string_view nearest_name(std::string_view name,
                              std::span<const std::string_view> candidates) {
    std::string_view best;
    std::size_t best_distance = std::max<std::size_t>(2, name.size() / 3) + 1;
    for (const auto candidate : candidates) {
        const std::size_t d = edit_distance(name, candidate);
        if (d < best_distance) {
            best = candidate;
            best_distance = d;
        }
    }
    return best;
}

std::string format_bytes(double bytes) {
    return scaled(bytes, 1024.0, std::array<std::string_view, 4>{" B", " KiB", " MiB", " GiB"});
}
std::string format_time(double nanoseconds) {
    return scaled(nanoseconds, 1000.0, std::array<std::string_view, 4>{" ns", " us", " ms", " s"});
}
std::string format_count(double count) {
    return scaled(count, 1000.0, std::array<std::string_view, 4>{"", " k", " M", " G"});
}

}  // namespace lathe
