// SPDX-License-Identifier: Apache-2.0
#include "report/charts.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "lathe/core/text.hpp"
#include "report/svg.hpp"

namespace lathe::detail {
namespace {

std::string figure(std::string_view caption, std::string_view legend, const std::string& picture) {
    return fmt::format(
        "<figure><figcaption>{}</figcaption><div class=\"legend\">{}</div>{}</figure>\n",
        escape(caption), legend, picture);
}

std::string legend_item(std::string_view css, std::string_view text) {
    return fmt::format(
        R"(<span><svg class="key" viewBox="0 0 14 14"><circle class="{}" cx="7" cy="7" )"
        R"(r="4.5"/></svg>{}</span> )",
        css, escape(text));
}

/// The same for shapes that fill an area.
std::string legend_box(std::string_view css, std::string_view text) {
    return fmt::format(R"(<span><svg class="key" viewBox="0 0 14 14"><rect class="{}" x="1" y="2" )"
                       R"(width="12" height="10"/></svg>{}</span> )",
                       css, escape(text));
}

std::string axis_title(const metric_id& id, const display_unit& unit) {
    return unit.unit.empty() ? words_for(id) : fmt::format("{} ({})", words_for(id), unit.unit);
}

/// One metric as the coordinate of a chart.
struct coordinate {
    metric_id id;
    display_unit unit;
    std::vector<double> ends;    ///< what the axis must cover, in display units
    std::vector<double> others;  ///< what it covers unless it lies far out

