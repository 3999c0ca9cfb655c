// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <regex>
#include <set>

#include "cli/spec.hpp"
#include "lathe/core/error.hpp"
#include "lathe/format/file.hpp"

namespace lathe::cli {
namespace {

using Catch::Matchers::Contains;

const std::string source = LATHE_SOURCE_DIR;

search_spec read_text(const std::string& text) {
    return read_spec(parse_json(text, "spec.json"), "spec.json");
}

/// A specification with every required key and nothing else.
json_value minimal() {
    return parse_json(R"({"space": {"preset": "mobile28"}, "data": {"format": "glyphs"},
        "training": {"minutes": 1}, "objectives": ["max accuracy"],
        "scenarios": [{"name": "edge"}]})",
                      "spec.json");
}

std::string problem_with(const std::function<void(json_value&)>& change) {
    json_value value = minimal();
    change(value);
    try {
        static_cast<void>(read_spec(value, "spec.json"));
    } catch (const error& e) {
        CHECK(e.code() == errc::bad_input);
        return e.what();
    }
    return "";
}

json_object& member(json_value& value, std::string_view key) {
    return *(*value.get_if<json_object>())[key].get_if<json_object>();
}
json_object& first_scenario(json_value& value) {
    return *(*(*value.get_if<json_object>())["scenarios"].get_if<json_array>())[0]
                .get_if<json_object>();
}

TEST_CASE("the specification of the examples is accepted") {
    std::size_t seen = 0;
    for (const auto& entry : std::filesystem::directory_iterator(source + "/examples")) {
        if (entry.path().extension() != ".json") continue;
        INFO(entry.path());
        CHECK_NOTHROW(read_spec(read_json(entry.path()), entry.path().filename().string()));
        ++seen;
    }
    CHECK(seen >= 2);
}

TEST_CASE("values arrive where they belong") {
    const search_spec s = read_text(R"({
        "space": {"preset": "mobile32"},
        "data": {"format": "idx", "path": "x/y", "validation": 30, "augmentation": {"shift": 1, "trivial_augment": true}},
        "training": {"steps": 7, "batch": 16, "threads": 2, "learning_rate": 0.5,
                     "matrix_rate": 0.02, "precision": "f32"},
        "search": {"optimizer": "random", "evaluations": 9, "seed": 4, "samples": 300},
        "objectives": ["max accuracy", "min latency_p99"],
        "scenarios": [{"name": "a", "batch": 2, "threads": 3, "streams": 4,
                       "limits": {"latency_p99": "<= 2ms", "accuracy": ">= 80%"}}]})");
    CHECK(s.preset == "mobile32");
    CHECK(s.data.format == data_format::idx);
    CHECK(s.data.path == "x/y");
    CHECK(s.data.validation == 30);
    CHECK(s.data.changes.shift == 1);
    CHECK(s.data.changes.trivial_augment);
    CHECK(s.training.steps == 7);
    CHECK(s.training.learning_rate == 0.5);
    CHECK(s.training.matrix_rate == 0.02);
    CHECK(s.training.precision == precision::f32);
    CHECK_FALSE(s.training.momentum);
    CHECK(s.search.optimizer == optimizer_kind::random);
    CHECK(s.search.samples == 300);
    CHECK(s.goals.objectives[1] == id_of<latency_p99>("a"));
    REQUIRE(s.goals.scenarios.size() == 1);
    CHECK(s.goals.scenarios[0].target == deployment{2, 3, 4, arrivals::closed});
    REQUIRE(s.goals.scenarios[0].limits.size() == 2);
    CHECK(s.goals.scenarios[0].limits[0].value == 2e6);
}

