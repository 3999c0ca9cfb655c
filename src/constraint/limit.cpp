// SPDX-License-Identifier: Apache-2.0
#include "lathe/constraint/limit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <span>

#include "lathe/core/error.hpp"
#include "lathe/core/text.hpp"

namespace lathe {
namespace {

struct named_scale {
    std::string_view name;
    double factor;
};

constexpr named_scale fractions[] = {{"", 1.0}, {"%", 0.01}};
constexpr named_scale plain[] = {{"", 1.0}};
constexpr named_scale counts[] = {{"", 1.0}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}};
constexpr named_scale times[] = {{"ns", 1.0}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
constexpr named_scale joules_of[] = {{"nJ", 1e-9}, {"uJ", 1e-6}, {"mJ", 1e-3}, {"J", 1.0}};
constexpr named_scale sizes[] = {{"B", 1.0},      {"kB", 1e3},       {"MB", 1e6},
                                 {"GB", 1e9},     {"KiB", 1024.0},   {"MiB", 1024.0 * 1024.0},
                                 {"GiB", 1024.0 * 1024.0 * 1024.0}};

std::span<const named_scale> units_of(quantity q) {
    switch (q) {
        case quantity::accuracy: return fractions;
        case quantity::loss: return plain;
        case quantity::latency: return times;
        case quantity::peak_memory:
        case quantity::arena_memory:
        case quantity::weight_memory: return sizes;
        case quantity::macs:
        case quantity::parameters: return counts;
        case quantity::energy: return joules_of;
    }
    return plain;
}

std::string unit_list(std::span<const named_scale> units) {
    std::string text;
    for (const auto& u : units) {
        if (!text.empty()) text += ", ";
        text += u.name.empty() ? "none" : u.name;
    }
    return text;
}

std::string example(const metric_id& metric) {
    switch (metric.of) {
        case quantity::accuracy: return "\">= 80%\"";
        case quantity::loss: return "\"<= 0.7\"";
        case quantity::latency: return "\"<= 400us\" or \"<= 45%\"";
        case quantity::peak_memory:
        case quantity::arena_memory:
        case quantity::weight_memory: return "\"<= 256KiB\" or \"<= 45%\"";
        case quantity::macs:
        case quantity::parameters: return "\"<= 5M\" or \"<= 45%\"";
        case quantity::energy: return "\"<= 2mJ\" or \"<= 45%\"";
    }
    return "\"<= 45%\"";
}

/// What is wrong with a limit, as the end of a sentence; empty where nothing is.
std::string_view flaw_of_limit(const limit_spec& l) {
    const bool maximised = natural_direction(l.metric.of) == direction::maximize;
    if (maximised && l.side != bound::at_least) {
        return "is an upper limit on something to be maximised";
    }
    if (!maximised && l.side != bound::at_most) {
        return "is a lower limit on something to be minimised";
    }
    if (!std::isfinite(l.value) || l.value <= 0.0) return "must be above 0 and finite";
    if (l.metric.of == quantity::accuracy && l.value > 1.0) return "is more than 100 %";
    return {};
}

/// One reading of one text, so that every complaint carries the key, the text and an example.
class limit_reader {
public:
    limit_reader(const metric_id& metric, std::string_view text, std::string_view place)
        : metric_(metric), text_(text), rest_(trimmed(text)), place_(place) {}

    limit_spec read() {
        limit_spec spec{metric_, read_side(), read_number(), false};
        const double scale = read_unit(spec.relative);
        spec.value *= scale;
        if (const auto flaw = flaw_of_limit(spec); !flaw.empty()) fail(flaw);
        return spec;
    }

private:
    [[noreturn]] void fail(std::string_view problem, std::string remedy = {}) const {
        if (remedy.empty()) remedy = "write for example " + example(metric_);
        throw error(errc::bad_input, place_.empty() ? to_string(metric_) : std::string(place_),
                    fmt::format("the limit '{}' {}", text_, problem), std::move(remedy));
    }

    bound read_side() {
        const bool more = rest_.starts_with(">=");
        if (!more && !rest_.starts_with("<=")) fail("does not begin with '<=' or '>='");
        rest_ = trimmed(rest_.substr(2));
        return more ? bound::at_least : bound::at_most;
    }

    double read_number() {
        double value = 0.0;
        const auto [end, status] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
        if (status != std::errc{} || !std::isfinite(value)) fail("has no finite number");
        rest_ = trimmed(rest_.substr(static_cast<std::size_t>(end - rest_.data())));
        return value;
    }

    double read_unit(bool& relative) {
        if (rest_ == "%" && metric_.of != quantity::accuracy) {
            relative = true;
            return 0.01;
        }
        const auto units = units_of(metric_.of);
        const auto found = std::find_if(units.begin(), units.end(),
                                        [&](const named_scale& u) { return u.name == rest_; });
        if (found != units.end()) return found->factor;
        const std::string known = unit_list(units);
        if (rest_.empty()) fail("has no unit", "give one of: " + known + ", or %");
        fail(fmt::format("has the unknown unit '{}'", rest_), "known units: " + known + ", or %");
    }

    const metric_id& metric_;
    std::string_view text_;
    std::string_view rest_;
    std::string_view place_;
};

std::string_view sign_of(bound side) { return side == bound::at_most ? "<=" : ">="; }

bool sound(const estimate& e) { return e.known() && flaw_of(e).empty(); }

}  // namespace

lathe::violation limit::violation(const estimate& e) const noexcept {
    if (!sound(e)) return {std::numeric_limits<double>::infinity(), false};
    const bool upper = side == bound::at_most;
    const bool kept = upper ? e.high <= value : e.low >= value;
    const bool broken = upper ? e.low > value : e.high < value;
    // The difference first: just above the limit, value / limit - 1 would round to 0.
    const double over = (upper ? e.value - value : value - e.value) / value;
    const double least = broken ? std::numeric_limits<double>::min() : 0.0;
    return {std::max(over, least), kept || broken};
}

limit_spec parse_limit(const metric_id& metric, std::string_view text, std::string_view place) {
    return limit_reader(metric, text, place).read();
}

void validate(const limit_spec& l) {
    const auto flaw = flaw_of_limit(l);
    if (flaw.empty()) return;
    throw error(errc::bad_input, to_string(l.metric),
                fmt::format("the limit '{}' {}", to_string(l), flaw),
                "write for example " + example(l.metric));
}

limit resolve(const limit_spec& spec, const metric_values& reference) {
    validate(spec);
    if (!spec.relative) return {spec.metric, spec.side, spec.value};
    const estimate e = reference.at(spec.metric);
    if (!sound(e) || e.value <= 0.0) {
        throw error(errc::bad_input, to_string(spec),
                    "the reference member has no value above 0 for this metric",
                    "measure the reference member first, or give the limit in absolute units");
    }
    return {spec.metric, spec.side, spec.value * e.value};
}

std::string format_value(quantity of, double value) {
    switch (of) {
        case quantity::accuracy: return fmt::format("{:.3g} %", 100.0 * value);
        case quantity::loss: return fmt::format("{:.4g}", value);
        case quantity::latency: return format_time(value);
        case quantity::peak_memory:
        case quantity::arena_memory:
        case quantity::weight_memory: return format_bytes(value);
        case quantity::macs:
        case quantity::parameters: return format_count(value);
        case quantity::energy: return fmt::format("{:.3g} mJ", 1e3 * value);
    }
    return fmt::format("{:.4g}", value);
}

std::string to_string(const limit& l) {
    return fmt::format("{} {} {}", to_string(l.metric), sign_of(l.side),
                       format_value(l.metric.of, l.value));
}

std::string to_string(const limit_spec& l) {
    if (!l.relative) return to_string(limit{l.metric, l.side, l.value});
    return fmt::format("{} {} {:.4g} %", to_string(l.metric), sign_of(l.side), 100.0 * l.value);
}

}  // namespace lathe
