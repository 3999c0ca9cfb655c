// SPDX-License-Identifier: Apache-2.0
#include "lathe/format/csv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "format/utf8.hpp"
#include "lathe/core/error.hpp"
#include "lathe/core/text.hpp"
#include "lathe/format/file.hpp"

namespace lathe {
namespace {

void append_quoted(std::string& out, std::string_view value) {
    if (value.find_first_of(",\"\r\n") == std::string_view::npos) {
        out += value;
        return;
    }
    out += '"';
    for (const char c : value) {
        if (c == '"') out += '"';
        out += c;
    }
    out += '"';
}

/// Walks over the text once. Quoted cells are unescaped in place, which only makes them shorter.
class csv_parser {
public:
    csv_parser(std::string& text, const std::string& place) : text_(text), place_(place) {}

    [[nodiscard]] bool at_end() const noexcept { return position_ == text_.size(); }
    [[nodiscard]] std::size_t line() const noexcept { return line_; }

    /// Appends the cells of one row as (begin, size).
    template <class Cell>
    void row(std::vector<Cell>& cells) {
        do {
            const auto [begin, size] = peek() == '"' ? quoted() : plain();
            cells.push_back({begin, size});
        } while (accept(','));
        accept('\r');
        if (!at_end() && !accept('\n')) {
            fail("text follows a closing quote or a carriage return", "quote the whole cell");
        }
        ++line_;
    }

    [[noreturn]] void fail(std::string problem, std::string remedy) const {
        throw error(errc::bad_input, fmt::format("{}: line {}", place_, line_), std::move(problem),
                    std::move(remedy));
    }

private:
    [[nodiscard]] char peek() const noexcept { return at_end() ? '\0' : text_[position_]; }

    bool accept(char c) noexcept {
        if (at_end() || text_[position_] != c) return false;
        ++position_;
        return true;
    }

    std::pair<std::size_t, std::size_t> plain() {
        const std::size_t begin = position_;
        while (!at_end()) {
            const char c = text_[position_];
            if (c == ',' || c == '\n' || c == '\r') break;
            if (c == '"') fail("a quote stands inside an unquoted cell", "quote the whole cell");
            ++position_;
        }
        return {begin, position_ - begin};
    }

    std::pair<std::size_t, std::size_t> quoted() {
        const std::size_t begin = ++position_;
        std::size_t end = begin;
        for (;;) {
            if (at_end()) fail("a quoted cell does not end", "add the closing quote");
            const char c = text_[position_++];
            if (c == '"' && !accept('"')) return {begin, end - begin};
            if (c == '\n') ++line_;
            text_[end++] = c;
        }
    }

