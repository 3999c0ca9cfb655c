// SPDX-License-Identifier: Apache-2.0
#include "lathe/format/json.hpp"

#include <fmt/format.h>

#include <bit>
#include <cfenv>
#include <clocale>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "failure.hpp"
#include "lathe/core/rng.hpp"
#include "support/temporary_folder.hpp"

using namespace lathe;

namespace {

json_value parse(std::string_view text) { return parse_json(text, "spec.json"); }

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

/// Bounded random document; reals come from random bit patterns.
json_value random_value(rng& random, int depth) {
    switch (random.below(depth > 0 ? 7 : 5)) {
        case 0: return nullptr;
        case 1: return random.flip(0.5);
        case 2:
            return static_cast<std::int64_t>((std::uint64_t{random.bits()} << 32) | random.bits());
        case 3: {
            const double d =
                std::bit_cast<double>((std::uint64_t{random.bits()} << 32) | random.bits());
            return std::isfinite(d) ? d : 0.1;
        }
        case 4: {
            std::string text;
            for (auto n = random.below(8); n > 0; --n) text += static_cast<char>(random.below(128));
            return text + "\xC3\xA9\xF0\x9F\x98\x80";
        }
        case 5: {
            json_array a;
            for (auto n = random.below(5); n > 0; --n) a.push_back(random_value(random, depth - 1));
            return a;
        }
        default: {
            json_object o;
            for (auto n = random.below(5); n > 0; --n) {
                o[fmt::format("k{}", random.below(9))] = random_value(random, depth - 1);
            }
            return o;
        }
    }
}

}  // namespace

TEST_CASE("every kind of value is parsed") {
    const json_value v = parse(R"( {"a": [null, true, -7, 2.5, "x\u00e9\n"], "b": {}} )");
    const json_value expected =
        json_object{{"a", json_array{nullptr, true, -7, 2.5, "x\xC3\xA9\n"}}, {"b", json_object()}};
    CHECK(v == expected);
    CHECK_FALSE(parse("3") == parse("3.0"));
    CHECK(parse("9223372036854775807") == json_value(std::numeric_limits<std::int64_t>::max()));
    CHECK(parse("-9223372036854775808") == json_value(std::numeric_limits<std::int64_t>::min()));
}

TEST_CASE("a malformed document is named with line and column") {
    CHECK_FAILS(parse("{\n  \"a\": 1,\n  \"b\" 2\n}"), errc::bad_input,
                "spec.json: line 3, column 7", "syntax error");
    for (const char* text :
         {"",    " ",    "{",          "[1,", "[1 2]",    "{\"a\":}", "{a:1}",       "nul",
          "1 2", "[1,]", "{\"a\":1,}", "'x'", "\"\n\"",   "\"\\x\"",  "\"\\ud800\"", "01",
          "+1",  ".5",   "1.",         "NaN", "Infinity", "-",        "// c\n1",     "\"abc"}) {
        INFO(text);
        CHECK_FAILS(parse(text), errc::bad_input, "spec.json: line ");
    }
    CHECK_FAILS(parse("\"\xC0\xAF\""), errc::bad_input, "UTF-8");
    CHECK_FAILS(parse("\"\xED\xA0\x80\""), errc::bad_input, "UTF-8");
}

TEST_CASE("numbers that would lose their value are refused") {
    CHECK_FAILS(parse("[1e999]"), errc::bad_input, "spec.json: line 1");
    CHECK_FAILS(parse(R"({"a": [0, 9223372036854775808]})"), errc::bad_input, "spec.json: a[1]",
                "9223372036854775808");
    CHECK_FAILS(parse("123456789012345678901234567890"), errc::bad_input, "64-bit");
    CHECK_FAILS(json_value(std::numeric_limits<std::uint64_t>::max()), errc::bad_input, "63 bits");
}

TEST_CASE("a duplicate key is an error at its path") {
    CHECK_FAILS(parse(R"({"training": [{"minutes": 1, "x": 2, "minutes": 3}]})"), errc::bad_input,
                "spec.json: training[0]", "key 'minutes' appears twice");
    CHECK_FAILS(parse(R"({"a":1,"\u0061":2})"), errc::bad_input, "'a' appears twice");
}

TEST_CASE("depth and size are capped") {
    CHECK_NOTHROW(parse(nested(json_max_depth)));
    CHECK_FAILS(parse(nested(json_max_depth + 1)), errc::bad_input, "nested too deeply");
    CHECK_FAILS(parse(nested(1000000)), errc::bad_input, "nested too deeply");
    CHECK_FAILS(parse_json("[1,2,3]", "x", 6), errc::bad_input, "7 bytes", "at most 6");
    json_value deep;
    for (std::size_t i = 0; i <= json_max_depth; ++i) deep = json_array{std::move(deep)};
    CHECK_FAILS(to_json(deep), errc::bad_input, "nested too deeply");
}