    void choose_unit(const study_ledger& ledger) {
        std::vector<double> values;
        for (const trial& t : ledger.trials()) {
            const estimate e = find_metric(t.metrics, id);
            if (e.known()) values.push_back(e.value);
        }
        std::ranges::sort(values);
        unit = unit_for(id.of, values.empty() ? 0.0 : values[values.size() * 3 / 4]);
    }
    [[nodiscard]] double show(double value) const { return value * unit.factor; }
    void cover(const estimate& e, bool interval) {
        (interval ? ends : others).push_back(show(e.value));
        if (interval) {
            ends.push_back(show(e.low));
            ends.push_back(show(e.high));
        }
    }
    /// One disturbed measurement must not squeeze all others together: outside of Tukey's outer
    /// fences (1977) only what must be covered counts. Returns the range of the axis.
    std::pair<double, double> settle() {
        std::ranges::sort(others);
        if (!others.empty()) {
            const double low = others[others.size() / 4];
            const double high = others[others.size() * 3 / 4];
            const double fence = 3.0 * (high - low);
            for (const double v : others) {
                if (v >= low - fence && v <= high + fence) ends.push_back(v);
            }
        }
        const auto [least, most] = std::ranges::minmax(ends);
        return {least, most};
    }
};

std::string_view class_of(const study_ledger& ledger, const trial& t, bool on_front) {
    switch (ledger.verdict_of(t)) {
        case verdict::feasible:
            return on_front ? "front" : "feasible";
        case verdict::undecided:
            return on_front ? "undecided" : "feasible";
        case verdict::infeasible:
            break;
    }
    return "infeasible";
}

constexpr std::array<std::string_view, 6> buffer_classes = {"b0", "b1", "b2", "b3", "b4", "b5"};
constexpr std::array<std::string_view, 6> buffer_names = {"input",     "output",     "activation",
                                                          "workspace", "scratchpad", "reorder"};

}  // namespace

std::string words_for(const metric_id& id) {
    static constexpr std::array<std::string_view, 9> quantities = {
        "accuracy",      "loss", "latency",    "peak memory", "arena memory",
        "weight memory", "MACs", "parameters", "energy"};
    static constexpr std::array<std::string_view, 5> statistics = {"", "mean ", "P50 ", "P90 ",
                                                                   "P99 "};
    std::string text = fmt::format("{}{}", statistics[static_cast<std::size_t>(id.by)],
                                   quantities[static_cast<std::size_t>(id.of)]);
    if (!id.scenario.empty()) text += " at " + id.scenario;
    return text;
}

std::string words_for(quantity of, const estimate& e) {
    switch (e.status) {
        case estimate_status::known:
            break;
        case estimate_status::not_measured:
            return "not measured";
        case estimate_status::not_resolvable:
            return "too few samples";
        case estimate_status::failed:
            return "failed";
    }
    if (e.source == provenance::lower_bound) return "at least " + format_value(of, e.value);
    if (e.low == e.high) return format_value(of, e.value);
    return fmt::format("{} ({} to {}{})", format_value(of, e.value), format_value(of, e.low),
                       format_value(of, e.high), e.noisy ? ", noisy machine" : "");
}

std::string front_figure(const search_report& report, const study_ledger& ledger) {
    const auto& objectives = ledger.goals().objectives;
    coordinate x{objectives.size() > 1 ? objectives[1] : id_of<parameters>(), {}, {}, {}};
    coordinate y{objectives[0], {}, {}, {}};
    x.choose_unit(ledger);
    y.choose_unit(ledger);
    const auto front = ledger.front();
    const auto on_front = [&](const trial& t) { return std::ranges::binary_search(front, t.id); };
    const auto chosen = [&](const trial& t) {
        return std::ranges::any_of(report.scenarios, [&](const scenario_report& s) {
            return s.choice.chosen() && s.choice.member->id == t.id;
        });
    };

    struct shown {
        const trial* t;
        estimate x, y;
    };
    std::vector<shown> points;
    for (const trial& t : ledger.trials()) {
        const estimate ex = find_metric(t.metrics, x.id);
        const estimate ey = find_metric(t.metrics, y.id);
        if (!ex.known() || !ey.known()) continue;
        points.push_back({&t, ex, ey});
        const bool marked = on_front(t) || chosen(t);
        x.cover(ex, marked);
        y.cover(ey, marked);
    }
    if (points.empty()) return "<p>No network was measured in both of the first objectives.</p>\n";
    // What matters most is drawn last.
    std::ranges::sort(points, {}, [&](const shown& p) {
        const int order = on_front(*p.t)                                   ? 2
                          : ledger.verdict_of(*p.t) == verdict::infeasible ? 0
                                                                           : 1;
        return std::pair(order, p.t->id);
    });

    const auto [x_low, x_high] = x.settle();
    const auto [y_low, y_high] = y.settle();
    std::size_t outside = 0;
    chart c(axis_over(axis_title(x.id, x.unit), x.ends, false),
            axis_over(axis_title(y.id, y.unit), y.ends, false), 440,
            fmt::format("{} networks, {} on the front", points.size(), front.size()));
    for (const shown& p : points) {
        const bool best = on_front(*p.t);
        const std::string tooltip = fmt::format(
            "trial {}: {}; {}: {}; {}: {}", p.t->id, report.describe(p.t->genes), words_for(x.id),
            words_for(x.id.of, p.x), words_for(y.id), words_for(y.id.of, p.y));
        const double at_x = std::clamp(x.show(p.x.value), x_low, x_high);
        const double at_y = std::clamp(y.show(p.y.value), y_low, y_high);
        outside += at_x != x.show(p.x.value) || at_y != y.show(p.y.value);
        if (best) {
            c.line(x.show(p.x.low), at_y, x.show(p.x.high), at_y, "whisker");
            c.line(at_x, y.show(p.y.low), at_x, y.show(p.y.high), "whisker");
        }
        c.dot(at_x, at_y, best ? 4.5 : 3.0, class_of(ledger, *p.t, best), tooltip);
    }
    for (const scenario_report& s : report.scenarios) {
        if (!s.choice.chosen()) continue;
        // Where the search measured it: the ring belongs to a dot of this picture.
        const trial& t = ledger.trials()[s.choice.member->id];
        const estimate ex = find_metric(t.metrics, x.id);
        const estimate ey = find_metric(t.metrics, y.id);
        if (!ex.known() || !ey.known()) continue;
        c.dot(x.show(ex.value), y.show(ey.value), 8.5, "chosen", "chosen for " + s.choice.scenario);
        c.label(x.show(ex.value), y.show(ey.value), "name", s.choice.scenario);
    }
    return figure("Front",
                  legend_item("front", "on the front, with 95 % intervals") +
                      legend_item("undecided", "on the front, an interval crosses a limit") +
                      legend_item("feasible", "keeps the limits of a scenario") +
                      legend_item("infeasible", "breaks the limits of every scenario") +
                      legend_item("chosen", "chosen") +
                      (outside == 0 ? std::string()
                                    : fmt::format("<span>{} far outside, drawn at the edge</span>",
                                                  outside)),
                  c.str());
}

std::string history_figure(const study_ledger& ledger) {
    coordinate y{ledger.goals().objectives[0], {}, {}, {}};
    y.choose_unit(ledger);
    const bool larger_is_better = natural_direction(y.id.of) == direction::maximize;
    std::vector<double> best_x;
    std::vector<double> best_y;
    std::vector<std::pair<double, const trial*>> points;
    for (const trial& t : ledger.trials()) {
        const estimate e = find_metric(t.metrics, y.id);
        if (!e.known()) continue;
        const double value = y.show(e.value);
        y.ends.push_back(value);
        points.emplace_back(value, &t);
        if (ledger.verdict_of(t) == verdict::infeasible) continue;
        const double so_far = best_y.empty()     ? value
                              : larger_is_better ? std::max(best_y.back(), value)
                                                 : std::min(best_y.back(), value);
        if (!best_y.empty()) {
            best_x.push_back(static_cast<double>(t.id));
            best_y.push_back(best_y.back());
        }
        best_x.push_back(static_cast<double>(t.id));
        best_y.push_back(so_far);
    }
    if (points.empty()) return "";
    const double last = static_cast<double>(ledger.trials().size());
    if (!best_y.empty()) {
        best_x.push_back(last);
        best_y.push_back(best_y.back());
    }
    const std::array<double, 1> end = {last};
    chart c(axis_over("trial", end, true), axis_over(axis_title(y.id, y.unit), y.ends, false), 300,
            "every trial in order");
    for (const auto& [value, t] : points) {
        c.dot(static_cast<double>(t->id), value, 2.5, class_of(ledger, *t, false), "");
    }
    c.path(best_x, best_y, "best");
    return figure("Search history",
                  legend_item("feasible", "keeps the limits of a scenario") +
                      legend_item("infeasible", "does not") + legend_box("bestkey", "best so far"),
                  c.str());
}

std::string training_figure(const search_report& report) {
    if (report.training.size() < 2) return "";
    std::vector<double> minutes;
    std::vector<double> largest;
    std::vector<double> smallest;
    for (const training_point& p : report.training) {
        minutes.push_back(p.minutes);
        largest.push_back(100.0 * p.largest_accuracy);
        smallest.push_back(100.0 * p.smallest_accuracy);
    }
    std::vector<double> both = largest;
    both.insert(both.end(), smallest.begin(), smallest.end());
    chart c(axis_over("minutes of training", minutes, true),
            axis_over("accuracy on training batches (%)", both, true), 300, "supernet training");
    c.path(minutes, largest, "best");
    c.path(minutes, smallest, "second");
    return figure(
        "Supernet training",
        legend_box("bestkey", "largest network") + legend_box("secondkey", "smallest network"),
        c.str());
}

std::string memory_figure(const scenario_report& s) {
    if (!s.compiled || s.compiled->buffers.empty()) return "";
    const program& p = *s.compiled;
    const display_unit unit =
        unit_for(quantity::arena_memory, static_cast<double>(p.plan.arena_bytes));
    const auto show = [&](std::int64_t bytes) { return static_cast<double>(bytes) * unit.factor; };
    const std::array<double, 1> steps = {static_cast<double>(p.steps.size())};
    const std::array<double, 1> arena = {show(p.plan.arena_bytes)};
    chart_axis x{"step", 0.0, steps[0]};
    chart c(std::move(x),
            axis_over(fmt::format("address in the arena ({})", unit.unit), arena, true), 300,
            "buffers over steps");
    std::array<bool, buffer_names.size()> used{};
    for (std::size_t i = 0; i < p.buffers.size(); ++i) {
        const buffer& b = p.buffers[i];
        if (b.bytes == 0) continue;
        const auto kind = static_cast<std::size_t>(b.kind);
        used[kind] = true;
        const std::int64_t offset = p.plan.offsets.at(i);
        c.box(b.first_step, show(offset), b.last_step + 1.0, show(offset + b.bytes),
              fmt::format("buffer {}", buffer_classes[kind]),
              fmt::format("{} ({}): {}, steps {} to {}", b.name, buffer_names[kind],
                          format_bytes(static_cast<double>(b.bytes)), b.first_step, b.last_step));
    }
    c.line(0, show(p.plan.lower_bound), steps[0], show(p.plan.lower_bound), "bound");
    std::string legend;
    for (std::size_t k = 0; k < used.size(); ++k) {
        if (used[k])
            legend += legend_box(fmt::format("buffer {}", buffer_classes[k]), buffer_names[k]);
    }
    const std::string tiles =
        p.tiles() == 1 ? "" : fmt::format(", {} of {} images at a time", p.tile, p.target.batch);
    return figure(
        fmt::format("Memory of {}: arena {}, no plan can take less than {}, weights {}{}",
                    s.choice.scenario, format_bytes(static_cast<double>(p.plan.arena_bytes)),
                    format_bytes(static_cast<double>(p.plan.lower_bound)),
                    format_bytes(static_cast<double>(p.weight_bytes.value)), tiles),
        legend, c.str());
}

std::string step_figure(const scenario_report& s) {
    if (!s.compiled || s.step_times.empty() || s.step_times.size() != s.compiled->steps.size()) {
        return "";
    }
    double total = 0.0;
    double longest = 0.0;
    for (const nanoseconds t : s.step_times) {
        total += t.value;
        longest = std::max(longest, t.value);
    }
    if (!(longest > 0.0)) return "";
    std::string rows;
    for (std::size_t i = 0; i < s.step_times.size(); ++i) {
        const program_step& step = s.compiled->steps[i];
        const double t = s.step_times[i].value;
        rows += fmt::format(
            R"(<tr><td title="{}">{}</td><td class="num">{}</td><td class="num">{:.1f} %</td>)"
            R"(<td class="bar"><div style="width:{:.1f}%"></div></td><td class="num">{}</td></tr>)"
            "\n",
            escape(step.operation), escape(step.name), format_time(t), 100.0 * t / total,
            100.0 * t / longest,
            step.macs.value > 0 ? format_count(static_cast<double>(step.macs.value)) : "");
    }
    return fmt::format(
        "<details open><summary>Time of each layer of {}: {} in all</summary>"
        "<table class=\"steps\"><thead><tr><th>layer</th><th class=\"num\">time</th>"
        "<th class=\"num\">share</th><th></th><th "
        "class=\"num\">MACs</th></tr></thead><tbody>\n{}</tbody></table></details>\n",
        escape(s.choice.scenario), format_time(total), rows);
}

}  // namespace lathe::detail
