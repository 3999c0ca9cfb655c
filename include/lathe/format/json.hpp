// SPDX-License-Identifier: Apache-2.0
// JSON as a value: strict parser, writer that never loses a bit. Typed access: json_reader.hpp.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace lathe {

class json_value;
struct json_member;
using json_array = std::vector<json_value>;

/// Members in the order in which they were added. Look-up is linear.
class json_object {
public:
    // Defined where json_member is complete.
    json_object() noexcept;
    json_object(std::initializer_list<json_member> members);
    json_object(const json_object&);
    json_object(json_object&&) noexcept;
    json_object& operator=(const json_object&);
    json_object& operator=(json_object&&) noexcept;
    ~json_object();

    /// The value of `key`, or nullptr.
    [[nodiscard]] const json_value* find(std::string_view key) const noexcept;
    /// The value of `key`, added as null if there is none.
    json_value& operator[](std::string_view key);
    /// Adds without looking for `key` first. Precondition: it is new.
    json_value& append(std::string key, json_value value);

    [[nodiscard]] const std::vector<json_member>& members() const noexcept { return members_; }
    [[nodiscard]] std::size_t size() const noexcept;

    friend bool operator==(const json_object& a, const json_object& b);

private:
    std::vector<json_member> members_;
};

/// null, boolean, integer (64 bits), real, text (UTF-8), array or object. 3 and 3.0 are different
/// values, and stay different through writing and parsing.
class json_value {
public:
    json_value() = default;
    json_value(std::nullptr_t) {}
    template <class T>
        requires std::same_as<T, bool>
    json_value(T v) : data_(v) {}
    /// Throws bad_input for an unsigned number beyond 63 bits.
    template <std::integral T>
        requires(!std::same_as<T, bool>)
    json_value(T v)
        : data_(std::in_range<std::int64_t>(v) ? static_cast<std::int64_t>(v) : too_big()) {}
    template <std::floating_point T>
    json_value(T v) : data_(static_cast<double>(v)) {}
    json_value(const char* v) : data_(std::string(v)) {}
    json_value(std::string_view v) : data_(std::string(v)) {}
    json_value(std::string v) : data_(std::move(v)) {}
    json_value(json_array v) : data_(std::move(v)) {}
    json_value(json_object v) : data_(std::move(v)) {}

    /// The content if it is of type T (bool, std::int64_t, double, std::string, json_array or
    /// json_object), else nullptr.
    template <class T>
    [[nodiscard]] const T* get_if() const noexcept {
        return std::get_if<T>(&data_);
    }
    template <class T>
    [[nodiscard]] T* get_if() noexcept {
        return std::get_if<T>(&data_);
    }
    [[nodiscard]] bool is_null() const noexcept { return data_.index() == 0; }

    friend bool operator==(const json_value& a, const json_value& b);

private:
    [[noreturn]] static std::int64_t too_big();

    std::variant<std::monostate, bool, std::int64_t, double, std::string, json_array, json_object>
        data_;
};

struct json_member {
    std::string key;
    json_value value;

    friend bool operator==(const json_member&, const json_member&) = default;
};

/// Deepest nesting that is parsed or written.
inline constexpr std::size_t json_max_depth = 64;
/// Largest text that is parsed unless the caller says otherwise.
inline constexpr std::size_t json_max_bytes = std::size_t{16} << 20;

/// Parses exactly one JSON value. Errors, all bad_input: syntax, with line and column; duplicate
/// key; number that is no finite double or no 64-bit integer; nesting beyond json_max_depth;
/// invalid UTF-8; more than `max_bytes`. `place` is the name of the file in these errors.
[[nodiscard]] json_value parse_json(std::string_view text, std::string_view place,
                                    std::size_t max_bytes = json_max_bytes);

/// Reads and parses a file. Throws io when it cannot be read, else as parse_json.
[[nodiscard]] json_value read_json(const std::filesystem::path& path,
                                   std::size_t max_bytes = json_max_bytes);

enum class json_style : std::uint8_t {
    compact,  ///< one line, no spaces
    pretty    ///< two spaces a level; an array of scalars stays on one line
};

/// Shortest text that parses back to the same value. Throws numeric, naming the key path, for NaN
/// and infinity, and bad_input for invalid UTF-8 or nesting beyond json_max_depth.
[[nodiscard]] std::string to_json(const json_value& value, json_style style = json_style::compact);

}  // namespace lathe