TEST_CASE("writing and parsing give back the same value, bit for bit") {
    rng random(5);
    for (int i = 0; i < 3000; ++i) {
        const json_value v = random_value(random, 4);
        const std::string compact = to_json(v);
        REQUIRE(parse(compact) == v);
        REQUIRE(parse(to_json(v, json_style::pretty)) == v);
        REQUIRE(compact.find('\n') == std::string::npos);
    }
    for (const double d : {0.0, -0.0, 0.1, 1e22, 1e23, 5e-324, 1.7976931348623157e308}) {
        const json_value back = parse(to_json(d));
        REQUIRE(back.get_if<double>() != nullptr);
        CHECK(std::bit_cast<std::uint64_t>(*back.get_if<double>()) ==
              std::bit_cast<std::uint64_t>(d));
    }
}

TEST_CASE("numbers do not depend on the locale or the rounding of the process") {
    const temporary_folder folder;  // of a locale with a decimal comma, which few machines have
    const std::string make = fmt::format("localedef -i de_DE -f UTF-8 '{}' >/dev/null 2>&1",
                                         (folder / "comma").string());
    static_cast<void>(std::system(make.c_str()));
    ::setenv("LOCPATH", (folder / ".").c_str(), 1);
    REQUIRE(std::setlocale(LC_NUMERIC, "comma") != nullptr);
    REQUIRE(fmt::format("{:L}", 0.5).size() == 3);
    REQUIRE(*std::localeconv()->decimal_point == ',');
    const auto is_tenth = [](const json_value& v) {
        return v.get_if<double>() != nullptr && *v.get_if<double>() == 0.1;
    };
    CHECK(is_tenth(parse("0.1")));
    CHECK(parse("-2.5e1") == json_value(-25.0));
    CHECK(to_json(0.5) == "0.5");
    CHECK_FAILS(parse("123456789012345678901"), errc::bad_input, "beyond 64-bit integers");
    std::setlocale(LC_NUMERIC, "C");
    ::unsetenv("LOCPATH");
    std::fesetround(FE_UPWARD);
    const json_value upward = parse("0.1");
    std::fesetround(FE_TONEAREST);
    CHECK(is_tenth(upward));
    CHECK(parse("1e-400") == json_value(0.0));
}

TEST_CASE("the two styles") {
    const json_value v = json_object{{"list", json_array{1, 2}},
                                     {"objects", json_array{json_object{{"a", 0.5}}, json_array{}}},
                                     {"none", json_object()}};
    CHECK(to_json(v) == R"({"list":[1,2],"objects":[{"a":0.5},[]],"none":{}})");
    CHECK(
        to_json(v, json_style::pretty) ==
        "{\n  \"list\": [1, 2],\n  \"objects\": [\n    {\n      \"a\": 0.5\n    },\n    []\n  ],\n"
        "  \"none\": {}\n}\n");
}

TEST_CASE("NaN, infinity and broken text are not written") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const double inf = std::numeric_limits<double>::infinity();
    CHECK_FAILS(to_json(json_object{{"front", json_array{1, json_object{{"p99", nan}}}}}),
                errc::numeric, "JSON.front[1].p99", "nan");
    CHECK_FAILS(to_json(-inf), errc::numeric, "-inf");
    CHECK_FAILS(to_json("\xFF"), errc::bad_input, "UTF-8");
    CHECK_FAILS(to_json(json_object{{"\xFF", 1}}), errc::bad_input, "UTF-8");
}

TEST_CASE("an object keeps its order and finds its keys") {
    json_object o;
    o["z"] = 1;
    o["a"] = 2;
    o["z"] = 3;
    CHECK(to_json(o) == R"({"z":3,"a":2})");
    CHECK(o.find("b") == nullptr);
    CHECK(*o.find("a") == json_value(2));
}

TEST_CASE("random damage to a document never does more than throw lathe::error") {
    const std::string good =
        to_json(json_object{{"text", "\xC3\xA9\\\""},
                            {"list", json_array{1, -2.5e-7, nullptr, true}},
                            {"object", json_object{{"k", json_array{json_object{{"x", 1}}}}}}});
    rng random(11);
    int refused = 0;
    for (int i = 0; i < 20000; ++i) {
        std::string text = good;
        for (auto n = 1 + random.below(3); n > 0; --n) {
            const auto at = random.below(static_cast<std::uint32_t>(text.size()));
            switch (random.below(3)) {
                case 0: text[at] = static_cast<char>(random.below(256)); break;
                case 1: text.erase(at, 1); break;
                default:
                    text.insert(at, 1, good[random.below(static_cast<std::uint32_t>(good.size()))]);
            }
        }
        try {
            const json_value v = parse(text);
            REQUIRE(parse(to_json(v)) == v);
        } catch (const error& e) {
            ++refused;
            REQUIRE(e.code() == errc::bad_input);
        }
    }
    CHECK(refused > 10000);
}

TEST_CASE("a JSON file is read with its name in the errors") {
    const temporary_folder folder;
    put(folder / "a.json", "{\"x\": 1}");
    CHECK(read_json(folder / "a.json") == json_object{{"x", 1}});
    put(folder / "b.json", "{\"x\": ");
    CHECK_FAILS(read_json(folder / "b.json"), errc::bad_input, "b.json: line 1, column");
    CHECK_FAILS(read_json(folder / "missing.json"), errc::io, "missing.json", "No such file");
}
