// SPDX-License-Identifier: Apache-2.0
#include "lathe/format/json_reader.hpp"

#include <array>

#include "failure.hpp"

using namespace lathe;

namespace {

const json_value document = parse_json(R"({
  "training": {"minutes": "sixty", "rate": 2, "epochs": 2.5, "flag": true},
  "scenarios": [{"name": "edge", "batch": 0}, {"name": "hub", "batch": 5000000000}],
  "seed": -1, "sizes": [1, 2, 3], "kind": "nsga"})",
                                       "spec.json");

json_reader top() { return {document, "spec.json"}; }

}  // namespace

TEST_CASE("typed values, defaults and lists") {
    auto r = top();
    auto training = r.at("training");
    CHECK(training.get<double>("rate") == 2.0);
    CHECK(training.get<std::int64_t>("rate") == 2);
    CHECK(training.get<double>("epochs") == 2.5);
    CHECK(training.get<bool>("flag"));
    CHECK(training.get_or("absent", 0.25) == 0.25);
    CHECK(training.get_or<std::string>("minutes", "x") == "sixty");
    CHECK(r.at("sizes").as_list<std::int32_t>() == std::vector<std::int32_t>{1, 2, 3});
    CHECK(r.at("scenarios").elements()[1].get<std::string>("name") == "hub");
    CHECK_FALSE(r.find("nothing").has_value());
}

TEST_CASE("a wrong type is named with its path, its value and what to give") {
    auto r = top();
    auto training = r.at("training");
    CHECK(std::string(failure([&] { (void)training.get<double>("minutes"); }).what()) ==
          "spec.json: training.minutes: 'sixty' is text; give a number");
    CHECK_FAILS(training.get<std::int64_t>("epochs"), errc::bad_input, "training.epochs",
                "2.5 is a real number", "give a whole number");
    CHECK_FAILS(training.get<bool>("rate"), errc::bad_input, "2 is a whole number",
                "true or false");
    CHECK_FAILS(training.get<std::string>("flag"), errc::bad_input, "true is a truth value");
    CHECK_FAILS(r.get<double>("training"), errc::bad_input, "an object is there");
    CHECK_FAILS(r.get<double>("sizes"), errc::bad_input, "a list is there");
    CHECK_FAILS(r.at("seed").elements(), errc::bad_input, "spec.json: seed", "square brackets");
    CHECK_FAILS(r.at("sizes").find("x"), errc::bad_input, "spec.json: sizes", "braces");
}

TEST_CASE("a number outside its range is refused") {
    auto r = top();
    auto second = r.at("scenarios").elements()[1];
    CHECK_FAILS(second.get<std::int32_t>("batch"), errc::bad_input, "spec.json: scenarios[1].batch",
                "5000000000 is out of range", "at most 2147483647");
    CHECK_FAILS(r.get<std::uint64_t>("seed"), errc::bad_input, "seed", "-1 is out of range",
                "at least 0");
    CHECK_FAILS(r.at("scenarios").elements()[0].at("batch").as<std::int32_t>(1, 64),
                errc::bad_input, "scenarios[0].batch", "0 is out of range", "from 1 to 64");
    CHECK(r.at("sizes").elements()[2].as<double>(0.0, 3.0) == 3.0);
}

TEST_CASE("a choice is found by name, a near miss is explained") {
    constexpr std::array<std::string_view, 3> names{"random", "nsga2", "evolution"};
    auto r = top();
    CHECK_FAILS(r.at("kind").as_choice(names), errc::bad_input, "spec.json: kind",
                "'nsga' is not known", "did you mean 'nsga2'?");
    const json_value good = "evolution";
    CHECK(json_reader(good, "x").as_choice(names) == 2);
    const json_value far = "zzzzzzzz";
    CHECK_FAILS(json_reader(far, "x").as_choice(names), errc::bad_input,
                "random, nsga2, evolution");
}

TEST_CASE("unknown and missing keys") {
    const json_value v = parse_json(R"({"minuts": 3, "seed": 1})", "s");
    json_reader r(v, "s");
    (void)r.find("minutes");
    (void)r.find("seed");
    CHECK(std::string(failure([&] { r.finish(); }).what()) ==
          "s: key 'minuts' is not known; did you mean 'minutes'?");
    json_reader strict(v, "s");
    CHECK_FAILS(strict.at("minutes"), errc::bad_input, "key 'minutes' is missing",
                "is 'minuts' a misspelling of it?");
    CHECK_FAILS(strict.at("objectives"), errc::bad_input, "'objectives' is missing", "add it");
    json_reader complete(v, "s");
    CHECK(complete.members().size() == 2);
    CHECK_NOTHROW(complete.finish());
}
