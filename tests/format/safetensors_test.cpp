// SPDX-License-Identifier: Apache-2.0
#include "lathe/format/safetensors.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "failure.hpp"
#include "lathe/core/rng.hpp"
#include "support/temporary_folder.hpp"

using namespace lathe;

namespace {

/// A file of the given header and body, with the right length word.
std::string file_of(std::string_view header, std::string_view body) {
    const std::uint64_t length = header.size();
    std::string text(8, '\0');
    std::memcpy(text.data(), &length, 8);
    return text.append(header).append(body);
}

struct case_folder : temporary_folder {
    safetensors_file read(std::string_view content) const {
        put(*this / "w.safetensors", content);
        return safetensors_file(*this / "w.safetensors");
    }
};

const std::string eight_bytes(8, '\0');
constexpr const char* entry_a = R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})";

}  // namespace

TEST_CASE("tensors and metadata survive a round trip bit for bit") {
    const temporary_folder folder;
    rng random(9);
    std::vector<float> a(24);
    for (auto& v : a) v = static_cast<float>(random.normal());
    const std::vector<float> b{-0.0F, std::numeric_limits<float>::denorm_min()};
    const std::vector<named_tensor> tensors{{"s1.conv.weight", {2, 3, 4}, a},
                                            {"bias", {2}, b},
                                            {"scalar", {}, std::span(a).first(1)},
                                            {"nothing", {0, 5}, {}}};
    const safetensors_metadata metadata{{"genotype", "0.1.2"}, {"text", "\"quoted\"\n"}};
    write_safetensors(folder / "w", tensors, metadata);
    const safetensors_file back(folder / "w");
    CHECK(back.metadata() == metadata);
    REQUIRE(back.tensors().size() == 4);
    for (const auto& t : tensors) {
        const auto& read = back.at(t.name);
        CHECK(read.shape == t.shape);
        REQUIRE(read.values.size() == t.values.size());
        CHECK(std::ranges::equal(std::as_bytes(read.values), std::as_bytes(t.values)));
    }
    CHECK(back.find("other") == nullptr);
    CHECK_FAILS(back.at("other"), errc::bad_input, "'other'");
    // The data starts at a multiple of 8, so that a mapped file is aligned.
    std::uint64_t header = 0;
    std::memcpy(&header, slurp(folder / "w").data(), 8);
    CHECK(header % 8 == 0);
}

TEST_CASE("a file without tensors") {
    const temporary_folder folder;
    write_safetensors(folder / "w", {});
    CHECK(safetensors_file(folder / "w").tensors().empty());
}

TEST_CASE("the writer refuses what cannot be read back, and leaves the old file") {
    const temporary_folder folder;
    const auto path = folder / "w";
    put(path, "old");
    const std::vector<float> two{1.0F, 2.0F};
    const std::vector<float> nan{1.0F, std::nanf("")};
    const auto write = [&](std::vector<named_tensor> t) { write_safetensors(path, t); };
    CHECK_FAILS(write({{"a", {3}, two}}), errc::bad_input, "'a'", "[3]", "2 values");
    CHECK_FAILS(write({{"a", {-1, -2}, two}}), errc::bad_input, "[-1, -2]");
    CHECK_FAILS(write({{"a", {2}, nan}}), errc::numeric, "'a'", "element 1");
    CHECK_FAILS(write({{"a", {2}, two}, {"a", {2}, two}}), errc::bad_input, "given twice");
    CHECK_FAILS(write({{"", {2}, two}}), errc::bad_input, "0 bytes");
    CHECK_FAILS(write({{std::string(257, 'x'), {2}, two}}), errc::bad_input, "257 bytes");
    CHECK_FAILS(write({{"__metadata__", {2}, two}}), errc::bad_input, "__metadata__");
    CHECK(slurp(path) == "old");
    CHECK(folder.entries() == 1);
}

TEST_CASE("every damage to the frame is refused") {
    const case_folder folder;
    const std::string good = file_of('{' + std::string(entry_a) + '}', eight_bytes.substr(4));
    CHECK(folder.read(good).tensors().size() == 1);
    for (std::size_t n = 0; n < good.size(); ++n) {
        INFO("truncated to " << n << " bytes");
        CHECK_FAILS(folder.read(good.substr(0, n)), errc::bad_input, "w.safetensors");
    }
    CHECK_FAILS(folder.read(good + "x"), errc::bad_input, "5 bytes of data", "tells of 4");
    CHECK_FAILS(folder.read(std::string(8, '\xFF') + "{}"), errc::bad_input, "claims a header");
    CHECK_FAILS(folder.read(file_of(" {}", "")), errc::bad_input, "does not start with '{'");
    CHECK_FAILS(folder.read(file_of("{\"a\":", "")), errc::bad_input, "header: line 1");
    put(folder / "big", good);
    CHECK_FAILS(safetensors_file(folder / "big", 20), errc::bad_input, "at most 20");
}

TEST_CASE("every wrong entry is refused by name") {
    const case_folder folder;
    const auto refuse = [&](const char* entries, errc code, const char* part) {
        INFO(entries);
        CHECK_FAILS(folder.read(file_of('{' + std::string(entries) + '}', eight_bytes)), code,
                    part);
    };
    const auto bad = errc::bad_input;
    refuse(R"("a":{"dtype":"F16","shape":[4],"data_offsets":[0,8]})", errc::unsupported, "'F16'");
    refuse(R"("a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]})", bad,
           "[3] does not fit 8 bytes");
    refuse(R"("a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]})", bad, "does not fit");
    refuse(R"("a":{"dtype":"F32","shape":[4294967296,4294967296,4294967298],"data_offsets":[0,8]})",
           bad, "does not fit");
    refuse(R"("a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]})", bad, "a.shape[0]");
    refuse(R"("a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]})", bad, "no range");
    refuse(R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,4,8]})", bad, "no range");
    refuse(R"("a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]})", bad, "data_offsets[0]");
    refuse(R"("a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]})", bad, "starts at byte 4");
    refuse(R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})", bad, "tells of 4");
    refuse(R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
              "b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]})",
           bad, "'b'");
    refuse(R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
              "a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})",
           bad, "appears twice");
    refuse(R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"more":1})", bad, "'more'");
    refuse(R"("a":{"dtype":"F32","data_offsets":[0,8]})", bad, "'shape' is missing");
    refuse(R"("a":[1])", bad, "a list is there");
    refuse(R"("":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})", bad, "name of 0 bytes");
    refuse(R"("__metadata__":{"k":1},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})", bad,
           "__metadata__.k");
}

TEST_CASE("a value that is no number is refused") {
    const case_folder folder;
    const float inf = std::numeric_limits<float>::infinity();
    std::string body(4, '\0');
    std::memcpy(body.data(), &inf, 4);
    CHECK_FAILS(folder.read(file_of('{' + std::string(entry_a) + '}', body)), errc::numeric,
                "tensor 'a'", "inf");
}
