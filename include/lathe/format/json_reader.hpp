// SPDX-License-Identifier: Apache-2.0
// Typed access to JSON whose errors name the file and the key path.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lathe/core/error.hpp"
#include "lathe/format/json.hpp"

namespace lathe {

/// A cursor on one value of a document, which must outlive it. Every error is bad_input at
/// "FILE: key.path[index]", for example "spec.json: training.minutes: 'sixty' is text; give a
/// number". A reader of an object remembers the keys that it was asked for; finish() rejects
/// others.
class json_reader {
public:
    /// On the top value of the file `place`.
    json_reader(const json_value& value, std::string place);

    /// T: bool, std::int32_t, std::int64_t, std::uint64_t, double, std::string. A whole number is
    /// accepted where a double is asked for, not the other way round.
    template <class T>
    [[nodiscard]] T as() const;
    /// A number within [low, high].
    template <class T>
    [[nodiscard]] T as(T low, T high) const;
    /// Index of the text within `names`.
    [[nodiscard]] std::size_t as_choice(std::span<const std::string_view> names) const;

    /// The member `key`; throws if there is none.
    [[nodiscard]] json_reader at(std::string_view key);
    [[nodiscard]] std::optional<json_reader> find(std::string_view key);
    template <class T>
    [[nodiscard]] T get(std::string_view key) {
        return at(key).as<T>();
    }
    template <class T>
    [[nodiscard]] T get_or(std::string_view key, T otherwise) {
        const auto member = find(key);
        return member ? member->as<T>() : std::move(otherwise);
    }

    /// All members of an object whose keys are free (a table of names); they count as known.
    [[nodiscard]] std::vector<std::pair<std::string, json_reader>> members();
    /// All elements of an array.
    [[nodiscard]] std::vector<json_reader> elements() const;
    /// Every element as T.
    template <class T>
    [[nodiscard]] std::vector<T> as_list() const {
        std::vector<T> list;
        for (const auto& e : elements()) list.push_back(e.as<T>());
        return list;
    }

    /// Throws for the first key that nobody asked for, with the nearest known one.
    void finish() const;

    /// An error at this place, for checks of the caller's own.
    [[nodiscard]] error fail(std::string problem, std::string remedy = {}) const;
    /// "FILE: key.path".
    [[nodiscard]] std::string place() const;
    [[nodiscard]] const json_value& value() const noexcept { return *value_; }

private:
    json_reader(const json_value& value, std::string file, std::string path);
    [[nodiscard]] const json_object& object() const;
    [[nodiscard]] json_reader child(std::string_view key, const json_value& value) const;

    const json_value* value_;
    std::string file_;
    std::string path_;
    std::vector<std::string> known_;
};

template <>
bool json_reader::as<bool>() const;
template <>
std::int32_t json_reader::as<std::int32_t>() const;
template <>
std::int64_t json_reader::as<std::int64_t>() const;
template <>
std::uint64_t json_reader::as<std::uint64_t>() const;
template <>
double json_reader::as<double>() const;
template <>
std::string json_reader::as<std::string>() const;
extern template std::int32_t json_reader::as(std::int32_t, std::int32_t) const;
extern template std::int64_t json_reader::as(std::int64_t, std::int64_t) const;
extern template double json_reader::as(double, double) const;

}  // namespace lathe
