// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/preset.hpp"
#include "lathe/cli/command_line.hpp"
#include "lathe/core/text.hpp"

namespace lathe::cli {
namespace {

std::string summary(const any_space& space, const genotype& g) {
    const network net = space.lower(g);
    return fmt::format("{:>9} MACs  {:>9} parameters  {}",
                       format_count(static_cast<double>(total_macs(net).value)),
                       format_count(static_cast<double>(total_parameters(net).value)),
                       space.describe(g));
}

void show_member(const any_space& space, const genotype& g, std::ostream& out) {
    const network net = space.lower(g);
    out << fmt::format("genotype  {}\n{}\n\n", to_string(g), summary(space, g));
    out << fmt::format("{:<28} {:<16} {:<26} {:>9}\n", "layer", "type", "result", "MACs");
    for (const node& n : net.nodes()) {
        const auto macs = static_cast<double>(node_macs(net, n).value);
        out << fmt::format("{:<28} {:<16} {:<26} {:>9}\n", n.name, name_of(n.operation),
                           to_string(n.type), macs > 0 ? format_count(macs) : "");
    }
}

}  // namespace

int count_space_command(const std::string& preset, std::ostream& out) {
    const preset_space named(preset);
    out << to_string(named.any().count()) << '\n';
    return exit_code::ok;
}

int sample_space_command(const std::string& preset, std::int64_t members, std::uint64_t seed,
                         std::ostream& out) {
    const preset_space named(preset);
    const any_space space = named.any();
    rng random(seed);
    for (std::int64_t i = 0; i < members; ++i) {
        const genotype g = space.sample(random);
        out << fmt::format("{}  {}\n", to_string(g), summary(space, g));
    }
    return exit_code::ok;
}

int show_space_command(const std::string& preset, const std::string& member, std::ostream& out) {
    const preset_space named(preset);
    const any_space space = named.any();
    if (!member.empty()) {
        show_member(space, space.canonical(parse_genotype(member, space.axes())), out);
        return exit_code::ok;
    }
    out << fmt::format("{}: {} members\nlargest   {}\nsmallest  {}\n\naxes\n", preset,
                       to_string(space.count()), summary(space, named.largest()),
                       summary(space, named.smallest()));
    for (const axis& a : space.axes()) {
        out << fmt::format("  {:<20} {}\n", a.name, fmt::join(a.options, " "));
    }
    return exit_code::ok;
}

}  // namespace lathe::cli
