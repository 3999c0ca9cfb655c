// SPDX-License-Identifier: Apache-2.0
#include "lathe/search/event_json.hpp"

#include <array>
#include <charconv>

namespace lathe {
namespace {

constexpr std::array<std::string_view, 3> trial_statuses = {"evaluated", "refused", "failed"};
constexpr std::array<std::string_view, 4> estimate_statuses = {"known", "not_measured",
                                                               "not_resolvable", "failed"};
constexpr std::array<std::string_view, 6> provenances = {"exact", "analytic",  "lower_bound",
                                                         "table", "surrogate", "measured"};
constexpr std::array<std::string_view, 3> event_names = {"start", "reference", "trial"};

hash64 read_hex(const json_reader& reader) {
    const auto text = reader.as<std::string>();
    hash64 value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (code != std::errc() || end != text.data() + text.size()) {
        throw reader.fail("'" + text + "' is no hash", "give hexadecimal digits");
    }
    return value;
}

metric_id read_metric_id(const json_reader& reader) {
    try {
        return parse_metric(reader.as<std::string>());
    } catch (const error& e) {
        throw reader.fail(e.problem(), e.remedy());
    }
}

metric_estimate read_metric(json_reader reader) {
    metric_estimate m;
    m.id = read_metric_id(reader.at("metric"));
    m.value.status = static_cast<estimate_status>(reader.at("status").as_choice(estimate_statuses));
    m.value.source = static_cast<provenance>(reader.at("source").as_choice(provenances));
    m.value.noisy = reader.get<bool>("noisy");
    if (m.value.known()) {
        m.value.value = reader.get<double>("value");
        m.value.low = reader.get<double>("low");
        m.value.high = reader.get<double>("high");
        m.value.confidence = reader.get<double>("confidence");
    }
    reader.finish();
    return m;
}

trial read_trial(json_reader reader) {
    trial t;
    t.id = reader.get<std::uint64_t>("id");
    for (const json_reader& gene : reader.at("genes").elements()) {
        t.genes.genes.push_back(static_cast<std::uint16_t>(gene.as<std::int32_t>(0, 65535)));
    }
    t.status = static_cast<trial_status>(reader.at("status").as_choice(trial_statuses));
    for (const json_reader& m : reader.at("metrics").elements())
        t.metrics.push_back(read_metric(m));
    t.message = reader.get_or<std::string>("message", {});
    reader.finish();
    return t;
}

}  // namespace

std::string_view to_string(trial_status s) noexcept {
    return trial_statuses[static_cast<std::size_t>(s)];
}
std::string_view to_string(estimate_status s) noexcept {
    return estimate_statuses[static_cast<std::size_t>(s)];
}
std::string_view to_string(provenance p) noexcept {
    return provenances[static_cast<std::size_t>(p)];
}

json_value to_json_value(const metric_estimate& m) {
    const estimate& e = m.value;
    json_object object{{"metric", to_string(m.id)},
                       {"status", to_string(e.status)},
                       {"source", to_string(e.source)},
                       {"noisy", e.noisy}};
    if (e.known()) {
        object.append("value", e.value);
        object.append("low", e.low);
        object.append("high", e.high);
        object.append("confidence", e.confidence);
    }
    return object;
}

json_value to_json_value(const trial& t) {
    json_array genes;
    for (const auto g : t.genes.genes) genes.emplace_back(g);
    json_array metrics;
    for (const metric_estimate& m : t.metrics) metrics.push_back(to_json_value(m));
    json_object object{{"id", t.id},
                       {"genes", std::move(genes)},
                       {"status", to_string(t.status)},
                       {"metrics", std::move(metrics)}};
    if (!t.message.empty()) object.append("message", t.message);
    return object;
}

json_value to_json_value(const study_event& e) {
    json_object object{{"event", event_names[e.index()]}};
    if (const auto* started = std::get_if<study_started>(&e)) {
        object.append("setup", to_hex(started->setup));
    } else if (const auto* reference = std::get_if<reference_measured>(&e)) {
        object.append("trial", to_json_value(reference->reference));
    } else {
        object.append("trial", to_json_value(std::get<trial_recorded>(e).trial));
    }
    return object;
}

study_event event_from_json(json_reader reader) {
    const std::size_t kind = reader.at("event").as_choice(event_names);
    study_event event;
    if (kind == 0) {
        event = study_started{read_hex(reader.at("setup"))};
    } else if (kind == 1) {
        event = reference_measured{read_trial(reader.at("trial"))};
    } else {
        event = trial_recorded{read_trial(reader.at("trial"))};
    }
    reader.finish();
    return event;
}

}  // namespace lathe
