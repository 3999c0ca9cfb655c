// SPDX-License-Identifier: Apache-2.0
#include "lathe/core/error.hpp"

#include <utility>

namespace lathe {
namespace {

std::string message(const std::string& place, const std::string& problem,
                    const std::string& remedy) {
    std::string text = place.empty() ? problem : place + ": " + problem;
    if (!remedy.empty()) text += "; " + remedy;
    return text;
}

}  // namespace

std::string_view to_string(errc code) noexcept {
    switch (code) {
        case errc::bad_input: return "bad input";
        case errc::shape: return "shape";
        case errc::unsupported: return "unsupported";
        case errc::not_calibrated: return "not calibrated";
        case errc::infeasible: return "infeasible";
        case errc::numeric: return "numeric";
        case errc::io: return "io";
        case errc::internal: return "internal";
    }
    return "unknown";
}

error::error(errc code, std::string place, std::string problem, std::string remedy)
    : std::runtime_error(message(place, problem, remedy)),
      code_(code),
      place_(std::move(place)),
      problem_(std::move(problem)),
      remedy_(std::move(remedy)) {}

}  // namespace lathe
