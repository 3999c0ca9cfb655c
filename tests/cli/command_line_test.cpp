// SPDX-License-Identifier: Apache-2.0
// The program from outside: exit codes, messages, files, and a life after kill -9.
#include <catch2/catch.hpp>

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>

#include "lathe/cli/command_line.hpp"
#include "lathe/core/fingerprint.hpp"
#include "lathe/engine/compile.hpp"
#include "lathe/format/csv.hpp"
#include "lathe/format/file.hpp"
#include "lathe/format/json_reader.hpp"
#include "lathe/store/log_store.hpp"
#include "lathe/supernet/checkpoint.hpp"
#include "support/idx_bytes.hpp"
#include "support/temporary_folder.hpp"

namespace lathe::cli {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;

struct answer {
    int code;
    std::string out;
    std::string err;
};

answer run(const std::vector<std::string>& arguments) {
    std::ostringstream out;
    std::ostringstream err;
    const int code = run_command_line(arguments, out, err, false);
    return {code, out.str(), err.str()};
}

/// The smallest search that goes through every step.
std::string tiny_spec(const std::string& limits, int evaluations = 3) {
    return R"({"space": {"preset": "mobile28"},
  "data": {"format": "glyphs", "train": 300, "test": 40},
  "training": {"steps": 2, "batch": 8},
  "search": {"evaluations": )" +
           std::to_string(evaluations) + R"(, "batch": 1, "samples": 20,
             "final_samples": 20},
  "objectives": ["max accuracy", "min latency_p50"],
  "scenarios": [{"name": "phone", "limits": )" +
           limits + "}]}";
}

fs::path write_spec(const temporary_folder& folder, const std::string& text) {
    const fs::path file = folder / "spec.json";
    std::ofstream(file) << text;
    return file;
}

TEST_CASE("what people type wrong is explained, with exit code 2") {
    CHECK(run({}).code == bad_input);
    CHECK_THAT(run({"serach"}).err, Contains("did you mean 'search'"));
    CHECK(run({"search", "x.json"}).code == bad_input);
    CHECK_THAT(run({"search", "x.json", "--ou", "y"}).err, Contains("--out"));
    CHECK_THAT(run({"search", "no-such.json", "--out", "y"}).err, Contains("no-such.json"));
    CHECK_FALSE(fs::exists("y"));
    const answer preset = run({"space", "count", "mobil28"});
    CHECK(preset.code == bad_input);
    CHECK_THAT(preset.err, Contains("did you mean 'mobile28'"));
    CHECK(run({"space", "show", "mobile28", "--member", "1.2"}).code == bad_input);
    CHECK(run({"resume", "no-such-folder"}).code == bad_input);
    CHECK_THAT(run({"resume", ""}).err, Contains("its name is empty"));
    CHECK_THAT(run({"resume", "no-such-folder", "--threads", "1"}).err, Contains("--threads"));
    const answer too_long = run({"resume", std::string(5000, 'x')});
    CHECK(too_long.code == bad_input);
    CHECK_THAT(too_long.err, Contains("name too long"));
    for (const char* wrong : {"-4", "0", "1e12", "x"}) {
        INFO(wrong);
        for (const char* option : {"--evals", "--seeds"}) {
            const answer a = run({"bench", "table", "t.csv", "--acc", "a", "--optimizer", "random",
                                  "--evals", "1", "--seeds", "1", option, wrong});
            CHECK(a.code == bad_input);
            CHECK_THAT(a.err, Contains(option));
        }
    }
    CHECK(run({"--help"}).code == ok);
    CHECK_THAT(run({"--version"}).out, Contains("."));
}

TEST_CASE("results that nobody gets are no success") {
    struct : std::streambuf {  // takes nothing, as a full disk
    } full;
    std::ostream out(&full);
    std::ostringstream err;
    CHECK(run_command_line({"space", "count", "mobile28"}, out, err, false) == bad_input);
    CHECK_THAT(err.str(), Contains("standard output"));
}

TEST_CASE("doctor: the machine, what the engine uses of it, and its noise") {
    const answer a = run({"doctor"});
    CHECK(a.code == 0);
    CHECK(a.err.empty());
    const fingerprint here = this_machine();
    CHECK_THAT(a.out, Contains(here.cpu) && Contains(here.isa) && Contains(here.os));
    CHECK_THAT(a.out, Contains(engine_library()));
    CHECK_THAT(a.out, Contains("disturbed rounds") && Contains("verdict"));
    CHECK((a.out.find("verdict              noisy") != std::string::npos) !=
          (a.out.find("verdict              quiet") != std::string::npos));
}

TEST_CASE("space: count, sample and show agree") {
    CHECK(run({"space", "count", "mobile32"}).out.size() > 9);
    const answer sample = run({"space", "sample", "mobile28", "-n", "3", "--seed", "7"});
    CHECK(sample.code == ok);
    CHECK(std::ranges::count(sample.out, '\n') == 3);
    CHECK(sample.out == run({"space", "sample", "mobile28", "-n", "3", "--seed", "7"}).out);
    const std::string genotype = sample.out.substr(0, sample.out.find(' '));
    const answer member = run({"space", "show", "mobile28", "--member", genotype});
    CHECK(member.code == ok);
    CHECK_THAT(member.out, Contains(genotype) && Contains("conv2d") && Contains("logits"));
    for (const char* preset : {"mobile28", "mobile32", "cell32", "chain28"}) {
        CHECK_THAT(run({"space", "show", preset}).out, Contains("largest") && Contains("axes"));
    }
    CHECK(run({"space", "count", "cell32"}).out == "8444\n");
    CHECK(run({"space", "count", "chain28"}).out == "2916\n");
}

TEST_CASE("bad input leaves nothing behind") {
    const temporary_folder folder;
    const auto attempt = [&](const std::string& spec, const fs::path& out) {
        return run({"search", write_spec(folder, spec).string(), "--out", out.string()});
    };
    const fs::path out = folder / "out";
    const std::string good = tiny_spec(R"({"latency_p50": "<= 1s"})");

    std::string bad = good;
    bad.replace(bad.find("\"steps\""), 7, "\"stesp\"");
    const answer misspelt = attempt(bad, out);
    CHECK(misspelt.code == bad_input);
    CHECK_THAT(misspelt.err, Contains("spec.json") && Contains("stesp") && Contains("steps"));

    CHECK_THAT(attempt(tiny_spec(R"({"energy_p50": "<= 1mJ"})"), out).err,
               Contains("spec.json") && Contains("nothing here measures energy_p50"));
    CHECK(run({"spec", "check", (folder / "spec.json").string()}).code == bad_input);
    CHECK_THAT(attempt(tiny_spec(R"({"latency_p50": "<= 1KiB"})"), out).err,
               Contains("scenarios[0].limits.latency_p50"));

    bad = good;
    bad.replace(bad.find("mobile28"), 8, "mobile32");
    CHECK_THAT(attempt(bad, out).err,
               Contains("spec.json: space.preset") && Contains("28 x 28"));
    bad = good;
    bad.replace(bad.find(R"("format": "glyphs", "train": 300, "test": 40)"), 44,
                R"("format": "cifar10", "path": "no/such/folder")");
    CHECK_THAT(attempt(bad, out).err, Contains("no/such/folder"));
    fs::create_directories(folder / "no/such/folder");  // beside the specification, and empty
    CHECK_THAT(attempt(bad, out).err, Contains((folder / "no/such/folder").string()));
    bad = good;
    bad.replace(bad.find("\"batch\": 8"), 10, "\"batch\": 9999");
    CHECK_THAT(attempt(bad, out).err, Contains("spec.json: training.batch"));
    bad = good;
    bad.replace(bad.find("\"test\": 40"), 10, "\"test\": 40, \"validation\": 299");
    CHECK_THAT(attempt(bad, out).err, Contains("spec.json: data.validation"));
    const auto bounded = [&](const std::string& memory) {
        std::string text = good;
        text.replace(text.find("\"batch\": 8"), 10, "\"batch\": 8, \"memory\": \"" + memory + "\"");
        return attempt(text, out);
    };
    for (const char* memory :
         {"<= 10%", ">= 1MiB", "<= 1ms", "<= 100KiB", "<= 0.5B", "<= 1e12GiB"}) {
        const answer refused = bounded(memory);
        CHECK(refused.code == bad_input);
        CHECK_THAT(refused.err, Contains("spec.json: training.memory"));
    }
    CHECK_FALSE(fs::exists(out));

    // A folder below a file cannot be made.
    const answer blocked = attempt(good, folder / "spec.json" / "out");
    CHECK(blocked.code == bad_input);
    CHECK_THAT(blocked.err, Contains("spec.json"));
}

TEST_CASE("bad data files are named, with what is wrong where") {
    const temporary_folder folder;
    const auto put = [&](const char* name, const std::string& content) {
        std::ofstream(folder / name, std::ios::binary) << content;
    };
    const auto put_part = [&](const std::string& part, std::uint32_t n) {
        put((part + "-images-idx3-ubyte").c_str(), idx_images(n, 28, 28, std::string(n * 784, 'x')));
        put((part + "-labels-idx1-ubyte").c_str(), idx_labels(n, std::string(n, '\1')));
    };
    const fs::path out = folder / "out";
    const auto attempt = [&] {
        std::string spec = tiny_spec(R"({"latency_p50": "<= 1s"})");
        spec.replace(spec.find(R"("format": "glyphs", "train": 300, "test": 40)"), 44,
                     R"("format": "idx", "path": ")" + (folder / ".").string() + "\"");
        const answer a = run({"search", write_spec(folder, spec).string(), "--out", out.string()});
        CHECK(a.code == bad_input);
        CHECK_FALSE(fs::exists(out));
        return a.err;
    };
    put_part("t10k", 20);
    put_part("train", 100);
    put("train-labels-idx1-ubyte", idx_labels(100, std::string(99, '\1') + '\x0b'));
    CHECK_THAT(attempt(), Contains("train-labels-idx1-ubyte") && Contains("label 11") && Contains("107"));
    put_part("train", 100);
    put("train-images-idx3-ubyte", idx_images(100, 28, 28, std::string(99 * 784, 'x')));
    CHECK_THAT(attempt(), Contains("train-images-idx3-ubyte") && Contains("truncated"));
    put("train-images-idx3-ubyte", "<html>" + std::string(100, ' '));
    CHECK_THAT(attempt(), Contains("train-images-idx3-ubyte") && Contains("magic number"));
}

