// SPDX-License-Identifier: Apache-2.0
// What the file says, and what the export refuses. onnx_agreement_test.cpp has the values.
#define ONNX_NAMESPACE onnx
#define ONNX_ML 1
#include <onnx/onnx_pb.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "lathe/core/error.hpp"
#include "lathe/core/version.hpp"
#include "lathe/export/onnx.hpp"
#include "reference/random_network.hpp"

using namespace lathe;

namespace {

network small_network() {
    network_builder b;
    const auto image = b.input("image", image_type(3, 8, 6));
    conv2d_op conv;
    conv.weight = whole("stem.weight", {4, 3, 3, 5});
    conv.stride = {2, 1};
    conv.padding = {1, 2};
    auto v = b.add("stem_conv3x5", conv, {image});
    v = b.add("stem_norm", batch_norm_op{whole("stem.scale", {4}), whole("stem.shift", {4})}, {v});
    v = b.add("stem_act", activation_op{activation::hard_swish}, {v});
    v = b.add("pool", global_pool_op{}, {v});
    v = b.add("logits", linear_op{whole("head.weight", {5, 4}), whole("head.bias", {5})}, {v});
    b.output(v, output_role::logits);
    return std::move(b).build();
}

onnx::ModelProto parse(const onnx_model& model) {
    onnx::ModelProto proto;
    REQUIRE(proto.ParseFromString(model.bytes));
    return proto;
}

onnx::ModelProto exported(const network& net, const onnx_options& options = {}) {
    return parse(to_onnx(net, arbitrary_weights(), calibrated_statistics::neutral(net), options));
}

std::vector<std::string> node_names(const onnx::ModelProto& model) {
    std::vector<std::string> names;
    for (const auto& n : model.graph().node()) names.push_back(n.name());
    return names;
}

std::vector<std::string> node_types(const onnx::ModelProto& model) {
    std::vector<std::string> types;
    for (const auto& n : model.graph().node()) types.push_back(n.op_type());
    return types;
}

std::string shape_text(const onnx::ValueInfoProto& value) {
    std::string text;
    for (const auto& d : value.type().tensor_type().shape().dim()) {
        text += (d.has_dim_param() ? d.dim_param() : std::to_string(d.dim_value())) + ' ';
    }
    return text;
}

/// Expects an error of this kind whose message has all of `parts`.
template <class Function>
void expect_error(errc code, const std::vector<std::string>& parts, Function f) {
    try {
        f();
    } catch (const error& e) {
        CHECK(e.code() == code);
        CHECK_FALSE(e.remedy().empty());
        for (const auto& part : parts) CHECK_THAT(e.what(), Catch::Contains(part));
        return;
    }
    FAIL("no error");
}

void expect_refusal(errc code, const std::vector<std::string>& parts, const network& net,
                    const onnx_options& options = {}) {
    expect_error(code, parts, [&] {
        (void)to_onnx(net, arbitrary_weights(), calibrated_statistics::neutral(net), options);
    });
}

/// arbitrary_weights() with one element of one tensor replaced.
weight_reader with_value(std::string tensor, float value) {
    return [=, others = arbitrary_weights()](const param_ref& ref, std::span<float> out) {
        others(ref, out);
        if (ref.tensor == tensor) out.back() = value;
    };
}

}  // namespace

TEST_CASE("Layers, inputs and outputs keep their names") {
    const auto model = exported(small_network());
    const std::vector<std::string> folded{"stem_conv3x5", "stem_act", "pool_mean", "pool",
                                          "logits"};
    CHECK(node_names(model) == folded);
    const auto& graph = model.graph();
    REQUIRE(graph.input_size() == 1);
    CHECK(graph.input(0).name() == "image");
    CHECK(shape_text(graph.input(0)) == "batch 3 8 6 ");
    REQUIRE(graph.output_size() == 1);
    CHECK(graph.output(0).name() == "logits");
    CHECK(shape_text(graph.output(0)) == "batch 5 ");
    REQUIRE(graph.value_info_size() == 3);
    CHECK(graph.value_info(0).name() == "stem_norm");
    CHECK(shape_text(graph.value_info(0)) == "batch 4 4 6 ");
    CHECK(graph.initializer(0).name() == "stem_conv3x5_weight");
    CHECK(graph.initializer(1).name() == "stem_conv3x5_bias");
}

