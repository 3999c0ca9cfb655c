// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/muon.hpp"

#include <Eigen/Core>
#include <Eigen/SVD>

#include "kernel_support.hpp"

namespace {

using namespace lathe::kernels;
using namespace kernel_test;
using matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

struct extents {
    std::int64_t rows;
    std::int64_t columns;
};
const std::vector<extents> shapes{{1, 1}, {1, 7}, {7, 1}, {5, 5}, {16, 27}, {96, 32}, {32, 96}};

struct state {
    extents size;
    floats gradient, velocity, weight;
    muon_matrix view() { return {size.rows, size.columns, gradient, velocity, weight}; }
};

state random_state(extents e, std::uint64_t seed) {
    const auto count = e.rows * e.columns;
    return {e, random_floats(count, seed), random_floats(count, seed + 1),
            random_floats(count, seed + 2)};
}

matrix in_double(extents e, const floats& values) {
    return Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
               values.data(), e.rows, e.columns)
        .cast<double>();
}

/// Each singular value through the polynomial five times: what the iteration does, by its
/// definition.
matrix orthogonal(const matrix& direction) {
    const Eigen::JacobiSVD<matrix> svd(direction / direction.norm(),
                                       Eigen::ComputeThinU | Eigen::ComputeThinV);
    Eigen::VectorXd s = svd.singularValues();
    for (int step = 0; step < 5; ++step) {
        s = (3.4445 * s.array() - 4.7750 * s.array().pow(3) + 2.0315 * s.array().pow(5)).matrix();
    }
    return svd.matrixU() * s.asDiagonal() * svd.matrixV().transpose();
}

double difference(const matrix& a, const matrix& b) { return (a - b).norm() / b.norm(); }

}  // namespace

TEST_CASE("muon step equals its formula by singular values", "[kernels]") {
    const muon_settings settings{0.1F, 0.9F, 0.5F};
    for (const extents e : shapes) {
        INFO(e.rows << "x" << e.columns);
        state s = random_state(e, 1);
        const matrix g = 0.5 * in_double(e, s.gradient);
        const matrix velocity = 0.9 * in_double(e, s.velocity) + g;
        const matrix old = in_double(e, s.weight);
        matrix expected = old - 0.1 * old.norm() / std::sqrt(static_cast<double>(e.rows)) *
                                    orthogonal(g + 0.9 * velocity);
        expected *= old.norm() / expected.norm();
        const auto view = s.view();
        muon_step(settings, {&view, 1});
        CHECK(difference(in_double(e, s.velocity), velocity) < 1e-6);
        CHECK(difference(in_double(e, s.weight), expected) < 1e-5);
    }
}

TEST_CASE("muon: singular values of a step are near 1, the weight keeps its norm", "[kernels]") {
    for (const extents e : shapes) {
        INFO(e.rows << "x" << e.columns);
        state s = random_state(e, 4);
        const matrix old = in_double(e, s.weight);
        constexpr double rate = 1e-3;
        const auto view = s.view();
        muon_step({static_cast<float>(rate), 0.0F}, {&view, 1});
        const matrix now = in_double(e, s.weight);
        CHECK(now.norm() == Approx(old.norm()).epsilon(1e-6));
        if (e.rows * e.columns < 30) continue;  // the norm takes back most of the step
        const matrix turned =
            (old - now) * std::sqrt(static_cast<double>(e.rows)) / (rate * old.norm());
        const Eigen::JacobiSVD<matrix> svd(turned);
        CHECK(svd.singularValues()(0) < 1.35);
        CHECK(svd.singularValues()(svd.singularValues().size() - 1) > 0.4);
    }
}

TEST_CASE("muon: bits do not depend on threads or order, zero directions stay", "[kernels]") {
    const auto run = [](int threads, bool reverse) {
        const thread_count set(threads);
        std::vector<state> states;
        for (const extents e : shapes) states.push_back(random_state(e, 7));
        std::ranges::fill(states[4].gradient, 0.0F);
        std::ranges::fill(states[4].velocity, 0.0F);
        std::vector<muon_matrix> views;
        for (auto& s : states) views.push_back(s.view());
        if (reverse) std::ranges::reverse(views);
        muon_step({0.02F, 0.9F}, views);
        CHECK(states[4].weight == random_state(shapes[4], 7).weight);
        std::vector<floats> result;
        for (auto& s : states) result.push_back(s.weight);
        return result;
    };
    const auto one = run(1, false);
    CHECK(one == run(2, false));
    CHECK(one == run(3, true));
    const auto alone = [](int threads) {
        const thread_count set(threads);
        state s = random_state({256, 1024}, 9);
        const auto view = s.view();
        muon_step({0.02F, 0.9F}, {&view, 1});
        return s.weight;
    };
    CHECK(alone(1) == alone(4));
    CHECK_NOTHROW(muon_step({0.02F, 0.9F}, {}));
}

TEST_CASE("muon: directions whose squares are no floats leave the weight alone", "[kernels]") {
    for (const float tiny : {1e-19F, 1e-25F, 1e-40F}) {
        INFO(tiny);
        state s = random_state({16, 27}, 3);
        std::ranges::fill(s.gradient, 0.0F);
        std::ranges::fill(s.velocity, tiny);
        const auto before = s.weight;
        const auto view = s.view();
        muon_step({0.02F, 0.9F}, {&view, 1});
        CHECK(s.weight == before);
    }
}