/// Everything in the folder: name and content.
std::vector<std::pair<std::string, std::string>> contents(const fs::path& folder) {
    std::vector<std::pair<std::string, std::string>> list;
    for (const auto& e : fs::directory_iterator(folder)) {
        list.emplace_back(e.path().filename().string(), read_file(e.path(), 1 << 28));
    }
    std::ranges::sort(list);
    return list;
}

TEST_CASE("a search from specification to files; a second one does not overwrite it") {
    const temporary_folder folder;
    const fs::path spec = write_spec(folder, tiny_spec(R"({"latency_p50": "<= 1s"})"));
    const fs::path out = folder / "deep" / "out";
    const answer first =
        run({"search", spec.string(), "--out", out.string(), "--threads", "1", "--json"});
    INFO(first.out << first.err);
    REQUIRE(first.code == ok);
    CHECK(first.err.empty());
    std::string last;
    std::istringstream lines(first.out);
    for (std::string line; std::getline(lines, line);) {
        CHECK_NOTHROW(parse_json(line, "output"));
        last = line;
    }
    const json_value result = parse_json(last, "output");
    json_reader reader(result, "output");
    CHECK(reader.get<std::string>("event") == "result");
    CHECK(reader.get<std::int64_t>("exit_code") == 0);
    CHECK(reader.at("scenarios").elements()[0].at("onnx").as<std::string>() ==
          (out / "phone.onnx").string());

    for (const char* file : {"front.csv", "study.json", "report.html", "phone.onnx", "study.log",
                             "spec.json", "supernet.safetensors"}) {
        INFO(file);
        CHECK(fs::file_size(out / file) > 0);
    }
    const json_value study = read_json(out / "study.json");
    json_reader s(study, "study.json");
    CHECK(s.at("counts").at("evaluated").as<std::int64_t>() == 3);
    CHECK(read_csv(out / "front.csv").rows() == s.at("front").elements().size());

    const auto before = contents(out);
    const answer second = run({"search", spec.string(), "--out", out.string()});
    CHECK(second.code == bad_input);
    CHECK_THAT(second.err, Contains("there is a study already") && Contains("resume"));
    CHECK(contents(out) == before);

    // Nothing is left to do but the choice and the files.
    const std::string log = read_file(out / "study.log", 1 << 20);
    CHECK(run({"resume", out.string()}).code == ok);
    CHECK(read_file(out / "study.log", 1 << 20) == log);
}