TEST_CASE("A batch norm goes into its convolution unless that is switched off") {
    const std::vector<std::string> folded{"Conv", "HardSwish", "GlobalAveragePool", "Flatten",
                                          "Gemm"};
    const std::vector<std::string> apart{
        "Conv", "BatchNormalization", "HardSwish", "GlobalAveragePool", "Flatten", "Gemm"};
    CHECK(node_types(exported(small_network())) == folded);
    CHECK(node_types(exported(small_network(), {.fold_batch_norm = false})) == apart);
}

TEST_CASE("The softmax head replaces the logits") {
    const auto model = exported(small_network(), {.softmax_head = true});
    REQUIRE(model.graph().output_size() == 1);
    CHECK(model.graph().output(0).name() == "logits_softmax");
    CHECK(node_types(model).back() == "Softmax");
}

TEST_CASE("The model says where it comes from") {
    const auto model = exported(small_network(), {.graph_name = "edge",
                                                  .description = "for the **edge**",
                                                  .metadata = {{"genotype", "3.0.1"},
                                                               {"fingerprint", "caf\xC3\xA9"}}});
    CHECK(model.ir_version() == 7);
    REQUIRE(model.opset_import_size() == 1);
    CHECK(model.opset_import(0).version() == 14);
    CHECK(model.producer_name() == "lathe");
    CHECK(model.producer_version() == std::string(version));
    CHECK(model.doc_string() == "for the **edge**");
    CHECK(model.graph().name() == "edge");
    REQUIRE(model.metadata_props_size() == 2);
    CHECK(model.metadata_props(0).key() == "fingerprint");
    CHECK(model.metadata_props(0).value() == "caf\xC3\xA9");
    CHECK(model.metadata_props(1).key() == "genotype");
    CHECK(model.metadata_props(1).value() == "3.0.1");
}