TEST_CASE("what is wrong is named with file and key") {
    using object = json_object;
    CHECK(problem_with([](json_value&) {}).empty());
    CHECK_THAT(problem_with([](json_value& v) { member(v, "training")["minuets"] = 1; }),
               Contains("spec.json") && Contains("minuets") && Contains("minutes"));
    CHECK_THAT(problem_with([](json_value& v) { (*v.get_if<object>())["serach"] = 1; }),
               Contains("serach") && Contains("search"));
    CHECK_THAT(problem_with([](json_value& v) { member(v, "space")["preset"] = "mobil32"; }),
               Contains("space.preset") && Contains("mobile32"));
    CHECK_THAT(problem_with([](json_value& v) { member(v, "training")["minutes"] = "sixty"; }),
               Contains("training.minutes"));
    CHECK_THAT(problem_with([](json_value& v) { member(v, "training")["steps"] = 5; }),
               Contains("training") && Contains("one of"));
    CHECK_THAT(problem_with([](json_value& v) { member(v, "data")["format"] = "cifar10"; }),
               Contains("data") && Contains("path"));
    CHECK_THAT(problem_with([](json_value& v) { member(v, "data")["path"] = "x"; }),
               Contains("path"));
    CHECK_THAT(problem_with([](json_value& v) {
                   (*v.get_if<object>())["search"] =
                       object{{"optimizer", "random"}, {"population", 9}};
               }),
               Contains("search.population"));
    CHECK_THAT(problem_with([](json_value& v) {
                   (*v.get_if<object>())["objectives"] = json_array{"max acuracy"};
               }),
               Contains("objectives[0]") && Contains("accuracy"));
    CHECK_THAT(problem_with([](json_value& v) {
                   (*v.get_if<object>())["objectives"] = json_array{"min latency_p99@egde"};
               }),
               Contains("did you mean 'edge'"));
    CHECK_THAT(problem_with([](json_value& v) {
                   first_scenario(v)["limits"] = object{{"latency_p99", "<= 400 KiB"}};
               }),
               Contains("scenarios[0].limits.latency_p99") && Contains("KiB"));
    CHECK_THAT(problem_with([](json_value& v) {
                   first_scenario(v)["limits"] = object{{"latency_p9", "<= 400us"}};
               }),
               Contains("scenarios[0].limits") && Contains("latency_p90"));
    CHECK_THAT(problem_with([](json_value& v) {
                   (*v.get_if<object>())["search"] = object{{"samples", 100}};
                   first_scenario(v)["limits"] = object{{"latency_p99", "<= 400us"}};
               }),
               Contains("search.samples") && Contains("299"));
    CHECK_THAT(problem_with([](json_value& v) { first_scenario(v)["name"] = "a/b"; }),
               Contains("file name"));
}