TEST_CASE("a folder's name may be any bytes, JSON is UTF-8") {
    const temporary_folder folder;
    const fs::path out = folder / "o\xFFut";
    const std::string spec =
        write_spec(folder, tiny_spec(R"({"latency_p50": "<= 1s"})", 1)).string();
    const auto last_line = [&] {
        const answer a = run({"search", spec, "--out", out.string(), "--threads", "1", "--json"});
        std::istringstream lines(a.out);
        json_value last;
        for (std::string line; std::getline(lines, line);) last = parse_json(line, "output");
        return std::pair(a.code, last);
    };
    const auto [code, result] = last_line();
    CHECK(code == ok);
    CHECK_THAT(json_reader(result, "output").get<std::string>("folder"),
               Contains("o\xEF\xBF\xBDut"));
    CHECK(fs::exists(out / "report.html"));
    const auto [again, refused] = last_line();
    CHECK(again == bad_input);
    CHECK_THAT(json_reader(refused, "output").get<std::string>("message"),
               Contains("o\xEF\xBF\xBDut: there is a study already"));
}

TEST_CASE("levels and stages go from the specification to the report, and through a resume") {
    const temporary_folder folder;
    std::string text = tiny_spec(R"({"latency_p50": "<= 1s"})", 24);
    const auto put = [&](const std::string& old, const std::string& now) {
        REQUIRE(text.find(old) != std::string::npos);
        text.replace(text.find(old), old.size(), now);
    };
    put("mobile28", "chain28");
    put(R"("batch": 1, )", R"("batch": 4, "optimizer": "hierarchical", "levels": 2,
        "population": 4, "stages": {"effort": 0.5, "share": 0.5}, )");
    const fs::path spec = write_spec(folder, text);
    CHECK_THAT(run({"spec", "check", spec.string()}).out, Contains("24 evaluations by hierarchical"));
    const fs::path out = folder / "out";
    const answer a = run({"search", spec.string(), "--out", out.string(), "--threads", "1"});
    INFO(a.out << a.err);
    REQUIRE(a.code == ok);
    const json_value study = read_json(out / "study.json");
    json_reader s(study, "study.json");
    const auto levels = s.at("levels").elements();
    REQUIRE(levels.size() == 2);
    CHECK(json_reader(levels[0]).at("budget").as<std::int64_t>() == 12);
    CHECK(json_reader(levels[0]).at("told").as<std::int64_t>() == 12);
    CHECK(json_reader(levels[1]).at("told").as<std::int64_t>() == 12);
    const auto stages = s.at("stages").elements();
    REQUIRE(stages.size() == 2);
    CHECK(json_reader(stages[0]).at("judged").as<std::int64_t>() == 25);  // with the reference
    CHECK(json_reader(stages[0]).at("passed").as<std::int64_t>() == 13);
    CHECK(json_reader(stages[1]).at("judged").as<std::int64_t>() == 13);
    CHECK(json_reader(stages[0]).at("compared_with_next").as<std::int64_t>() == 13);
    CHECK_THAT(read_file(out / "report.html", 1 << 24), Contains("levels") && Contains("went on"));

    const std::string log = read_file(out / "study.log", 1 << 20);
    CHECK(run({"resume", out.string()}).code == ok);
    CHECK(read_file(out / "study.log", 1 << 20) == log);
    const json_value again = read_json(out / "study.json");
    json_reader second(again, "study.json");
    CHECK(second.at("levels").value() == s.at("levels").value());
}

