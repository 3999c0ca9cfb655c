// SPDX-License-Identifier: Apache-2.0
// The bytes of a file, unpacked if its name ends in ".gz".
#pragma once

#include <zlib.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "lathe/core/error.hpp"
#include "lathe/format/file.hpp"

namespace lathe::detail {

/// Reads forward only. Errors name the file and the offset in the unpacked bytes.
class byte_stream {
public:
    explicit byte_stream(const std::filesystem::path& path);
    ~byte_stream();
    byte_stream(const byte_stream&) = delete;
    byte_stream& operator=(const byte_stream&) = delete;

    /// Fills `out` completely or throws.
    void read(std::span<std::uint8_t> out);
    /// Throws unless everything was read; for a packed file this checks its checksum.
    void expect_end();
    /// No more than this many bytes can follow, whatever the file says about itself.
    [[nodiscard]] std::uint64_t most_that_can_follow() const noexcept;

    [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
    [[nodiscard]] error fail(std::uint64_t at, std::string problem, std::string remedy) const;

private:
    /// One step of zlib; true at the end of the packed data.
    bool inflate_some();
    void refill();

    input_file file_;
    std::uint64_t offset_ = 0;
    bool packed_;
    bool ended_ = false;
    z_stream zlib_{};
    std::array<std::uint8_t, 65536> input_{};
};

}  // namespace lathe::detail