TEST_CASE("The same network gives the same bytes, in memory and in a file") {
    const auto net = reference::random_network(rng(4), 12);
    const auto statistics = reference::random_statistics(net, rng(5));
    const onnx_options options{.metadata = {{"b", "1"}, {"a", "2"}}};
    const auto first = to_onnx(net, reference::unit_weights(), statistics, options);
    CHECK(to_onnx(net, reference::unit_weights(), statistics, options).bytes == first.bytes);

    const auto path = std::filesystem::path(LATHE_BUILD_DIR) / "same_bytes.onnx";
    save_onnx(path, net, reference::unit_weights(), statistics, options);
    std::ifstream file(path, std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    CHECK(content == first.bytes);
    std::filesystem::remove(path);
}

TEST_CASE("A folder that does not exist is an error that names it") {
    const auto net = small_network();
    const auto path = std::filesystem::path(LATHE_BUILD_DIR) / "no_such_folder" / "edge.onnx";
    expect_error(errc::io, {path.parent_path().string()}, [&] {
        save_onnx(path, net, arbitrary_weights(), calibrated_statistics::neutral(net));
    });
}

TEST_CASE("A weight that is no number is refused by the name of its tensor") {
    const auto net = small_network();
    const auto statistics = calibrated_statistics::neutral(net);
    const float bad = GENERATE(std::numeric_limits<float>::quiet_NaN(),
                               std::numeric_limits<float>::infinity());
    const std::string tensor = GENERATE("stem.weight", "stem.scale", "stem.shift", "head.weight",
                                        "head.bias");
    const bool folded = GENERATE(true, false);
    expect_error(errc::numeric, {"tensor '" + tensor + "'", std::isnan(bad) ? "nan" : "inf"}, [&] {
        (void)to_onnx(net, with_value(tensor, bad), statistics, {.fold_batch_norm = folded});
    });
}

TEST_CASE("A fold that leaves the range of f32 is refused, and possible without the fold") {
    const auto net = small_network();
    std::vector<norm_statistics> by_node(net.nodes().size());
    by_node[static_cast<std::size_t>(net.find("stem_norm"))] = {std::vector<float>(4, 0.0F),
                                                                std::vector<float>(4, 0.0F)};
    const calibrated_statistics statistics(net, element_type::f32, 1, std::move(by_node));
    const auto weights = with_value("stem.scale", 3e38F);
    expect_error(errc::numeric, {"layer 'stem_norm'", "fold_batch_norm"},
                 [&] { (void)to_onnx(net, weights, statistics); });
    CHECK_FALSE(to_onnx(net, weights, statistics, {.fold_batch_norm = false}).bytes.empty());
}

TEST_CASE("Statistics of another network or precision are refused") {
    const auto net = small_network();
    const auto other = reference::random_network(rng(1), 3);
    expect_error(errc::not_calibrated,
                 {to_hex(net.identity_hash()), to_hex(other.identity_hash())}, [&] {
                     (void)to_onnx(net, arbitrary_weights(), calibrated_statistics::neutral(other));
                 });
    std::vector<norm_statistics> by_node;
    for (std::size_t i = 0; i < net.nodes().size(); ++i) {
        by_node.push_back(calibrated_statistics::neutral(net).of(static_cast<value_id>(i)));
    }
    const calibrated_statistics rounded(net, element_type::bf16, 1, std::move(by_node));
    expect_error(errc::not_calibrated, {"bf16"},
                 [&] { (void)to_onnx(net, arbitrary_weights(), rounded); });
}

TEST_CASE("Texts that a reader may choke on are refused") {
    const auto net = small_network();
    expect_refusal(errc::bad_input, {"ONNX graph", "two words"}, net, {.graph_name = "two words"});
    expect_refusal(errc::bad_input, {"ONNX graph"}, net, {.graph_name = ""});
    expect_refusal(errc::bad_input, {"description", "UTF-8"}, net, {.description = "\xFF"});
    expect_refusal(errc::bad_input, {"'note'", "UTF-8"}, net, {.metadata = {{"note", "\xC3"}}});
    expect_refusal(errc::bad_input, {"key", "UTF-8"}, net, {.metadata = {{"\xC3", "1"}}});

    network_builder b;
    b.output(b.add("re lu", activation_op{}, {b.input("image", image_type(1, 2, 2))}),
             output_role::features);
    expect_refusal(errc::bad_input, {"layer 're lu'"}, std::move(b).build());
}

TEST_CASE("A value can be one output only") {
    network_builder b;
    const auto v = b.add("relu", activation_op{}, {b.input("image", image_type(1, 2, 2))});
    b.output(v, output_role::features);
    b.output(v, output_role::logits);
    const auto net = std::move(b).build();
    expect_refusal(errc::bad_input, {"'relu'"}, net);
    CHECK(exported(net, {.softmax_head = true}).graph().output_size() == 2);
}

TEST_CASE("Other element types are refused") {
    network_builder bytes;
    tensor_type type = image_type(1, 2, 2);
    type.element = element_type::u8;
    bytes.output(bytes.add("relu", activation_op{}, {bytes.input("image", type)}),
                 output_role::features);
    expect_refusal(errc::unsupported, {"'image'", "u8[batch,1,2,2]"}, std::move(bytes).build());

    network_builder halves;
    conv2d_op conv;
    conv.weight = whole("w", {1, 1, 1, 1});
    conv.weight.element = element_type::bf16;
    halves.output(halves.add("conv", conv, {halves.input("image", image_type(1, 2, 2))}),
                  output_role::features);
    expect_refusal(errc::unsupported, {"tensor 'w'", "bf16"}, std::move(halves).build());
}

TEST_CASE("2 GiB are refused before any weight is read") {
    network_builder b;
    const auto in = b.input("vector", vector_type(1 << 15));
    b.output(b.add("huge", linear_op{whole("w", {1 << 14, 1 << 15}), whole("b", {1 << 14})}, {in}),
             output_role::logits);
    const auto net = std::move(b).build();
    const weight_reader never = [](const param_ref&, std::span<float>) { FAIL("was read"); };
    expect_error(errc::unsupported, {"2147549184 bytes"}, [&] {
        (void)to_onnx(net, never, calibrated_statistics::neutral(net));
    });
}