TEST_CASE("options of the optimizers arrive, and only where they belong") {
    const auto plan = [](const std::string& search) {
        json_value value = minimal();
        (*value.get_if<json_object>())["search"] = parse_json(search, "search");
        return read_spec(value, "spec.json").search;
    };
    CHECK(plan(R"({"optimizer": "nsga2", "islands": 4, "population": 9})").islands == 4);
    CHECK(plan(R"({"optimizer": "regularized_evolution", "islands": 2})").islands == 2);
    CHECK(plan(R"({"optimizer": "local_search", "starts": 7})").starts == 7);
    CHECK(plan(R"({"optimizer": "surrogate_search", "initial": 20})").initial == 20);
    const search_plan levels =
        plan(R"({"optimizer": "hierarchical", "levels": 4, "keep": 0.25, "population": 8})");
    CHECK(levels.optimizer == optimizer_kind::hierarchical);
    CHECK(levels.levels == 4);
    CHECK(levels.keep == 0.25);
    CHECK(levels.population == 8);
    const search_plan staged = plan(R"({"stages": {"effort": 0.1}})");
    REQUIRE(staged.stages);
    CHECK(staged.stages->effort == 0.1);
    CHECK(staged.stages->share == 0.5);
    CHECK_FALSE(plan("{}").stages);

    const std::pair<const char*, const char*> misplaced[] = {
        {R"({"optimizer": "random", "population": 9})", "population"},
        {R"({"optimizer": "random", "islands": 2})", "islands"},
        {R"({"optimizer": "hierarchical", "islands": 2})", "islands"},
        {R"({"optimizer": "nsga2", "starts": 2})", "starts"},
        {R"({"optimizer": "local_search", "initial": 2})", "initial"},
        {R"({"optimizer": "nsga2", "levels": 2})", "levels"},
        {R"({"keep": 0.5})", "keep"},
        {R"({"optimizer": "local_search", "population": 5})", "population"},
    };
    for (const auto& [text, key] : misplaced) {
        INFO(text);
        CHECK_THROWS_WITH(plan(text), Contains(std::string("search.") + key) &&
                                          Contains("has no such option") && Contains("it is for"));
    }
    CHECK_THROWS_WITH(plan(R"({"optimizer": "hierarchical", "levels": 1})"),
                      Contains("search.levels"));
    CHECK_THROWS_WITH(plan(R"({"optimizer": "hierarchical", "levels": 2.5})"),
                      Contains("search.levels"));
    CHECK_THROWS_WITH(plan(R"({"optimizer": "hierarchical", "keep": 1.5})"),
                      Contains("search.keep"));
    CHECK_THROWS_WITH(plan(R"({"optimizer": "hierarchic"})"), Contains("hierarchical"));
    CHECK_THROWS_WITH(plan(R"({"stages": {"effort": 0}})"), Contains("search.stages.effort"));
    CHECK_THROWS_WITH(plan(R"({"stages": {"share": 2}})"), Contains("search.stages.share"));
    CHECK_THROWS_WITH(plan(R"({"stages": {"shares": 0.5}})"),
                      Contains("search.stages") && Contains("share"));
    CHECK_THROWS_WITH(plan(R"({"stages": 2})"), Contains("search.stages"));
    CHECK_THROWS_WITH(plan(R"({"stages": {}, "batch": 1})"), Contains("search.batch"));
}

TEST_CASE("networks of a cell space are trained by being sampled") {
    CHECK_THAT(problem_with([](json_value& v) {
                   member(v, "space")["preset"] = "cell32";
                   member(v, "training")["random_members"] = 0;
               }),
               Contains("training.random_members") && Contains("cell32"));
    CHECK(problem_with([](json_value& v) { member(v, "space")["preset"] = "cell32"; }).empty());
}

// ---- schema and reader in step

using visitor =
    std::function<void(const std::string& path, const std::string& key, const json_object& schema)>;

void walk(const json_object& schema, const std::string& path, const visitor& visit) {
    const json_value* properties = schema.find("properties");
    if (!properties) return;
    for (const auto& [key, value] : properties->get_if<json_object>()->members()) {
        const auto& property = *value.get_if<json_object>();
        visit(path, key, property);
        walk(property, path.empty() ? key : path + "." + key, visit);
        if (const json_value* items = property.find("items")) {
            walk(*items->get_if<json_object>(), key, visit);
        }
    }
}

json_value schema_document() { return read_json(source + "/docs/spec.schema.json"); }

/// The optimizer that an option is for, where not every one has it.
std::optional<std::string> optimizer_with(const std::string& key) {
    static const std::map<std::string, std::string> owners = {{"starts", "local_search"},
                                                              {"initial", "surrogate_search"},
                                                              {"levels", "hierarchical"},
                                                              {"keep", "hierarchical"}};
    const auto at = owners.find(key);
    return at == owners.end() ? std::nullopt : std::optional(at->second);
}

/// The minimal specification with one key set; what excludes the key is moved out of the way.
json_value with(const std::string& path, const std::string& key, const json_value& value) {
    json_value spec = minimal();
    json_object& top = *spec.get_if<json_object>();
    if (path.empty()) {
        top[key] = value;
    } else if (path == "scenarios") {
        first_scenario(spec)[key] = value;
    } else if (path == "training") {
        top["training"] = json_object{};
        if (key != "steps" && key != "minutes" && key != "epochs") {
            member(spec, "training")["minutes"] = 1;
        }
        member(spec, "training")[key] = value;
    } else if (path == "data.augmentation") {
        member(spec, "data")["augmentation"] = json_object{{key, value}};
    } else if (path == "search.stages") {
        top["search"] = json_object{{"stages", json_object{{key, value}}}};
    } else {
        if (top[path].is_null()) top[path] = json_object{};
        if (path == "search" && optimizer_with(key)) {
            member(spec, path)["optimizer"] = *optimizer_with(key);
        }
        if (path == "data" && key == "path") member(spec, "data")["format"] = "idx";
        if (path == "data" && key == "format") member(spec, "data")["path"] = "x";
        if (path == "data" && key == "format" && value == json_value("glyphs")) {
            top["data"] = json_object{};
        }
        member(spec, path)[key] = value;
    }
    return spec;
}