    std::string& text_;
    const std::string& place_;
    std::size_t position_ = 0;
    std::size_t line_ = 1;
};

template <class T>
T parse_cell(const csv_table& table, std::size_t row, std::string_view column,
             std::string_view cell, const char* remedy) {
    T value{};
    const char* const end = cell.data() + cell.size();
    const auto [stop, status] = std::from_chars(cell.data(), end, value);
    bool good = status == std::errc{} && stop == end;
    if constexpr (std::is_floating_point_v<T>) good = good && std::isfinite(value);
    if (!good) {
        throw error(errc::bad_input, table.place(row, column),
                    cell.empty() ? "the cell is empty" : fmt::format("'{}' is not accepted", cell),
                    remedy);
    }
    return value;
}

}  // namespace

csv_writer::csv_writer(std::vector<std::string> columns) : columns_(std::move(columns)) {
    for (const auto& name : columns_) text(name);
    end_row();
}

void csv_writer::next_cell() {
    if (cells_++ > 0) out_ += ',';
}

csv_writer& csv_writer::text(std::string_view value) {
    next_cell();
    constexpr std::string_view formula_starts = "=+-@\t\r";
    if (!value.empty() && formula_starts.find(value.front()) != std::string_view::npos) {
        append_quoted(out_, '\'' + std::string(value));
    } else {
        append_quoted(out_, value);
    }
    return *this;
}

csv_writer& csv_writer::number(double value) {
    if (!std::isfinite(value)) {
        throw error(errc::numeric,
                    "CSV column '" + columns_[std::min(cells_, columns_.size() - 1)] + "'",
                    fmt::format("{} is not a finite number", value), "leave the cell empty");
    }
    next_cell();
    char buffer[32];
    out_.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
    return *this;
}

csv_writer& csv_writer::integer(std::int64_t value) {
    next_cell();
    out_ += fmt::format_int(value).c_str();
    return *this;
}

csv_writer& csv_writer::blank() {
    next_cell();
    return *this;
}

void csv_writer::end_row() {
    if (cells_ != columns_.size()) {
        throw error(errc::internal, "csv_writer",
                    fmt::format("a row has {} cells, the header {}", cells_, columns_.size()));
    }
    out_ += '\n';
    cells_ = 0;
}

csv_table parse_csv(std::string text, std::string place, std::uint64_t max_bytes) {
    if (text.size() > max_bytes) {
        throw error(errc::bad_input, place, fmt::format("has {} bytes", text.size()),
                    fmt::format("at most {} are accepted here", max_bytes));
    }
    if (!detail::valid_utf8(text) || text.find('\0') != std::string::npos) {
        throw error(errc::bad_input, place, "is not UTF-8 text");
    }
    csv_table table;
    table.file_ = std::move(place);
    table.text_ = std::move(text);
    csv_parser parser(table.text_, table.file_);
    if (parser.at_end()) parser.fail("the file is empty", "start it with a line of column names");

    std::vector<csv_table::cell> header;
    parser.row(header);
    for (const auto& [begin, size] : header) {
        auto name = table.text_.substr(begin, size);
        if (name.empty() || std::ranges::find(table.columns_, name) != table.columns_.end()) {
            throw error(errc::bad_input, table.file_ + ": line 1",
                        name.empty() ? "a column has no name"
                                     : fmt::format("column '{}' appears twice", name));
        }
        table.columns_.push_back(std::move(name));
    }
    while (!parser.at_end()) {
        const std::size_t before = table.cells_.size();
        table.lines_.push_back(parser.line());
        parser.row(table.cells_);
        const std::size_t cells = table.cells_.size() - before;
        if (cells != table.columns_.size()) {
            throw error(errc::bad_input,
                        fmt::format("{}: line {}", table.file_, table.lines_.back()),
                        fmt::format("has {} cells", cells),
                        fmt::format("the header has {}", table.columns_.size()));
        }
    }
    return table;
}

csv_table read_csv(const std::filesystem::path& path, std::uint64_t max_bytes) {
    return parse_csv(read_file(path, max_bytes), path.string(), max_bytes);
}

std::size_t csv_table::column(std::string_view name) const {
    const auto at = std::ranges::find(columns_, name);
    if (at == columns_.end()) {
        const std::vector<std::string_view> known(columns_.begin(), columns_.end());
        const std::string_view near = nearest_name(name, known);
        throw error(errc::bad_input, file_, fmt::format("has no column '{}'", name),
                    near.empty() ? fmt::format("it has: {}", fmt::join(known, ", "))
                                 : fmt::format("did you mean '{}'?", near));
    }
    return static_cast<std::size_t>(at - columns_.begin());
}

std::string_view csv_table::at(std::size_t row, std::size_t column) const noexcept {
    const cell& c = cells_[row * columns_.size() + column];
    return {text_.data() + c.begin, c.size};
}

std::string csv_table::place(std::size_t row, std::string_view name) const {
    return fmt::format("{}: line {}, column '{}'", file_, lines_[row], name);
}

std::vector<std::string_view> csv_table::texts(std::string_view name) const {
    const std::size_t c = column(name);
    std::vector<std::string_view> values(rows());
    for (std::size_t r = 0; r < rows(); ++r) values[r] = at(r, c);
    return values;
}

std::vector<double> csv_table::numbers(std::string_view name) const {
    const std::size_t c = column(name);
    std::vector<double> values(rows());
    for (std::size_t r = 0; r < rows(); ++r) {
        values[r] = parse_cell<double>(*this, r, name, at(r, c), "give a finite number");
    }
    return values;
}

std::vector<std::int64_t> csv_table::integers(std::string_view name) const {
    const std::size_t c = column(name);
    std::vector<std::int64_t> values(rows());
    for (std::size_t r = 0; r < rows(); ++r) {
        values[r] = parse_cell<std::int64_t>(*this, r, name, at(r, c), "give a whole number");
    }
    return values;
}

}  // namespace lathe
