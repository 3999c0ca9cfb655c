// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "lathe/core/error.hpp"
#include "lathe/format/file.hpp"
#include "lathe/format/json.hpp"

namespace lathe {
namespace {

/// Builds a value from nlohmann's events. Its parser is iterative, so the depth is ours to check.
class builder final : public nlohmann::json_sax<nlohmann::json> {
public:
    builder(std::string_view text, std::string_view place) : text_(text), place_(place) {}

    [[nodiscard]] json_value take() { return std::move(root_); }

    bool null() override { return add({}); }
    bool boolean(bool v) override { return add(v); }
    bool number_integer(number_integer_t v) override { return add(v); }
    bool number_unsigned(number_unsigned_t v) override {
        if (!std::in_range<std::int64_t>(v)) throw too_big(std::to_string(v));
        return add(v);
    }
    bool number_float(number_float_t rounded, const string_t& literal) override {
        // The lexer falls back to a double, which loses digits, for integers of many digits.
        if (literal.find_first_not_of("-0123456789") == std::string::npos) throw too_big(literal);
        // Its double, and the decimal point in its literal, follow the locale and the rounding of
        // the process. What is too small for from_chars keeps its value: about 0.
        std::string text = literal;
        const auto point = text.find_first_not_of("-+0123456789eE");
        if (point != std::string::npos) text[point] = '.';
        double value = rounded;
        std::from_chars(text.data(), text.data() + text.size(), value);
        return add(value);
    }
    bool string(string_t& v) override { return add(std::move(v)); }
    bool binary(binary_t&) override { return false; }

    bool start_object(std::size_t) override { return open(json_object()); }
    bool key(string_t& name) override {
        frames_.back().key = std::move(name);
        return true;
    }
    bool end_object() override {
        reject_duplicates(*frames_.back().value.get_if<json_object>());
        return close();
    }
    bool start_array(std::size_t) override { return open(json_array()); }
    bool end_array() override { return close(); }

    bool parse_error(std::size_t position, const std::string&,
                     const nlohmann::detail::exception& e) override {
        std::string problem = e.what();
        // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error ..."
        for (const std::string_view prefix : {"] ", "column "}) {
            const auto at = problem.find(prefix);
            if (at != std::string::npos) problem.erase(0, at + prefix.size());
        }
        const auto colon = problem.find(": ");
        if (colon != std::string::npos && problem.find_first_not_of("0123456789") == colon) {
            problem.erase(0, colon + 2);
        }
        const std::string_view before = text_.substr(0, position > 0 ? position - 1 : 0);
        const auto line = std::ranges::count(before, '\n') + 1;
        const auto column = before.size() - (before.rfind('\n') + 1) + 1;
        throw error(errc::bad_input, fmt::format("{}: line {}, column {}", place_, line, column),
                    std::move(problem));
    }

private:
    /// A container that is still open, and the key at which the next member goes into it.
    struct frame {
        json_value value;
        std::string key;
    };

    bool add(json_value value) {
        if (frames_.empty()) {
            root_ = std::move(value);
            return true;
        }
        frame& top = frames_.back();
        if (auto* const object = top.value.get_if<json_object>()) {
            object->append(std::move(top.key), std::move(value));
        } else {
            top.value.get_if<json_array>()->push_back(std::move(value));
        }
        return true;
    }

    bool open(json_value container) {
        if (frames_.size() >= json_max_depth) {
            throw error(errc::bad_input, here(), "nested too deeply",
                        fmt::format("at most {} levels are accepted", json_max_depth));
        }
        frames_.push_back({std::move(container), {}});
        return true;
    }

    bool close() {
        json_value value = std::move(frames_.back().value);
        frames_.pop_back();
        return add(std::move(value));
    }

    void reject_duplicates(const json_object& object) const {
        std::vector<std::string_view> keys;
        keys.reserve(object.size());
        for (const auto& member : object.members()) keys.push_back(member.key);
        std::ranges::sort(keys);
        const auto twice = std::ranges::adjacent_find(keys);
        if (twice == keys.end()) return;
        throw error(errc::bad_input, path_of(frames_.size() - 1),
                    fmt::format("key '{}' appears twice", *twice), "keep one of them");
    }

    /// "FILE: a.b[2]", the place of the container at this depth.
    [[nodiscard]] std::string path_of(std::size_t depth) const {
        std::string path;
        for (std::size_t i = 0; i < depth; ++i) {
            if (const auto* const array = frames_[i].value.get_if<json_array>()) {
                path += fmt::format("[{}]", array->size());
            } else {
                if (!path.empty()) path += '.';
                path += frames_[i].key;
            }
        }
        return path.empty() ? std::string(place_) : fmt::format("{}: {}", place_, path);
    }
    [[nodiscard]] std::string here() const { return path_of(frames_.size()); }

    [[nodiscard]] error too_big(const std::string& literal) const {
        return {errc::bad_input, here(), fmt::format("{} is beyond 64-bit integers", literal),
                "write it with a decimal point or an exponent if a real number is meant"};
    }

    std::string_view text_;
    std::string_view place_;
    json_value root_;
    std::vector<frame> frames_;
};

}  // namespace

json_value parse_json(std::string_view text, std::string_view place, std::size_t max_bytes) {
    if (text.size() > max_bytes) {
        throw error(errc::bad_input, std::string(place), fmt::format("has {} bytes", text.size()),
                    fmt::format("at most {} are accepted here", max_bytes));
    }
    builder events(text, place);
    if (!nlohmann::json::sax_parse(text.begin(), text.end(), &events)) {
        throw error(errc::internal, std::string(place), "the JSON parser stopped");
    }
    return events.take();
}

json_value read_json(const std::filesystem::path& path, std::size_t max_bytes) {
    return parse_json(read_file(path, max_bytes), path.string(), max_bytes);
}

}  // namespace lathe
