// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <limits>

#include "lathe/core/error.hpp"
#include "lathe/core/rng.hpp"
#include "lathe/format/file.hpp"
#include "lathe/search/event_json.hpp"
#include "lathe/store/log_store.hpp"
#include "lathe/store/memory_store.hpp"
#include "lathe/testing/study_store.hpp"
#include "support/temporary_folder.hpp"

namespace lathe {
namespace {

using Catch::Matchers::Contains;

/// What resume() makes of a file with this content.
struct opened {
    std::vector<study_event> events;
    std::uint64_t cut = 0;
    std::string left;
};
opened open_bytes(const std::filesystem::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    const log_store store = log_store::resume(path);
    return {store.events(), store.cut_bytes(), read_file(path, 1 << 20)};
}

TEST_CASE("events survive the file bit by bit") {
    const temporary_folder folder;
    const auto path = folder / "study.log";
    const auto events = testing::detail::telling_events();
    {
        log_store store = log_store::create(path);
        CHECK(store.events().empty());
        for (const auto& e : events) store.append(e);
        CHECK(store.events() == events);
    }
    log_store again = log_store::resume(path);
    CHECK(again.events() == events);
    CHECK(again.cut_bytes() == 0);
    again.append(events[3]);
    CHECK(again.events().size() == events.size() + 1);
}

TEST_CASE("memory_store keeps events in order") {
    memory_store store;
    for (const auto& e : testing::detail::telling_events()) store.append(e);
    CHECK(store.events() == testing::detail::telling_events());
    CHECK(memory_store(store.events()).events() == testing::detail::telling_events());
}

TEST_CASE("cut anywhere: every whole event before the cut is there") {
    const temporary_folder folder;
    const auto path = folder / "study.log";
    const auto events = testing::detail::telling_events();
    std::vector<std::size_t> ends;  // of header and events
    {
        log_store store = log_store::create(path);
        ends.push_back(std::filesystem::file_size(path));
        for (const auto& e : events) {
            store.append(e);
            ends.push_back(std::filesystem::file_size(path));
        }
    }
    const std::string bytes = read_file(path, 1 << 20);
    for (std::size_t n = 0; n <= bytes.size(); n += n + 300 < bytes.size() ? 7 : 1) {
        INFO("cut to " << n << " bytes");
        const opened o = open_bytes(path, bytes.substr(0, n));
        const std::size_t whole = static_cast<std::size_t>(
            std::ranges::count_if(ends, [&](std::size_t end) { return end <= n; }));
        const std::size_t expected = whole == 0 ? 0 : whole - 1;
        REQUIRE(o.events == std::vector(events.begin(),
                                        events.begin() + static_cast<std::ptrdiff_t>(expected)));
        REQUIRE(o.left == bytes.substr(0, whole == 0 ? ends[0] : ends[expected]));
    }
}

TEST_CASE("garbage after the last event is cut, damage before it is refused") {
    const temporary_folder folder;
    const auto path = folder / "study.log";
    const auto events = testing::detail::telling_events();
    std::size_t last = 0;
    {
        log_store store = log_store::create(path);
        for (const auto& e : events) {
            last = std::filesystem::file_size(path);
            store.append(e);
        }
    }
    const std::string bytes = read_file(path, 1 << 20);
    const opened garbage = open_bytes(path, bytes + "7 99999999999999999999 x");
    CHECK(garbage.events == events);
    CHECK(garbage.left == bytes);
    CHECK(open_bytes(path, bytes + std::string(4096, '\0')).events == events);

    rng random(1);
    for (int i = 0; i < 400; ++i) {
        std::string damaged = bytes;
        const std::size_t at = random.below(static_cast<std::uint32_t>(bytes.size()));
        damaged[at] = static_cast<char>(damaged[at] ^ (1 << random.below(8)));
        INFO("bit flipped at byte " << at);
        if (at >= last) {
            CHECK(open_bytes(path, damaged).events.size() == events.size() - 1);
        } else {
            CHECK_THROWS_AS(open_bytes(path, damaged), error);
            CHECK(read_file(path, 1 << 20) == damaged);
        }
    }
    // An event that was lost from the middle.
    const std::size_t second = bytes.find('\n', bytes.find('\n') + 1) + 1;
    const std::size_t third = bytes.find('\n', second) + 1;
    CHECK_THROWS_WITH(open_bytes(path, bytes.substr(0, second) + bytes.substr(third)),
                      Contains("damaged at byte"));
}

TEST_CASE("an existing study is not overwritten, a foreign file is not touched") {
    const temporary_folder folder;
    const auto path = folder / "study.log";
    CHECK_THROWS_WITH(log_store::resume(path), Contains("study.log"));
    {
        log_store store = log_store::create(path);
        CHECK_THROWS_WITH(log_store::create(path), Contains("there is a study already"));
        CHECK_THROWS_WITH(log_store::resume(path), Contains("cannot lock"));
    }
    CHECK_THROWS_WITH(open_bytes(path, "genotype,accuracy\n1,2\n"), Contains("no study log"));
    CHECK_THROWS_WITH(open_bytes(path, "lathe-study-log 2\n"), Contains("version"));
    CHECK(read_file(path, 100) == "lathe-study-log 2\n");
    CHECK_THROWS_AS(log_store::create(folder / "none" / "study.log"), error);
}

TEST_CASE("event_from_json names the key that is wrong") {
    const auto read = [](const std::string& text) {
        const json_value value = parse_json(text, "e");
        return event_from_json(json_reader(value, "e"));
    };
    CHECK_THROWS_WITH(read(R"({"event": "begin"})"), Contains("event"));
    CHECK_THROWS_WITH(read(R"({"event": "start", "setup": "xyz"})"), Contains("setup"));
    CHECK_THROWS_WITH(read(R"({"event": "start", "setup": "1", "more": 1})"), Contains("more"));
    CHECK_THROWS_WITH(
        read(
            R"({"event":"trial","trial":{"id":0,"genes":[70000],"status":"failed","metrics":[]}})"),
        Contains("genes[0]"));
}

}  // namespace
}  // namespace lathe
