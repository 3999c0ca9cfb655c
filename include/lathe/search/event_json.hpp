// SPDX-License-Identifier: Apache-2.0
// Study events as JSON, without losing a bit.
#pragma once

#include <string>
#include <string_view>

#include "lathe/format/json.hpp"
#include "lathe/format/json_reader.hpp"
#include "lathe/search/concept.hpp"

namespace lathe {

/// {"metric": "latency_p99@edge", "status": "known", "value": ..., "low": ..., "high": ...,
/// "confidence": 0.95, "source": "measured", "noisy": false}; no numbers where the status is
/// another.
[[nodiscard]] json_value to_json_value(const metric_estimate& m);
[[nodiscard]] json_value to_json_value(const trial& t);
/// {"event": "start" | "reference" | "trial", ...}.
[[nodiscard]] json_value to_json_value(const study_event& e);

/// Inverse of to_json_value. Throws bad_input naming the key.
[[nodiscard]] study_event event_from_json(json_reader reader);

[[nodiscard]] std::string_view to_string(trial_status s) noexcept;
[[nodiscard]] std::string_view to_string(estimate_status s) noexcept;
[[nodiscard]] std::string_view to_string(provenance p) noexcept;

}  // namespace lathe
