// SPDX-License-Identifier: Apache-2.0
// The version that files written by the library name as their producer.
#pragma once

#include <string_view>

namespace lathe {

inline constexpr std::string_view version = "0.1.0";

}  // namespace lathe
