// SPDX-License-Identifier: Apache-2.0
#include "lathe/format/csv.hpp"

#include <bit>
#include <chrono>
#include <cmath>
#include <limits>

#include "failure.hpp"
#include "lathe/core/rng.hpp"
#include "support/temporary_folder.hpp"

using namespace lathe;

namespace {

csv_table parse(std::string text) { return parse_csv(std::move(text), "t.csv"); }

}  // namespace

TEST_CASE("a table is written with quotes where they are needed") {
    csv_writer w({"name", "x", "n"});
    w.text("plain").number(0.1).integer(-3).end_row();
    w.text("a,\"b\"\nc").number(1e300).blank().end_row();
    CHECK(w.str() == "name,x,n\nplain,0.1,-3\n\"a,\"\"b\"\"\nc\",1e+300,\n");
}

TEST_CASE("a text that a spreadsheet would run is defused") {
    csv_writer w({"a", "b", "c", "d", "e"});
    w.text("=1+1").text("+1").text("-1").text("@x").text("\t=,1").end_row();
    CHECK(w.str() == "a,b,c,d,e\n'=1+1,'+1,'-1,'@x,\"'\t=,1\"\n");
}

TEST_CASE("the writer refuses NaN, infinity and ragged rows") {
    csv_writer w({"a", "b"});
    w.integer(1);
    CHECK_FAILS(w.number(std::nan("")), errc::numeric, "'b'", "nan");
    CHECK_FAILS(w.number(-std::numeric_limits<double>::infinity()), errc::numeric, "-inf");
    CHECK_FAILS(w.end_row(), errc::internal, "1 cells, the header 2");
}

TEST_CASE("what is written is read back, bit for bit") {
    rng random(3);
    csv_writer w({"text", "real", "whole"});
    std::vector<std::string> texts;
    std::vector<double> reals;
    std::vector<std::int64_t> wholes;
    for (int i = 0; i < 2000; ++i) {
        std::string text = "x";
        for (auto n = random.below(6); n > 0; --n) text += ",\"\n\r a"[random.below(6)];
        const double d =
            std::bit_cast<double>((std::uint64_t{random.bits()} << 32) | random.bits());
        texts.push_back(text);
        reals.push_back(std::isfinite(d) ? d : -0.0);
        wholes.push_back(
            static_cast<std::int64_t>((std::uint64_t{random.bits()} << 32) | random.bits()));
        w.text(text).number(reals.back()).integer(wholes.back()).end_row();
    }
    const csv_table moved = parse(w.str());
    REQUIRE(moved.rows() == 2000);
    const auto back = moved.texts("text");
    CHECK(std::vector<std::string>(back.begin(), back.end()) == texts);
    CHECK(moved.integers("whole") == wholes);
    const auto numbers = moved.numbers("real");
    for (std::size_t i = 0; i < reals.size(); ++i) {
        REQUIRE(std::bit_cast<std::uint64_t>(numbers[i]) == std::bit_cast<std::uint64_t>(reals[i]));
    }
}

TEST_CASE("line ends, last line and quoted header") {
    const auto t = parse("a,\"b,c\"\r\n1,2\r\n3,4");
    CHECK(t.columns() == std::vector<std::string>{"a", "b,c"});
    CHECK(t.integers("b,c") == std::vector<std::int64_t>{2, 4});
    CHECK(parse("a\n").rows() == 0);
    const csv_table copy = t;
    CHECK(copy.texts("a")[1] == "3");
}

TEST_CASE("a wrong cell is named with line and column, counted over quoted line breaks") {
    const auto t = parse("name,x\n\"two\nlines\",1\nb,oops\n");
    CHECK(std::string(failure([&] { (void)t.numbers("x"); }).what()) ==
          "t.csv: line 4, column 'x': 'oops' is not accepted; give a finite number");
    for (const char* cell :
         {"nan", "inf", "-inf", "1e999", "0x10", "1 ", " 1", "+1", "1,", "1.5.2", ""}) {
        if (std::string_view(cell).find(',') != std::string_view::npos) continue;
        INFO(cell);
        CHECK_FAILS(parse("name,x\na," + std::string(cell) + "\n").numbers("x"), errc::bad_input,
                    "line 2, column 'x'");
    }
    CHECK_FAILS(parse("x\n1.5\n").integers("x"), errc::bad_input, "'1.5'", "whole number");
    CHECK_FAILS(parse("x\n9223372036854775808\n").integers("x"), errc::bad_input, "line 2");
    CHECK_FAILS(t.numbers("nam"), errc::bad_input, "no column 'nam'", "did you mean 'name'?");
}

TEST_CASE("a malformed table is refused") {
    CHECK_FAILS(parse(""), errc::bad_input, "line 1", "empty");
    CHECK_FAILS(parse("a,a\n"), errc::bad_input, "'a' appears twice");
    CHECK_FAILS(parse("a,\n"), errc::bad_input, "no name");
    CHECK_FAILS(parse("a,b\n1\n"), errc::bad_input, "line 2", "has 1 cells", "header has 2");
    CHECK_FAILS(parse("a,b\n1,2,3\n"), errc::bad_input, "has 3 cells");
    CHECK_FAILS(parse("a,b\n1,2\n\n"), errc::bad_input, "line 3", "has 1 cells");
    CHECK_FAILS(parse("a\n\"open\n"), errc::bad_input, "does not end");
    CHECK_FAILS(parse("a\n\"x\"y\n"), errc::bad_input, "line 2", "closing quote");
    CHECK_FAILS(parse("a\nx\"y\n"), errc::bad_input, "unquoted cell");
    CHECK_FAILS(parse("a\nx\ry\n"), errc::bad_input, "line 2");
    CHECK_FAILS(parse(std::string("a\nx\0y\n", 6)), errc::bad_input, "UTF-8");
    CHECK_FAILS(parse("a\n\xFF\n"), errc::bad_input, "UTF-8");
    CHECK_FAILS(parse_csv("a\n1\n", "t", 3), errc::bad_input, "at most 3");
}

TEST_CASE("the benchmark table of 15,625 cells loads") {
    const auto path =
        std::filesystem::path(LATHE_SOURCE_DIR) / "../shared/data/nb201/nb201_xeon.csv";
    if (!std::filesystem::exists(path)) {
        WARN("skipped: ../shared/data/nb201 is not there");
        return;
    }
    const auto start = std::chrono::steady_clock::now();
    const csv_table t = read_csv(path);
    const auto accuracy = t.numbers("cifar10_acc");
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    CHECK(t.rows() == 15625);
    CHECK(*std::max_element(accuracy.begin(), accuracy.end()) == Approx(94.3733));
    CHECK(took.count() < 500.0);  // 15 ms on a quiet machine; the bound is for a busy one
}
