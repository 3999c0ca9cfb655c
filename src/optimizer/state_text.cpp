// SPDX-License-Identifier: Apache-2.0
#include "optimizer/state_text.hpp"

#include <array>
#include <bit>
#include <charconv>

#include "lathe/core/error.hpp"
#include "lathe/core/hash.hpp"

namespace lathe::detail {
namespace {

constexpr std::size_t checksum_length = 17;  // a blank and sixteen digits

std::string checksum_of(std::string_view text) { return to_hex(hasher().add(text).value()); }

std::string header(std::string_view kind) { return std::string(kind) + " 2"; }

}  // namespace

state_writer::state_writer(std::string_view kind) : text_(header(kind)) {}

state_writer& state_writer::add(std::uint64_t value) {
    std::array<char, 16> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16).ptr;
    text_ += ' ';
    text_.append(digits.data(), end);
    return *this;
}

state_writer& state_writer::add(double value) { return add(std::bit_cast<std::uint64_t>(value)); }

state_writer& state_writer::add_text(std::string_view text) {
    add(std::uint64_t{text.size()});
    text_ += ' ';
    text_ += text;
    return *this;
}

std::string state_writer::finish() {
    text_ += ' ' + checksum_of(text_);
    return std::move(text_);
}

state_reader::state_reader(std::string_view kind, std::string_view text)
    : kind_(kind), rest_(text) {
    const std::string expected = header(kind);
    if (!text.starts_with(expected)) fail("belongs to another kind of optimizer or version");
    if (text.size() < expected.size() + checksum_length) fail("is cut off");
    const std::string_view body = text.substr(0, text.size() - checksum_length);
    if (text.substr(body.size() + 1) != checksum_of(body)) fail("is damaged or cut off");
    rest_ = body.substr(expected.size());
}

void state_reader::fail(std::string_view problem) const {
    throw error(errc::bad_input, std::string(kind_) + " state", "it " + std::string(problem),
                "restore with the optimizer, the space and the arguments that wrote the state");
}

std::uint64_t state_reader::integer() {
    std::uint64_t value = 0;
    if (rest_.empty() || rest_.front() != ' ') fail("holds too few numbers");
    rest_.remove_prefix(1);
    const auto [end, status] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value, 16);
    if (status != std::errc{}) fail("holds something that is not a number");
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return value;
}

std::string_view state_reader::text() {
    const std::uint64_t length = integer();
    if (rest_.empty() || length > rest_.size() - 1) fail("is cut off");
    const std::string_view text = rest_.substr(1, length);
    rest_.remove_prefix(1 + length);
    return text;
}

double state_reader::real() { return std::bit_cast<double>(integer()); }

void state_reader::finish() const {
    if (!rest_.empty()) fail("holds too many numbers");
}

}  // namespace lathe::detail
