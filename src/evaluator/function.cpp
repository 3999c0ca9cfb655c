// SPDX-License-Identifier: Apache-2.0
#include "lathe/evaluator/function.hpp"

#include <bit>
#include <cmath>

#include <fmt/format.h>

namespace lathe {

bool operator==(const metric_estimate& a, const metric_estimate& b) noexcept {
    const auto same = [](double x, double y) {
        return std::bit_cast<std::uint64_t>(x) == std::bit_cast<std::uint64_t>(y);
    };
    const estimate& x = a.value;
    const estimate& y = b.value;
    return a.id == b.id && x.status == y.status && x.source == y.source && x.noisy == y.noisy &&
           (!x.known() || (same(x.value, y.value) && same(x.low, y.low) && same(x.high, y.high) &&
                           same(x.confidence, y.confidence)));
}

namespace detail {

evaluation evaluation_of(const metric_id& id, double value) {
    if (!std::isfinite(value)) {
        return evaluation::failure(
            fmt::format("{} is {}, not a number to compare by", to_string(id), value));
    }
    return {evaluation_status::done, {{id, estimate::exact(value)}}, {}};
}

}  // namespace detail
}  // namespace lathe
