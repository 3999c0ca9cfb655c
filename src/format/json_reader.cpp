// SPDX-License-Identifier: Apache-2.0
#include "lathe/format/json_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "lathe/core/text.hpp"

namespace lathe {
namespace {

/// The value as it is shown in an error: "'sixty' is text", "3.5 is a real number".
std::string describe(const json_value& value) {
    constexpr std::size_t longest = 60;
    if (const auto* const text = value.get_if<std::string>()) {
        return text->size() <= longest ? fmt::format("'{}' is text", *text)
                                       : "a long text is there";
    }
    if (value.get_if<double>() != nullptr) return to_json(value) + " is a real number";
    if (value.get_if<std::int64_t>() != nullptr) return to_json(value) + " is a whole number";
    if (value.get_if<bool>() != nullptr) return to_json(value) + " is a truth value";
    if (value.get_if<json_array>() != nullptr) return "a list is there";
    if (value.get_if<json_object>() != nullptr) return "an object is there";
    return "null is there";
}

std::string suggestion(std::string_view name, std::span<const std::string_view> known,
                       std::string_view what) {
    const std::string_view near = nearest_name(name, known);
    if (!near.empty()) return fmt::format("did you mean '{}'?", near);
    return known.empty() ? fmt::format("there are no {} here", what)
                         : fmt::format("the {} here are: {}", what, fmt::join(known, ", "));
}

template <class T>
T whole(const json_reader& reader) {
    const auto* const v = reader.value().get_if<std::int64_t>();
    if (v == nullptr) throw reader.fail(describe(reader.value()), "give a whole number");
    if (!std::in_range<T>(*v)) {
        throw reader.fail(
            fmt::format("{} is out of range", *v),
            fmt::format("give a whole number of at least {}{}", std::numeric_limits<T>::min(),
                        sizeof(T) < 8
                            ? fmt::format(" and at most {}", std::numeric_limits<T>::max())
                            : std::string()));
    }
    return static_cast<T>(*v);
}

}  // namespace

json_reader::json_reader(const json_value& value, std::string place)
    : value_(&value), file_(std::move(place)) {}

json_reader::json_reader(const json_value& value, std::string file, std::string path)
    : value_(&value), file_(std::move(file)), path_(std::move(path)) {}

template <>
bool json_reader::as<bool>() const {
    const auto* const v = value_->get_if<bool>();
    if (v == nullptr) throw fail(describe(*value_), "give true or false");
    return *v;
}

template <>
std::int32_t json_reader::as<std::int32_t>() const {
    return whole<std::int32_t>(*this);
}

template <>
std::int64_t json_reader::as<std::int64_t>() const {
    return whole<std::int64_t>(*this);
}

template <>
std::uint64_t json_reader::as<std::uint64_t>() const {
    return whole<std::uint64_t>(*this);
}

template <>
double json_reader::as<double>() const {
    if (const auto* const i = value_->get_if<std::int64_t>()) return static_cast<double>(*i);
    const auto* const v = value_->get_if<double>();
    if (v == nullptr) throw fail(describe(*value_), "give a number");
    return *v;
}

template <>
std::string json_reader::as<std::string>() const {
    const auto* const v = value_->get_if<std::string>();
    if (v == nullptr) throw fail(describe(*value_), "give a text in quotes");
    return *v;
}

template <class T>
T json_reader::as(T low, T high) const {
    const T v = as<T>();
    if (!(v >= low && v <= high)) {
        throw fail(fmt::format("{} is out of range", v),
                   fmt::format("give a number from {} to {}", low, high));
    }
    return v;
}

template std::int32_t json_reader::as(std::int32_t, std::int32_t) const;
template std::int64_t json_reader::as(std::int64_t, std::int64_t) const;
template double json_reader::as(double, double) const;

std::size_t json_reader::as_choice(std::span<const std::string_view> names) const {
    const auto text = as<std::string>();
    const auto at = std::ranges::find(names, text);
    if (at == names.end()) {
        throw fail(fmt::format("'{}' is not known", text), suggestion(text, names, "choices"));
    }
    return static_cast<std::size_t>(at - names.begin());
}

const json_object& json_reader::object() const {
    const auto* const object = value_->get_if<json_object>();
    if (object == nullptr) throw fail(describe(*value_), "give an object in braces");
    return *object;
}

json_reader json_reader::child(std::string_view key, const json_value& value) const {
    return {value, file_, path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key)};
}

std::optional<json_reader> json_reader::find(std::string_view key) {
    const json_value* const member = object().find(key);
    known_.emplace_back(key);
    if (member == nullptr) return std::nullopt;
    return child(key, *member);
}

json_reader json_reader::at(std::string_view key) {
    if (auto member = find(key)) return std::move(*member);
    std::vector<std::string_view> unread;
    for (const auto& [name, value] : object().members()) {
        if (std::ranges::find(known_, name) == known_.end()) unread.push_back(name);
    }
    const std::string_view near = nearest_name(key, unread);
    throw fail(fmt::format("key '{}' is missing", key),
               near.empty() ? "add it" : fmt::format("is '{}' a misspelling of it?", near));
}

std::vector<std::pair<std::string, json_reader>> json_reader::members() {
    std::vector<std::pair<std::string, json_reader>> list;
    for (const auto& [key, value] : object().members()) {
        known_.push_back(key);
        list.emplace_back(key, child(key, value));
    }
    return list;
}

std::vector<json_reader> json_reader::elements() const {
    const auto* const array = value_->get_if<json_array>();
    if (array == nullptr) throw fail(describe(*value_), "give a list in square brackets");
    std::vector<json_reader> list;
    list.reserve(array->size());
    for (std::size_t i = 0; i < array->size(); ++i) {
        list.push_back(json_reader((*array)[i], file_, fmt::format("{}[{}]", path_, i)));
    }
    return list;
}

void json_reader::finish() const {
    for (const auto& [key, value] : object().members()) {
        if (std::ranges::find(known_, key) != known_.end()) continue;
        const std::vector<std::string_view> known(known_.begin(), known_.end());
        throw fail(fmt::format("key '{}' is not known", key), suggestion(key, known, "keys"));
    }
}

error json_reader::fail(std::string problem, std::string remedy) const {
    return {errc::bad_input, place(), std::move(problem), std::move(remedy)};
}

std::string json_reader::place() const {
    return path_.empty() ? file_ : fmt::format("{}: {}", file_, path_);
}

}  // namespace lathe
