// SPDX-License-Identifier: Apache-2.0
#include "lathe/network/tensor_type.hpp"

#include <catch2/catch.hpp>
#include <set>

using namespace lathe;

TEST_CASE("types print as element[extents]") {
    CHECK(to_string(image_type(16, 28, 24)) == "f32[batch,16,28,24]");
    CHECK(to_string(vector_type(10)) == "f32[batch,10]");
    CHECK(to_string(tensor_type{{dim(3), dim::symbolic("time")}, element_type::s8, {}}) ==
          "s8[3,time]");
}

TEST_CASE("sizes replace every symbol") {
    CHECK(element_count(image_type(3, 4, 5), 1) == 60);
    CHECK(element_count(image_type(3, 4, 5), 7) == 420);
    CHECK(byte_size(vector_type(10), 2) == 80);
    auto half = vector_type(10);
    half.element = element_type::bf16;
    CHECK(byte_size(half, 2) == 40);
    CHECK(element_count({{dim::symbolic("a"), dim::symbolic("b")}, element_type::u8, {}}, 3) == 9);
}

TEST_CASE("extents are counted without overflow") {
    const auto countable = [](std::vector<std::int64_t> extents) { return is_countable(extents); };
    CHECK(countable({}));
    CHECK(countable({most_elements, 1}));
    CHECK_FALSE(countable({most_elements, 2}));
    CHECK_FALSE(countable({1, most_elements + 1}));
    CHECK_FALSE(countable({std::int64_t{1} << 62, std::int64_t{1} << 62, 3}));
}

TEST_CASE("element types have names and sizes of their own") {
    std::set<std::string_view> names;
    std::int64_t bytes = 0;
    for (int i = 0; i < 6; ++i) {
        names.insert(to_string(static_cast<element_type>(i)));
        bytes += size_of(static_cast<element_type>(i));
    }
    CHECK(names.size() == 6);
    CHECK(bytes == 4 + 2 + 2 + 1 + 1 + 4);
}

TEST_CASE("every part of a type changes its hash") {
    const auto hash_type = [](const tensor_type& t) {
        hasher h;
        add_to(h, t);
        return h.value();
    };
    auto half = image_type(3, 4, 5);
    half.element = element_type::f16;
    auto fixed_batch = image_type(3, 4, 5);
    fixed_batch.dims[0] = 1;
    auto named = image_type(3, 4, 5);
    named.dims[0] = dim::symbolic("items");
    auto quantized = image_type(3, 4, 5);
    quantized.quantized = quantization{};
    auto shifted = quantized;
    shifted.quantized->zero_point = 1;
    auto scaled = quantized;
    scaled.quantized->scale = 2.0F;
    std::set<hash64> hashes;
    for (const auto& t : {image_type(3, 4, 5), image_type(4, 3, 5), vector_type(3), half,
                          fixed_batch, named, quantized, shifted, scaled}) {
        hashes.insert(hash_type(t));
    }
    CHECK(hashes.size() == 9);
    CHECK(hash_type(image_type(3, 4, 5)) == hash_type(image_type(3, 4, 5)));
}
