// SPDX-License-Identifier: Apache-2.0
#include "lathe/search_space/members.hpp"

#include <fmt/format.h>

#include "lathe/core/error.hpp"

namespace lathe {

member_count operator+(const member_count& a, const member_count& b) noexcept {
    member_count sum(0);
    sum.approximate_ = a.approximate_ + b.approximate_;
    std::uint64_t value = 0;
    sum.exact_.reset();
    if (a.exact_ && b.exact_ && !__builtin_add_overflow(*a.exact_, *b.exact_, &value)) {
        sum.exact_ = value;
    }
    return sum;
}

member_count operator*(const member_count& a, const member_count& b) noexcept {
    member_count product(0);
    product.approximate_ = a.approximate_ * b.approximate_;
    std::uint64_t value = 0;
    product.exact_.reset();
    if (a.exact_ && b.exact_ && !__builtin_mul_overflow(*a.exact_, *b.exact_, &value)) {
        product.exact_ = value;
    }
    return product;
}

std::string to_string(const member_count& count) {
    return count.exact() ? std::to_string(*count.exact())
                         : fmt::format("about {:.3g}", count.approximate());
}

namespace detail {

member_count count_genotypes(const std::vector<axis>& axes) noexcept {
    member_count n(1);
    for (const auto& a : axes) n = n * member_count(a.size());
    return n;
}

bool next_genotype(genotype& g, const std::vector<axis>& axes) noexcept {
    for (std::size_t i = axes.size(); i-- > 0;) {
        if (g.genes[i] + std::size_t{1} < axes[i].size()) {
            ++g.genes[i];
            return true;
        }
        g.genes[i] = 0;
    }
    return false;
}

void throw_uncountable(const member_count& genotypes) {
    throw error(errc::unsupported, "count_members",
                fmt::format("{} genotypes are too many to visit", to_string(genotypes)),
                "give the space a member count()");
}

void throw_unsampled(std::int64_t tries) {
    throw error(errc::unsupported, "sample_member",
                fmt::format("none of {} random genotypes is canonical", tries),
                "give the space a member sample(rng&)");
}

}  // namespace detail
}  // namespace lathe
