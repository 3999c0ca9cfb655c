// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "lathe/core/text.hpp"
#include "lathe/core/version.hpp"
#include "lathe/report/report.hpp"
#include "report/charts.hpp"
#include "report/style.hpp"
#include "report/svg.hpp"

namespace lathe {
namespace {

using detail::escape;
using detail::words_for;

std::string_view badge(verdict v) {
    switch (v) {
        case verdict::feasible:
            return R"(<span class="badge feasible">chosen</span>)";
        case verdict::undecided:
            return R"(<span class="badge undecided">undecided</span>)";
        case verdict::infeasible:
            return R"(<span class="badge infeasible">infeasible</span>)";
    }
    return "";
}

std::string row(std::string_view name, std::string_view text) {
    return fmt::format("<dt>{}</dt><dd>{}</dd>\n", escape(name), escape(text));
}

std::string margin_cell(const limit_result& r) {
    if (!std::isfinite(r.margin)) return R"(<td class="num bad">no value</td>)";
    return fmt::format(R"(<td class="num {}">{:+.1f} %</td>)", r.margin >= 0.0 ? "good" : "bad",
                       100.0 * r.margin);
}

std::string limits_table(const std::vector<limit_result>& limits) {
    if (limits.empty()) return "<p>This scenario has no limits.</p>\n";
    std::string rows;
    for (const limit_result& r : limits) {
        rows += fmt::format(
            "<tr><td>{}</td><td class=\"num\">{} {}</td><td class=\"num\">{}</td>{}</tr>\n",
            escape(words_for(r.bound.metric)), r.bound.side == bound::at_most ? "&le;" : "&ge;",
            escape(format_value(r.bound.metric.of, r.bound.value)),
            escape(words_for(r.bound.metric.of, r.value)), margin_cell(r));
    }
    return fmt::format(
        "<div class=\"wide\"><table><thead><tr><th>metric</th><th class=\"num\">limit</th>"
        "<th class=\"num\">measured (95 % interval)</th>"
        "<th class=\"num\">margin of its worse end</th></tr></thead><tbody>\n"
        "{}</tbody></table></div>\n",
        rows);
}

bool belongs_to(const metric_id& id, const std::string& scenario) {
    return id.scenario.empty() || id.scenario == scenario;
}

/// Every metric of the member beside that of the reference member.
std::string metrics_table(const scenario_report& s, const study_ledger& ledger) {
    std::string rows;
    for (const metric_estimate& m : s.choice.member->metrics) {
        if (!belongs_to(m.id, s.choice.scenario)) continue;
        std::string beside;
        std::string share;
        const auto& reference = s.choice.reference.empty() && ledger.reference()
                                    ? ledger.reference()->metrics
                                    : s.choice.reference;
        const estimate r = find_metric(reference, m.id);
        if (r.known()) {
            beside = words_for(m.id.of, r);
            if (m.value.known() && r.value > 0.0 && m.id.of != quantity::accuracy) {
                share = fmt::format("{:.3g} %", 100.0 * m.value.value / r.value);
            }
        }
        rows += fmt::format(
            "<tr><td>{}</td><td class=\"num\">{}</td><td class=\"num\">{}</td>"
            "<td class=\"num\">{}</td></tr>\n",
            escape(words_for(m.id)), escape(words_for(m.id.of, m.value)), escape(beside),
            escape(share));
    }
    return fmt::format(
        "<details><summary>All metrics</summary><div "
        "class=\"wide\"><table><thead><tr><th>metric</th>"
        "<th class=\"num\">this network</th><th class=\"num\">reference network</th>"
        "<th class=\"num\">share</th></tr></thead><tbody>\n"
        "{}</tbody></table></div></details>\n",
        rows);
}

std::string scenario_card(const search_report& report, const scenario_report& s,
                          const scenario& goal, const study_ledger& ledger) {
    const deployment& d = goal.target;
    std::string out =
        fmt::format("<section class=\"card\"><h3>{}{}</h3>\n<p>{}</p>\n", escape(goal.name),
                    badge(s.choice.verdict),
                    escape(fmt::format("batch {}, {} thread{}, {} stream{}: {}.", d.batch,
                                       d.threads, d.threads == 1 ? "" : "s", d.streams,
                                       d.streams == 1 ? "" : "s", s.choice.explanation)));
    if (s.choice.member) {
        out += "<dl>";
        out += row(s.choice.chosen() ? "network" : "nearest network",
                   fmt::format("{} (trial {})", report.describe(s.choice.member->genes),
                               s.choice.member->id));
        out += row("genotype", to_string(s.choice.member->genes));
        if (s.test_accuracy) {
            out += row("test accuracy", words_for(quantity::accuracy, *s.test_accuracy));
        }
        if (!s.onnx.empty()) out += row("file", s.onnx);
        out += "</dl>\n" + limits_table(s.choice.limits) + metrics_table(s, ledger);
    }
    return out + "</section>\n";
}

std::string counts_text(const study_ledger& ledger) {
    return fmt::format("{} measured, {} refused by exact limits, {} failed; {} on the front",
                       ledger.count(trial_status::evaluated), ledger.count(trial_status::refused),
                       ledger.count(trial_status::failed), ledger.front_size());
}

std::string heading(const search_report& report, const study_ledger& ledger) {
    std::string out = fmt::format("<h1>{}</h1>\n<dl>", escape(report.title));
    for (const auto& [name, text] : report.facts) out += row(name, text);
    std::string objectives;
    for (const metric_id& id : ledger.goals().objectives) {
        objectives += (objectives.empty() ? "" : ", ") + objective_text(id);
    }
    out += row("objectives", objectives) + row("networks", counts_text(ledger));
    const auto accuracy_row = [&](std::string_view name, const std::optional<estimate>& e) {
        if (e) out += row(name, words_for(quantity::accuracy, *e) + " on the test set");
    };
    accuracy_row("largest network", report.largest_test_accuracy);
    accuracy_row("smallest network", report.smallest_test_accuracy);
    return out + "</dl>\n";
}

std::string front_table(const search_report& report, const study_ledger& ledger) {
    std::string head = "<tr><th class=\"num\">trial</th>";
    for (const metric_id& id : ledger.goals().objectives) {
        head += fmt::format("<th class=\"num\">{}</th>", escape(words_for(id)));
    }
    std::string rows;
    for (const auto trial_id : ledger.front()) {
        const trial& t = ledger.trials()[trial_id];
        rows += fmt::format("<tr><td class=\"num\">{}</td>", trial_id);
        for (const metric_id& id : ledger.goals().objectives) {
            rows += fmt::format("<td class=\"num\">{}</td>",
                                escape(words_for(id.of, find_metric(t.metrics, id))));
        }
        rows += fmt::format("<td>{}</td><td>{}</td></tr>\n",
                            ledger.verdict_of(t) == verdict::feasible ? "feasible" : "undecided",
                            escape(report.describe(t.genes)));
    }
    return fmt::format(
        "<details><summary>The front as a table</summary><div class=\"wide\"><table>"
        "<thead>{}<th>verdict</th><th>network</th></tr></thead><tbody>\n{}</tbody>"
        "</table></div></details>\n",
        head, rows);
}

std::string machine_section(const fingerprint& m) {
    std::string caches;
    for (const cache_level& c : m.caches) {
        caches += fmt::format("{}L{} {}", caches.empty() ? "" : ", ", c.level,
                              format_bytes(static_cast<double>(c.bytes)));
    }
    return "<h2>Machine</h2>\n<dl>" + row("CPU", m.cpu) + row("instruction set", m.isa) +
           row("cores", std::to_string(m.cores)) + row("caches", caches) + row("system", m.os) +
           row("compiler", m.compiler) +
           row("libraries", fmt::format("{}", fmt::join(m.libraries, ", "))) +
           row("written by", fmt::format("lathe {}", version)) + "</dl>\n";
}

}  // namespace

std::string html_report(const search_report& report, const study_ledger& ledger) {
    std::string out = fmt::format(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
        "'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width, "
        "initial-scale=1\">\n<title>{}</title>\n<style>{}</style></head>\n<body>\n",
        escape(report.title), detail::style_sheet);
    out += heading(report, ledger);
    out += "<h2>Verdict</h2>\n";
    for (std::size_t s = 0; s < report.scenarios.size(); ++s) {
        out += scenario_card(report, report.scenarios[s], ledger.goals().scenarios.at(s), ledger);
    }
    out += "<h2>Search</h2>\n";
    out += detail::front_figure(report, ledger) + front_table(report, ledger);
    out += detail::history_figure(ledger) + detail::training_figure(report);
    for (const scenario_report& s : report.scenarios) {
        const std::string pictures = detail::memory_figure(s) + detail::step_figure(s);
        if (pictures.empty()) continue;
        out += fmt::format("<h2>Inside the {} network for {}</h2>\n",
                           s.choice.chosen() ? "chosen" : "nearest", escape(s.choice.scenario));
        out += pictures;
    }
    return out + machine_section(report.machine) + "</body></html>\n";
}

}  // namespace lathe
