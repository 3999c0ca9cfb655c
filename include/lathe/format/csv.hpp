// SPDX-License-Identifier: Apache-2.0
// Tables as comma-separated values (RFC 4180) with one header line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace lathe {

/// Builds a table cell by cell, row by row; write the text with write_file_atomic.
class csv_writer {
public:
    /// Precondition: names are unique and not empty.
    explicit csv_writer(std::vector<std::string> columns);

    /// Text; quoted where needed. A text that a spreadsheet would run as a formula (it starts with
    /// = + - @ or a tab) gets an apostrophe in front.
    csv_writer& text(std::string_view value);
    /// Shortest digits that read back to the same bits. Throws numeric for NaN and infinity.
    csv_writer& number(double value);
    csv_writer& integer(std::int64_t value);
    /// A cell without a value.
    csv_writer& blank();
    /// Throws internal when the row has not one cell per column.
    void end_row();

    /// Header and all finished rows, each line ended by '\n'.
    [[nodiscard]] const std::string& str() const noexcept { return out_; }

private:
    void next_cell();

    std::vector<std::string> columns_;
    std::string out_;
    std::size_t cells_ = 0;
};

/// A parsed table. Errors of every reader are bad_input and name file, line and column.
class csv_table {
public:
    /// The place that parse_csv was given.
    [[nodiscard]] const std::string& file() const noexcept { return file_; }
    [[nodiscard]] std::size_t rows() const noexcept { return lines_.size(); }
    [[nodiscard]] const std::vector<std::string>& columns() const noexcept { return columns_; }

    /// Column `name` as text; the views live as long as the table.
    [[nodiscard]] std::vector<std::string_view> texts(std::string_view name) const;
    /// Column `name`, every cell a finite number.
    [[nodiscard]] std::vector<double> numbers(std::string_view name) const;
    [[nodiscard]] std::vector<std::int64_t> integers(std::string_view name) const;
    /// "FILE: line 7, column 'acc'", for checks of the caller's own.
    [[nodiscard]] std::string place(std::size_t row, std::string_view name) const;

private:
    friend csv_table parse_csv(std::string, std::string, std::uint64_t);
    /// A range of text_. Not a view: those would dangle when a short text_ is moved.
    struct cell {
        std::size_t begin;
        std::size_t size;
    };
    [[nodiscard]] std::size_t column(std::string_view name) const;
    [[nodiscard]] std::string_view at(std::size_t row, std::size_t column) const noexcept;

    std::string file_;
    std::string text_;
    std::vector<std::string> columns_;
    std::vector<cell> cells_;         // row by row
    std::vector<std::size_t> lines_;  // where each row starts
};

inline constexpr std::uint64_t csv_max_bytes = std::uint64_t{256} << 20;

/// Strict: one header of unique names, the same number of cells in every row, quotes only around a
/// whole cell, UTF-8, lines ended by \n or \r\n. O(bytes).
[[nodiscard]] csv_table parse_csv(std::string text, std::string place,
                                  std::uint64_t max_bytes = csv_max_bytes);
[[nodiscard]] csv_table read_csv(const std::filesystem::path& path,
                                 std::uint64_t max_bytes = csv_max_bytes);

}  // namespace lathe