TEST_CASE("no network keeps the limits: exit code 3, the tightest limit, the nearest network") {
    const temporary_folder folder;
    const fs::path spec =
        write_spec(folder, tiny_spec(R"({"parameters": "<= 10k", "latency_p50": "<= 1s"})", 1));
    const fs::path out = folder / "out";
    const answer a = run({"search", spec.string(), "--out", out.string(), "--threads", "1"});
    INFO(a.err);
    CHECK(a.code == infeasible);
    CHECK_THAT(a.out,
               Contains("infeasible") && Contains("parameters <= 10 k") && Contains("margin -"));
    CHECK_FALSE(fs::exists(out / "phone.onnx"));
    CHECK(fs::exists(out / "report.html"));
}

// ---- kill -9 and Ctrl-C: the program runs in another process, this test program with one hidden test

TEST_CASE("child: runs the arguments of the environment", "[.child]") {
    const char* text = std::getenv("LATHE_TEST_ARGUMENTS");
    REQUIRE(text);
    std::vector<std::string> arguments;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) arguments.push_back(line);
    std::ostringstream out;
    std::ofstream err(std::getenv("LATHE_TEST_LOG"));
    const int code = run_command_line(arguments, out, err, false);
    err.close();
    ::_exit(code);
}

/// `log` gets what the program says while it runs.
pid_t start(const std::string& arguments, const fs::path& log = "/dev/null") {
    ::setenv("LATHE_TEST_ARGUMENTS", arguments.c_str(), 1);
    ::setenv("LATHE_TEST_LOG", log.c_str(), 1);
    char program[] = "/proc/self/exe";
    char test[] = "[.child]";
    char* argv[] = {program, test, nullptr};
    pid_t child = 0;
    REQUIRE(::posix_spawn(&child, program, nullptr, nullptr, argv, environ) == 0);
    return child;
}

