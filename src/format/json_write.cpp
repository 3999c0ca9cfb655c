// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "format/utf8.hpp"
#include "lathe/core/error.hpp"
#include "lathe/format/json.hpp"

namespace lathe {
namespace {

/// Where in the document the writer is: a list on the call stack, turned into text only for errors.
struct location {
    const location* parent = nullptr;
    std::string_view key;
    std::size_t index = 0;
};

std::string path_of(const location* here) {
    if (here == nullptr || here->parent == nullptr) return "JSON";
    const std::string parent = path_of(here->parent);
    return here->key.data() == nullptr ? fmt::format("{}[{}]", parent, here->index)
                                       : fmt::format("{}.{}", parent, here->key);
}

class writer {
public:
    explicit writer(json_style style) : pretty_(style == json_style::pretty) {}

    void write(const json_value& value, const location& here, std::size_t depth) {
        if (const auto* const b = value.get_if<bool>()) {
            out_ += *b ? "true" : "false";
        } else if (const auto* const i = value.get_if<std::int64_t>()) {
            out_ += fmt::format_int(*i).c_str();
        } else if (const auto* const d = value.get_if<double>()) {
            write_real(*d, here);
        } else if (const auto* const s = value.get_if<std::string>()) {
            write_text(*s, here);
        } else if (const auto* const a = value.get_if<json_array>()) {
            write_array(*a, here, depth);
        } else if (const auto* const o = value.get_if<json_object>()) {
            write_object(*o, here, depth);
        } else {
            out_ += "null";
        }
    }

    [[nodiscard]] std::string take() { return std::move(out_); }

private:
    void write_real(double v, const location& here) {
        if (!std::isfinite(v)) {
            throw error(errc::numeric, path_of(&here), fmt::format("{} is not a finite number", v),
                        "write null or a text that says why there is no number");
        }
        char buffer[32];
        const auto end = std::to_chars(buffer, buffer + sizeof buffer, v).ptr;
        const std::string_view digits(buffer, static_cast<std::size_t>(end - buffer));
        out_ += digits;
        if (digits.find_first_of(".e") == std::string_view::npos) out_ += ".0";
    }

    void write_text(std::string_view text, const location& here) {
        if (!detail::valid_utf8(text)) {
            throw error(errc::bad_input, path_of(&here), "the text is not UTF-8");
        }
        out_ += '"';
        for (const char c : text) {
            switch (c) {
                case '"': out_ += "\\\""; break;
                case '\\': out_ += "\\\\"; break;
                case '\n': out_ += "\\n"; break;
                case '\t': out_ += "\\t"; break;
                default:
                    if (static_cast<unsigned char>(c) < 0x20) {
                        out_ += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
                    } else {
                        out_ += c;
                    }
            }
        }
        out_ += '"';
    }

    void write_array(const json_array& array, const location& here, std::size_t depth) {
        const bool lines = pretty_ && !std::ranges::all_of(array, is_scalar);
        open('[', here, depth);
        for (std::size_t i = 0; i < array.size(); ++i) {
            if (i > 0) out_ += pretty_ && !lines ? ", " : ",";
            if (lines) new_line(depth + 1);
            write(array[i], {&here, {}, i}, depth + 1);
        }
        if (lines) new_line(depth);
        out_ += ']';
    }

    void write_object(const json_object& object, const location& here, std::size_t depth) {
        open('{', here, depth);
        bool first = true;
        for (const auto& [key, value] : object.members()) {
            if (!first) out_ += ',';
            first = false;
            if (pretty_) new_line(depth + 1);
            const location member{&here, key, 0};
            write_text(key, member);
            out_ += pretty_ ? ": " : ":";
            write(value, member, depth + 1);
        }
        if (pretty_ && !first) new_line(depth);
        out_ += '}';
    }

    void open(char bracket, const location& here, std::size_t depth) {
        if (depth >= json_max_depth) {
            throw error(errc::bad_input, path_of(&here), "nested too deeply",
                        fmt::format("at most {} levels can be written", json_max_depth));
        }
        out_ += bracket;
    }

    void new_line(std::size_t depth) {
        out_ += '\n';
        out_.append(2 * depth, ' ');
    }

    static bool is_scalar(const json_value& v) {
        return v.get_if<json_array>() == nullptr && v.get_if<json_object>() == nullptr;
    }

    bool pretty_;
    std::string out_;
};

}  // namespace

std::string to_json(const json_value& value, json_style style) {
    writer w(style);
    w.write(value, {}, 0);
    std::string text = w.take();
    if (style == json_style::pretty) text += '\n';
    return text;
}

}  // namespace lathe
