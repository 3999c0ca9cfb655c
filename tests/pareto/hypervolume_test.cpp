// SPDX-License-Identifier: Apache-2.0
#include "lathe/pareto/hypervolume.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "lathe/core/error.hpp"
#include "lathe/pareto/archive.hpp"
#include "pareto/clouds.hpp"

using namespace lathe;
using namespace lathe::test;
using table = std::vector<std::vector<double>>;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

cloud from_rows(const table& points, std::size_t width) {
    cloud c{std::vector<double>(points.size() * width), points.size(), width};
    for (std::size_t i = 0; i < points.size(); ++i) {
        for (std::size_t m = 0; m < width; ++m) c.data[m * points.size() + i] = points[i][m];
    }
    return c;
}

double hv(const table& points, const std::vector<double>& reference) {
    return hypervolume(from_rows(points, reference.size()).view(), reference);
}

std::vector<double> contributions(const table& points, const std::vector<double>& reference) {
    return hypervolume_contributions(from_rows(points, reference.size()).view(), reference);
}

/// Points on a grid of integers: count the unit cells. Exact.
double count_cells(const objective_view& points, int side) {
    const std::size_t m = points.objectives();
    std::vector<int> cell(m, 0);
    double cells = 0;
    for (;;) {
        bool covered = false;
        for (std::size_t i = 0; i < points.points() && !covered; ++i) {
            covered = true;
            for (std::size_t k = 0; k < m && covered; ++k) covered = points.at(i, k) <= cell[k];
        }
        cells += covered ? 1 : 0;
        std::size_t k = 0;
        while (k < m && ++cell[k] == side) cell[k++] = 0;
        if (k == m) return cells;
    }
}

}  // namespace

TEST_CASE("hypervolume equals the number of cells on integer grids, exactly") {
    rng random(3);
    for (std::size_t m = 1; m <= 5; ++m) {
        const int side = m <= 3 ? 8 : 4;
        const std::vector<double> reference(m, side);
        for (int round = 0; round < 40; ++round) {
            const std::size_t n = random.below(m <= 3 ? 25 : 12);
            cloud c{std::vector<double>(n * m), n, m};
            for (auto& x : c.data) x = random.below(static_cast<std::uint32_t>(side) + 1);
            if (n > 2 && random.flip(0.3)) c.data[0] = std::numeric_limits<double>::quiet_NaN();
            if (n > 2 && random.flip(0.3)) c.data[1] = inf;
            REQUIRE(hypervolume(c.view(), reference) == count_cells(c.view(), side));
        }
    }
}

TEST_CASE("a contribution is what is lost without the point; a gain what is won with it") {
    rng random(4);
    for (std::size_t m = 1; m <= 4; ++m) {
        const std::vector<double> reference(m, 6.0);
        for (int round = 0; round < 30; ++round) {
            table points(1 + random.below(14), std::vector<double>(m));
            for (auto& p : points) {
                for (auto& x : p) x = random.below(7);
            }
            const auto each = contributions(points, reference);
            for (std::size_t i = 0; i < points.size(); ++i) {
                table others = points;
                others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
                const double lost = hv(points, reference) - hv(others, reference);
                REQUIRE(each[i] == lost);
                REQUIRE(hypervolume_gain(from_rows(others, m).view(), points[i], reference) == lost);
            }
        }
    }
}

TEST_CASE("published hypervolumes") {
    CHECK(hv({{2.3, 4.5}, {3.4, 3.4}, {6, 1.2}}, {7, 7}) == Approx(17.91).epsilon(1e-14));
    CHECK(hv({{2.3, 4.5, 3.2}, {3.4, 3.4, 3.4}, {6, 1.2, 3.6}}, {7, 7, 7}) ==
          Approx(66.386).epsilon(1e-14));
    CHECK(hv({{2.3, 4.5, 3.2, 1.9, 6}, {3.4, 3.4, 3.4, 2.1, 5.8}, {6, 1.2, 3.6, 3, 6}},
             {7, 7, 7, 7, 7}) == Approx(373.21228).epsilon(1e-14));
    CHECK(hv({{5, 5}, {4, 6}, {2, 7}, {7, 4}}, {10, 10}) == 38.0);
    CHECK(hv({{1, 1, 1, 1}, {1, 1, 1, 1}, {0, 0, 0, 0}}, {2, 2, 2, 2}) == 16.0);
    CHECK(hv({{1, 1, 1, 3}, {2, 2, 2, 3}}, {3, 3, 3, 3}) == 0.0);
}

TEST_CASE("published contributions") {
    const table flat = {{1, 6.5}, {1, 6}, {1, 5},     {2, 5}, {3, 5},   {3, 3},
                        {4, 6.5}, {4.5, 4}, {5, 3}, {5, 1.5}, {7, 1.5}, {7, 3.5}};
    CHECK(contributions(flat, {7, 6.5}) ==
          std::vector<double>{0, 0, 1, 0, 0, 3.5, 0, 0, 0, 3, 0, 0});
    const table edges = {{-6, -1, -6}, {-1, -3, -5}, {-3, -4, -4}, {-4, -2, -3}, {-5, -5, -2},
                         {-2, -6, -1}, {-3, -1, -3}, {-1, -1, -5}, {-1, -2, -4}, {-1, -3, -4},
                         {-7, -7, 0},  {0, -5, -5},  {-7, 0, -7}};
    CHECK(contributions(edges, {0, 0, 0}) ==
          std::vector<double>{18, 2, 12, 1, 18, 2, 0, 0, 0, 0, 0, 0, 0});
    CHECK(contributions({{3, 3, 3}, {4, 4, 4}, {3, 3, 3}, {3, 3, 2}, {3, 3, 1}}, {5, 5, 5}) ==
          std::vector<double>{0, 0, 0, 0, 4});
}