bool accepted(const json_value& spec) {
    try {
        static_cast<void>(read_spec(spec, "spec.json"));
        return true;
    } catch (const error&) {
        return false;
    }
}

TEST_CASE("the reader accepts what the schema describes, and no more") {
    const json_value document = schema_document();
    std::size_t checked = 0;
    walk(*document.get_if<json_object>(), "",
         [&](const auto& path, const auto& key, const json_object& schema) {
             INFO(path << "." << key);
             CHECK(schema.find("description"));
             if (const json_value* choices = schema.find("enum")) {
                 for (const json_value& choice : *choices->get_if<json_array>()) {
                     CHECK(accepted(with(path, key, choice)));
                 }
                 CHECK_FALSE(accepted(with(path, key, "no such thing")));
                 ++checked;
             }
             const auto check_bound = [&](const char* name, bool inside, double step) {
                 const json_value* limit = schema.find(name);
                 if (!limit) return;
                 const auto* whole = limit->get_if<std::int64_t>();
                 const double at = whole ? static_cast<double>(*whole) : *limit->get_if<double>();
                 CHECK(accepted(with(path, key, *limit)) == inside);
                 const bool integer = *schema.find("type") == json_value("integer");
                 const json_value beyond =
                     integer ? json_value(*whole + static_cast<std::int64_t>(step))
                             : json_value(at + step);
                 CHECK_FALSE(accepted(with(path, key, beyond)));
                 ++checked;
             };
             check_bound("minimum", true, -1);
             check_bound("maximum", true, 1);
             check_bound("exclusiveMinimum", false, -1);
             if (const json_value* given = schema.find("default")) {
                 CHECK(accepted(with(path, key, *given)));
             }
             if (const json_value* type = schema.find("type")) {
                 if (*type == json_value("boolean")) CHECK(accepted(with(path, key, true)));
                 if (*type != json_value("object")) {
                     CHECK_FALSE(accepted(with(path, key, json_object{})));
                 }
             }
             if (const json_value* examples = schema.find("examples")) {
                 for (const json_value& example : *examples->get_if<json_array>()) {
                     CHECK(accepted(with(path, key, example)));
                 }
                 ++checked;
             }
         });
    CHECK(checked > 40);
}

TEST_CASE("every key that the reader asks for is in the schema") {
    std::set<std::string> described;
    const json_value document = schema_document();
    walk(*document.get_if<json_object>(), "",
         [&](const auto&, const auto& key, const json_object&) { described.insert(key); });

    const std::string text = read_file(source + "/src/cli/spec.cpp", 1 << 20);
    const std::regex asks(
        R"re((?:at|find|get<[^>]*>|get_or<[^>]*>|reader,)\s*\(?\s*"([a-z_]+)")re");
    std::set<std::string> asked;
    for (std::sregex_iterator it(text.begin(), text.end(), asks), end; it != end; ++it) {
        asked.insert((*it)[1]);
    }
    CHECK(asked == described);
}

TEST_CASE("required keys of the schema are required by the reader") {
    for (const char* key : {"space", "data", "training", "objectives", "scenarios"}) {
        json_object top;
        const json_value spec = minimal();
        for (const auto& m : spec.get_if<json_object>()->members()) {
            if (m.key != key) top.append(m.key, m.value);
        }
        INFO(key);
        CHECK_FALSE(accepted(top));
    }
}

}  // namespace
}  // namespace lathe::cli
