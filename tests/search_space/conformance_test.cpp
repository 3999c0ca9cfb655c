// SPDX-License-Identifier: Apache-2.0
// The checks for authors of spaces pass a sound space and find each fault.
#include <catch2/catch.hpp>

#include <stdexcept>
#include <string>
#include <utility>

#include "lathe/core/error.hpp"
#include "lathe/testing/search_space.hpp"

using namespace lathe;

namespace {

enum class fault {
    none,
    unchecked,      ///< takes genotypes that do not fit
    restless,       ///< canonical() goes on
    blind,          ///< one canonical form for all
    two_spellings,  ///< the inactive gene is kept
    two_full_shapes,
    upside_down,  ///< the smallest is called the largest
    stranger,     ///< a tensor that the largest does not have
    gap           ///< one genotype is not legal
};

/// One linear layer of 1 to 4 inputs; the second gene is inactive.
class faulty_space {
public:
    explicit faulty_space(fault f) : fault_(f) {}

    [[nodiscard]] const std::vector<axis>& axes() const { return axes_; }
    [[nodiscard]] genotype canonical(const genotype& g) const {
        check(g);
        if (fault_ == fault::two_spellings) return g;
        if (fault_ == fault::blind) return of_width(0);
        return of_width(g.genes[0] + (fault_ == fault::restless ? 1 : 0));
    }
    [[nodiscard]] network lower(const genotype& g) const {
        check(g);
        const std::int64_t width = 1 + g.genes[0];
        if (fault_ == fault::gap && width == 2) throw std::runtime_error("no such width");
        const std::int64_t most = fault_ == fault::two_full_shapes ? width : 4;
        const char* name = fault_ == fault::stranger && width == 2 ? "stranger" : "w";
        network_builder b;
        const value_id x = b.input("x", vector_type(width));
        const linear_op layer{leading(name, {2, most}, {2, width}), whole("b", {2})};
        b.output(b.add("fc", layer, {x}), output_role::logits);
        return std::move(b).build();
    }
    [[nodiscard]] genotype largest() const {
        return of_width(fault_ == fault::upside_down ? 0 : 3);
    }
    [[nodiscard]] genotype smallest() const {
        return of_width(fault_ == fault::upside_down ? 3 : 0);
    }

private:
    static genotype of_width(int gene) { return {{static_cast<std::uint16_t>(gene % 4), 0}}; }
    void check(const genotype& g) const {
        if (fault_ != fault::unchecked) validate(g, axes_);
    }

    fault fault_;
    std::vector<axis> axes_ = {{"width", axis_kind::ordinal, {"1", "2", "3", "4"}},
                               {"unused", axis_kind::categorical, {"a", "b"}}};
};
static_assert(ElasticSpace<faulty_space>);

std::string complaints(fault f) {
    std::string all;
    for (const auto& one : testing::check_space(faulty_space(f), 50)) all += one + '\n';
    return all;
}

}  // namespace

TEST_CASE("the checks of a space pass a sound one and name each fault") {
    using Catch::Matchers::Contains;
    CHECK(complaints(fault::none).empty());
    CHECK_THAT(complaints(fault::unchecked),
               Contains("a gene too many") && Contains("a gene too few") &&
                   Contains("out of range") && Contains("by canonical()") &&
                   Contains("by lower()"));
    CHECK_THAT(complaints(fault::restless), Contains("canonical() changes"));
    CHECK_THAT(complaints(fault::blind), Contains("lower to two networks"));
    CHECK_THAT(complaints(fault::two_spellings), Contains("another canonical form"));
    CHECK_THAT(complaints(fault::two_full_shapes), Contains("'w' has two full shapes"));
    CHECK_THAT(complaints(fault::upside_down),
               Contains("more MACs than largest()") && Contains("fewer MACs than smallest()"));
    CHECK_THAT(complaints(fault::stranger), Contains("largest() has no tensor 'stranger'"));
    CHECK_THAT(complaints(fault::gap), Contains("genotype 1.") && Contains("no such width"));
}