/// Waits until `reached`, then sends the signal: how the child ended, nothing if it ended before.
template <class Reached>
std::optional<int> status_after(pid_t child, int signal, const Reached& reached) {
    for (int i = 0; i < 12000; ++i) {
        int status = 0;
        if (::waitpid(child, &status, WNOHANG) == child) return std::nullopt;
        if (reached()) {
            ::kill(child, signal);
            ::waitpid(child, &status, 0);
            return status;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ::kill(child, SIGKILL);
    return std::nullopt;
}

template <class Reached>
bool kill_when(pid_t child, const Reached& reached) {
    return status_after(child, SIGKILL, reached).has_value();
}

TEST_CASE("Ctrl-C during training: the checkpoint is written, and resume goes on from it") {
    const temporary_folder folder;
    std::string text = tiny_spec(R"({"latency_p50": "<= 1s"})", 1);
    text.replace(text.find("\"steps\": 2"), 10, "\"steps\": 20");
    const fs::path spec = write_spec(folder, text);
    const fs::path out = folder / "out";
    const pid_t child = start(
        "search\n" + spec.string() + "\n--out\n" + out.string() + "\n--threads\n1", folder / "log");
    const auto status = status_after(child, SIGINT, [&] {
        return slurp(folder / "log").find("training") != std::string::npos;
    });
    REQUIRE(status);
    REQUIRE(WIFEXITED(*status));
    CHECK(WEXITSTATUS(*status) == interrupted);
    CHECK_THAT(slurp(folder / "log"), Contains("lathe resume " + out.string()));
    const auto step = [&] { return load_checkpoint(out / "supernet.safetensors").state.step; };
    CHECK(step() >= 1);
    CHECK(step() < 20);
    CHECK_FALSE(fs::exists(out / "report.html"));
    CHECK(run({"resume", out.string()}).code == ok);
    CHECK(step() == 20);
    CHECK(fs::exists(out / "report.html"));
}

std::vector<study_event> events_of(const fs::path& log) { return log_store::resume(log).events(); }

TEST_CASE("kill -9 during training: resume trains and searches to the end") {
    const temporary_folder folder;
    const fs::path spec = write_spec(folder, tiny_spec(R"({"latency_p50": "<= 1s"})", 2));
    const fs::path out = folder / "out";
    const pid_t child =
        start("search\n" + spec.string() + "\n--out\n" + out.string() + "\n--threads\n1");
    REQUIRE(kill_when(child, [&] { return fs::exists(out / "study.log"); }));
    CHECK_FALSE(fs::exists(out / "report.html"));
    CHECK(run({"resume", out.string()}).code == ok);
    CHECK(fs::exists(out / "phone.onnx"));
}

TEST_CASE("kill -9 during the search: what was measured is kept, the rest is measured") {
    const temporary_folder folder;
    const fs::path spec = write_spec(folder, tiny_spec(R"({"latency_p50": "<= 1s"})", 6));
    const fs::path out = folder / "out";
    const pid_t child =
        start("search\n" + spec.string() + "\n--out\n" + out.string() + "\n--threads\n1");
    REQUIRE(kill_when(child, [&] {
        std::error_code none;
        return fs::file_size(out / "study.log", none) > 3000 && !none;
    }));
    const auto before = events_of(out / "study.log");
    REQUIRE(before.size() >= 2);
    CHECK(run({"resume", out.string()}).code == ok);
    const auto after = events_of(out / "study.log");
    CHECK(after.size() == 8);
    CHECK(std::equal(before.begin(), before.end(), after.begin()));
}

}  // namespace
}  // namespace lathe::cli
