// SPDX-License-Identifier: Apache-2.0
#include "lathe/export/onnx.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <variant>

#include "export/onnx_writer.hpp"
#include "format/utf8.hpp"
#include "lathe/core/error.hpp"
#include "lathe/core/version.hpp"
#include "lathe/format/file.hpp"

namespace lathe {
namespace {

// Opset 14 came with version 7 of the format (ONNX 1.9, 2021): every current runtime reads both.
constexpr std::int64_t format_version = 7;
constexpr std::int64_t opset_version = 14;

void check_statistics(const network& net, const calibrated_statistics& statistics) {
    constexpr const char* place = "ONNX export";
    constexpr const char* remedy = "calibrate this very network in f32 before it is exported";
    if (statistics.network_identity() != net.identity_hash()) {
        throw error(errc::not_calibrated, place,
                    fmt::format("the statistics are those of network {}, not of {}",
                                to_hex(statistics.network_identity()), to_hex(net.identity_hash())),
                    remedy);
    }
    if (statistics.precision() != element_type::f32) {
        throw error(errc::not_calibrated, place,
                    fmt::format("the statistics were measured in {}",
                                to_string(statistics.precision())),
                    remedy);
    }
}

/// Runtimes differ in what they take; visible ASCII passes everywhere.
void check_name(const std::string& place, std::string_view name) {
    const auto visible = [](char c) { return c > ' ' && c <= '~'; };
    if (name.empty() || !std::ranges::all_of(name, visible)) {
        throw error(errc::bad_input, place,
                    fmt::format("the name '{}' is not made of visible ASCII characters", name),
                    "use letters, digits and underscores");
    }
}

void check_text(const std::string& place, const std::string& text) {
    if (!detail::valid_utf8(text)) {
        throw error(errc::bad_input, place, "the text is not UTF-8", "convert it to UTF-8");
    }
}

void check_texts(const network& net, const onnx_options& options) {
    check_name("ONNX graph", options.graph_name);
    for (const node& n : net.nodes()) check_name(fmt::format("layer '{}'", n.name), n.name);
    check_text("ONNX description", options.description);
    for (const auto& [key, value] : options.metadata) {
        check_text("key of ONNX metadata", key);
        check_text(fmt::format("ONNX metadata '{}'", key), value);
    }
}

/// A protobuf message holds less than 2 GiB.
void check_size(std::uint64_t bytes) {
    if (bytes > std::numeric_limits<std::int32_t>::max()) {
        throw error(errc::unsupported, "ONNX export",
                    fmt::format("the model has {} bytes, the format holds less than 2 GiB", bytes),
                    "export a smaller network");
    }
}

void write_outputs(const network& net, const onnx_options& options, detail::onnx_writer& writer) {
    for (const network_output& output : net.outputs()) {
        const node& n = net.at(output.value);
        if (options.softmax_head && output.role == output_role::logits) {
            auto& softmax = writer.add_inner("Softmax", output.value, "softmax", {n.name});
            detail::set_attribute(softmax, "axis", std::int64_t{-1});
            writer.add_output(softmax.output(0), n.type);
        } else {
            writer.add_output(n.name, n.type);
        }
    }
}

void write_value_types(const network& net, detail::onnx_writer& writer) {
    for (std::size_t i = 0; i < net.nodes().size(); ++i) {
        const auto id = static_cast<value_id>(i);
        const node& n = net.at(id);
        const bool is_input = std::holds_alternative<input_op>(n.operation);
        if (!is_input && !writer.norm_folded_into(id)) writer.add_value_type(n.name, n.type);
    }
}

}  // namespace

onnx_model to_onnx(const network& net, const weight_reader& weights,
                   const calibrated_statistics& statistics, const onnx_options& options) {
    check_statistics(net, statistics);
    check_texts(net, options);
    check_size(static_cast<std::uint64_t>(total_parameters(net).value) * sizeof(float));

    onnx::ModelProto model;
    model.set_ir_version(format_version);
    model.set_producer_name("lathe");
    model.set_producer_version(std::string(version));
    model.set_doc_string(options.description);
    auto& opset = *model.add_opset_import();
    opset.set_domain("");
    opset.set_version(opset_version);
    for (const auto& [key, value] : options.metadata) {
        auto& entry = *model.add_metadata_props();
        entry.set_key(key);
        entry.set_value(value);
    }

    auto& graph = *model.mutable_graph();
    graph.set_name(options.graph_name);
    detail::onnx_writer writer(net, weights, statistics, options, graph);
    for (std::size_t i = 0; i < net.nodes().size(); ++i) {
        const auto id = static_cast<value_id>(i);
        std::visit([&](const auto& o) { write_onnx(writer, id, o); }, net.at(id).operation);
    }
    write_outputs(net, options, writer);
    write_value_types(net, writer);

    check_size(model.ByteSizeLong());
    return {model.SerializeAsString()};
}

void save_onnx(const std::filesystem::path& path, const network& net, const weight_reader& weights,
               const calibrated_statistics& statistics, const onnx_options& options) {
    write_file_atomic(path, to_onnx(net, weights, statistics, options).bytes);
}

}  // namespace lathe
