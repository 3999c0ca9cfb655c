// SPDX-License-Identifier: Apache-2.0
// Optimizer states as text: a header line, numbers in hexadecimal, a checksum.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lathe::detail {

/// "KIND 2" first, 2 for the version; text, so that a state can stand in JSON, in a log line or in a database as it is.
class state_writer {
public:
    explicit state_writer(std::string_view kind);
    state_writer& add(std::uint64_t value);
    state_writer& add(double value);  // its bits
    state_writer& add(bool value) { return add(std::uint64_t{value}); }
    state_writer& add_text(std::string_view text);  // its length, then the text as it is
    template <class T>
    state_writer& add_all(const std::vector<T>& values) {
        add(std::uint64_t{values.size()});
        for (const T& v : values) {
            if constexpr (std::is_same_v<T, double>) {
                add(v);
            } else {
                add(static_cast<std::uint64_t>(v));
            }
        }
        return *this;
    }
    /// The state with its checksum.
    [[nodiscard]] std::string finish();

private:
    std::string text_;
};

/// Throws bad_input, naming `kind`, for anything state_writer did not write.
class state_reader {
public:
    state_reader(std::string_view kind, std::string_view text);
    [[nodiscard]] std::uint64_t integer();
    [[nodiscard]] double real();
    [[nodiscard]] bool flag() { return integer() != 0; }
    /// Fails with `problem` unless this is the next number.
    void expect(std::uint64_t value, std::string_view problem) {
        if (integer() != value) fail(problem);
    }
    [[nodiscard]] std::string_view text();
    template <class T>
    void read_all(std::vector<T>& values) {
        const std::uint64_t n = integer();
        if (n > rest_.size()) fail("is cut off");
        values.clear();
        values.reserve(n);
        for (std::uint64_t i = 0; i < n; ++i) {
            if constexpr (std::is_same_v<T, double>) {
                values.push_back(real());
            } else {
                values.push_back(static_cast<T>(integer()));
            }
        }
    }
    /// Nothing may be left.
    void finish() const;
    [[noreturn]] void fail(std::string_view problem) const;

private:
    std::string_view kind_;
    std::string_view rest_;
};

}  // namespace lathe::detail
