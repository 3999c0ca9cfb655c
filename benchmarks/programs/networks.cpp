// SPDX-License-Identifier: Apache-2.0
#include "networks.hpp"

#include <filesystem>
#include <numeric>
#include <utility>
#include <variant>

#include "lathe/core/error.hpp"
#include "lathe/core/rng.hpp"
#include "lathe/format/json_reader.hpp"

namespace lathe::benchmarks {
namespace {

mobile_space_spec read_spec(const std::filesystem::path& path) {
    const json_value file = read_json(path);
    json_reader reader(file, path.string());
    mobile_space_spec spec;
    auto image = reader.at("image");
    spec.input_channels = image.get<std::int64_t>("channels");
    spec.resolutions = {image.get<std::int64_t>("size")};
    image.finish();
    spec.classes = reader.get<std::int64_t>("classes");
    auto stem = reader.at("stem");
    spec.stem_widths = {stem.get<std::int64_t>("width")};
    spec.stem_stride = stem.get<std::int64_t>("stride");
    stem.finish();
    for (auto& s : reader.at("stages").elements()) {
        mobile_stage stage;
        stage.min_depth = stage.max_depth = s.get<std::int64_t>("depth");
        stage.widths = {s.get<std::int64_t>("width")};
        stage.expansions = {s.get<std::int64_t>("expansion")};
        stage.kernels = {s.get<std::int64_t>("kernel")};
        stage.stride = s.get<std::int64_t>("stride");
        s.finish();
        spec.stages.push_back(std::move(stage));
    }
    auto head = reader.at("head");
    spec.head_width = head.get<std::int64_t>("width");
    head.finish();
    reader.finish();
    return spec;
}

json_value pair(const extent2& e) { return json_array{e[0], e[1]}; }

json_value parameter_json(const param_ref& ref) {
    const param_region region = resolve(ref);
    if (!region.is_box()) {
        throw error(errc::unsupported, ref.tensor, "the view is no box", "describe slices only");
    }
    json_array ranges;
    for (const auto& r : region.ranges) ranges.push_back(json_array{r[0].begin, r[0].end});
    return json_object{{"tensor", ref.tensor}, {"ranges", std::move(ranges)}};
}

void add_attributes(const input_op& o, json_object& layer) {
    json_array shape;
    for (std::size_t d = 1; d < o.type.dims.size(); ++d) shape.push_back(o.type.dims[d].size());
    layer["shape"] = std::move(shape);
}
void add_attributes(const conv2d_op& o, json_object& layer) {
    layer["weight"] = parameter_json(o.weight);
    layer["stride"] = pair(o.stride);
    layer["padding"] = pair(o.padding);
    layer["groups"] = o.groups;
}
void add_attributes(const batch_norm_op& o, json_object& layer) {
    layer["scale"] = parameter_json(o.scale);
    layer["shift"] = parameter_json(o.shift);
    layer["epsilon"] = o.epsilon;
}
void add_attributes(const activation_op& o, json_object& layer) {
    layer["kind"] = to_string(o.kind);
}
void add_attributes(const add_op&, json_object&) {}
void add_attributes(const global_pool_op&, json_object&) {}
void add_attributes(const linear_op& o, json_object& layer) {
    layer["weight"] = parameter_json(o.weight);
    layer["bias"] = parameter_json(o.bias);
}
template <class Other>
void add_attributes(const Other& o, json_object&) {
    throw error(errc::unsupported, "description of a network",
                "there is a layer of type " + std::string(name_of(o)), "describe mobile networks");
}

}  // namespace

mobile_space read_space(const std::string& name) {
    return mobile_space(name == "mobile32" ? mobile32() : read_spec(name));
}

network fixed_member(const mobile_space& space, std::uint64_t index) {
    rng random(index);
    return space.lower(space.sample(random));
}

std::vector<network> fixed_step(const mobile_space& space) {
    std::vector<network> nets;
    nets.push_back(space.lower(space.largest()));
    if (space.axes().empty()) return nets;
    for (const std::uint64_t member : {0U, 1U}) nets.push_back(fixed_member(space, member));
    nets.push_back(space.lower(space.smallest()));
    return nets;
}

json_value describe(const network& net) {
    json_array layers;
    for (const node& n : net.nodes()) {
        json_array inputs;
        for (const value_id in : n.inputs) inputs.push_back(in);
        json_object layer{{"op", name_of(n.operation)}, {"inputs", std::move(inputs)}};
        std::visit([&](const auto& o) { add_attributes(o, layer); }, n.operation);
        layers.push_back(std::move(layer));
    }
    return json_object{{"layers", std::move(layers)}, {"output", net.outputs()[0].value}};
}

image_set random_images(std::size_t count, image_shape shape, std::int32_t classes) {
    rng random(count);
    std::vector<std::uint8_t> pixels(count * shape.elements());
    for (auto& p : pixels) p = static_cast<std::uint8_t>(random.below(256));
    std::vector<std::uint8_t> labels(count);
    for (auto& l : labels) {
        l = static_cast<std::uint8_t>(random.below(static_cast<std::uint32_t>(classes)));
    }
    return {shape, classes, std::move(pixels), std::move(labels)};
}

normalization scale_of(image_shape shape) {
    const auto channels = static_cast<std::size_t>(shape.channels);
    return {std::vector<float>(channels, 127.5F), std::vector<float>(channels, 64.0F)};
}

std::vector<std::uint32_t> all_of(const image_set& images) {
    std::vector<std::uint32_t> all(images.size());
    std::iota(all.begin(), all.end(), 0U);
    return all;
}

std::vector<float> channels_first(std::span<const float> images, std::int64_t count,
                                  std::int64_t height, std::int64_t width, std::int64_t channels) {
    std::vector<float> planes(images.size());
    const auto area = static_cast<std::size_t>(height * width);
    const auto depth = static_cast<std::size_t>(channels);
    for (std::size_t n = 0; n < static_cast<std::size_t>(count); ++n) {
        for (std::size_t p = 0; p < area; ++p) {
            for (std::size_t c = 0; c < depth; ++c) {
                planes[(n * depth + c) * area + p] = images[(n * area + p) * depth + c];
            }
        }
    }
    return planes;
}

}  // namespace lathe::benchmarks
