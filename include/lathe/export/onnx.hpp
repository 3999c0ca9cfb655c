// SPDX-License-Identifier: Apache-2.0
// Writes a network with its weights and statistics as an ONNX model.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "lathe/network/network.hpp"
#include "lathe/network/statistics.hpp"
#include "lathe/network/weights.hpp"

namespace lathe {

struct onnx_options {
    std::string graph_name = "network";
    std::string description{};                      ///< doc_string of the model, Markdown
    std::map<std::string, std::string> metadata{};  ///< metadata_props of the model
    /// Fold a batch norm into the convolution before it where nothing else reads that convolution.
    bool fold_batch_norm = true;
    /// Replace every output of role logits by its softmax, named "<output>_softmax".
    bool softmax_head = false;
};

/// A serialised ModelProto.
struct onnx_model {
    std::string bytes;
};

/// Inputs, outputs, layers and the values between them keep the names they have in `net`; symbols
/// such as "batch" stay symbols; weights are inside. The same arguments give the same bytes.
/// docs/export.md lists the operators and the versions of the format.
///
/// Throws not_calibrated when the statistics are not those of `net` in f32; numeric when a weight
/// is not finite, naming its tensor, or leaves the range of f32 in a fold; bad_input for a text or
/// name that the format cannot hold and for a value listed as two outputs; unsupported for element
/// types other than f32 and for 2 GiB or more.
/// O(weights).
[[nodiscard]] onnx_model to_onnx(const network& net, const weight_reader& weights,
                                 const calibrated_statistics& statistics,
                                 const onnx_options& options = {});

/// Writes to_onnx() to `path`, whole or not at all. Also throws io, naming the path.
void save_onnx(const std::filesystem::path& path, const network& net, const weight_reader& weights,
               const calibrated_statistics& statistics, const onnx_options& options = {});

}  // namespace lathe
