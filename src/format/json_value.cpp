// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "lathe/core/error.hpp"
#include "lathe/format/json.hpp"

namespace lathe {

json_object::json_object() noexcept = default;
json_object::json_object(const json_object&) = default;
json_object::json_object(json_object&&) noexcept = default;
json_object& json_object::operator=(const json_object&) = default;
json_object& json_object::operator=(json_object&&) noexcept = default;
json_object::~json_object() = default;

json_object::json_object(std::initializer_list<json_member> members) : members_(members) {}

const json_value* json_object::find(std::string_view key) const noexcept {
    const auto at = std::ranges::find(members_, key, &json_member::key);
    return at == members_.end() ? nullptr : &at->value;
}

json_value& json_object::operator[](std::string_view key) {
    const auto at = std::ranges::find(members_, key, &json_member::key);
    return at == members_.end() ? append(std::string(key), {}) : at->value;
}

json_value& json_object::append(std::string key, json_value value) {
    return members_.emplace_back(json_member{std::move(key), std::move(value)}).value;
}

std::size_t json_object::size() const noexcept { return members_.size(); }

bool operator==(const json_object& a, const json_object& b) { return a.members_ == b.members_; }

bool operator==(const json_value& a, const json_value& b) { return a.data_ == b.data_; }

std::int64_t json_value::too_big() {
    throw error(errc::bad_input, "json_value", "an unsigned number needs more than 63 bits",
                "store it as text");
}

}  // namespace lathe