TEST_CASE("analytic fronts: a hundred equally spaced points of ZDT1, a fine sphere") {
    table zdt1;
    for (int i = 0; i < 100; ++i) zdt1.push_back({i / 99.0, 1.0 - std::sqrt(i / 99.0)});
    CHECK(hv(zdt1, {1.1, 1.1}) == Approx(0.871409).margin(5e-7));
    table sphere;  // DTLZ2 in three objectives: 1 - pi / 6 from below
    for (int a = 0; a <= 40; ++a) {
        for (int b = 0; b <= 40; ++b) {
            const double s = a * std::numbers::pi / 80.0;
            const double t = b * std::numbers::pi / 80.0;
            sphere.push_back({std::cos(s) * std::cos(t), std::cos(s) * std::sin(t), std::sin(s)});
        }
    }
    const double got = hv(sphere, {1, 1, 1});
    CHECK(got < 0.476401);
    CHECK(got > 0.44);
}

/// What 20,001 points of a front y(x) over [0, 1] cover, and its published limit.
void check_curve(double (*y)(double), double reference, double limit) {
    constexpr int last = 20000;
    table front;
    for (int i = 0; i <= last; ++i) {
        const double x = static_cast<double>(i) / last;
        front.push_back({x, y(x)});
    }
    const double got = hv(front, {reference, reference});
    CHECK(got < limit + 5e-7);
    CHECK(got > limit - 2e-4);
}

TEST_CASE("fine fronts of ZDT and DTLZ cover what is published, from below") {
    const auto zdt1 = [](double x) { return 1.0 - std::sqrt(x); };
    const auto zdt2 = [](double x) { return 1.0 - x * x; };
    const auto zdt3 = [](double x) {
        return 1.0 - std::sqrt(x) - x * std::sin(10.0 * std::numbers::pi * x);
    };
    const auto dtlz1 = [](double x) { return 1.0 - x; };  // scaled to 1
    const auto dtlz2 = [](double x) { return std::sqrt(1.0 - x * x); };
    check_curve(zdt1, 1.0, 2.0 / 3.0);
    check_curve(zdt1, 1.1, 0.876667);
    check_curve(zdt2, 1.0, 1.0 / 3.0);
    check_curve(zdt2, 1.1, 0.543333);
    check_curve(zdt3, 1.1, 1.331762);
    check_curve(dtlz1, 1.0, 0.5);
    check_curve(dtlz2, 1.0, 0.214602);
    check_curve(dtlz2, 1.1, 0.424602);
}

TEST_CASE("the archive is the first front of all that was offered, and knows its volume") {
    rng random(6);
    for (std::size_t m = 1; m <= 4; ++m) {
        for (const shape kind : all_shapes) {
            const std::size_t n = 120;
            cloud c = make_cloud(kind, n, m, random.child("archive", m));
            for (auto& x : c.data) {
                if (x == -inf) x = 0.0;
            }
            const std::vector<double> reference(m, 3.0);
            pareto_archive archive(m, reference);
            std::vector<double> row(m);
            for (std::uint32_t i = 0; i < n; ++i) {
                for (std::size_t k = 0; k < m; ++k) row[k] = c.view().at(i, k);
                archive.insert(i, row);
            }
            std::vector<std::uint64_t> expected;
            for (std::uint32_t i = 0; i < n; ++i) {
                bool alive = !c.view().has_nan(i);
                for (std::uint32_t j = 0; j < n && alive; ++j) {
                    alive = compare(c.view(), j, i) != relation::dominates;
                }
                if (alive) expected.push_back(i);
            }
            std::vector<std::uint64_t> got(archive.ids().begin(), archive.ids().end());
            for (std::size_t i = 0; i < got.size(); ++i) {
                REQUIRE(archive.objectives_of(i)[0] == c.view().at(got[i], 0));
            }
            std::sort(got.begin(), got.end());
            REQUIRE(got == expected);
            REQUIRE(archive.hypervolume() ==
                    Approx(hypervolume(c.view(), reference)).epsilon(1e-12));
        }
    }
}

TEST_CASE("references that do not fit are refused") {
    const table one = {{1, 1}};
    CHECK_THROWS_AS(hv(one, {2, std::numeric_limits<double>::quiet_NaN()}), error);
    CHECK_THROWS_AS(hypervolume(from_rows(one, 2).view(), std::vector<double>{2.0}), error);
    CHECK_THROWS_AS(hv({{1, -inf}}, {2, 2}), error);
    CHECK_THROWS_AS(pareto_archive(2, {1.0}), error);
    CHECK_THROWS_WITH(pareto_archive(2).hypervolume(), Catch::Contains("no reference point"));
    pareto_archive archive(2);
    CHECK_THROWS_AS(archive.insert(1, std::vector<double>{1.0}), error);
    CHECK_FALSE(archive.insert(1, std::vector<double>{1.0, std::nan("")}));
}
