// SPDX-License-Identifier: Apache-2.0
#include "data/byte_stream.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace lathe::detail {
namespace {

constexpr const char* get_again = "the file is truncated or damaged; get it again";

}  // namespace

byte_stream::byte_stream(const std::filesystem::path& path)
    : file_(path), packed_(path.extension() == ".gz") {
    constexpr int gzip_with_largest_window = 16 + 15;
    if (packed_ && inflateInit2(&zlib_, gzip_with_largest_window) != Z_OK) {
        throw error(errc::internal, path.string(), "zlib cannot be initialised");
    }
}

byte_stream::~byte_stream() {
    if (packed_) inflateEnd(&zlib_);
}

error byte_stream::fail(std::uint64_t at, std::string problem, std::string remedy) const {
    return {errc::bad_input, fmt::format("{}: byte {}", file_.path().string(), at),
            std::move(problem), std::move(remedy)};
}

void byte_stream::refill() {
    const auto n = std::min<std::uint64_t>(input_.size(), file_.size() - file_.offset());
    if (n == 0) throw fail(offset_, "the packed data ends too early", get_again);
    file_.read(std::as_writable_bytes(std::span(input_).first(n)));
    zlib_.next_in = input_.data();
    zlib_.avail_in = static_cast<uInt>(n);
}

bool byte_stream::inflate_some() {
    if (zlib_.avail_in == 0) refill();
    const uInt space = zlib_.avail_out;
    const int status = inflate(&zlib_, Z_NO_FLUSH);
    offset_ += space - zlib_.avail_out;
    // Z_BUF_ERROR: zlib wants more input.
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
        throw fail(offset_,
                   fmt::format("the packed data is damaged ({})",
                               zlib_.msg != nullptr ? zlib_.msg : "no gzip file"),
                   get_again);
    }
    return status == Z_STREAM_END;
}

void byte_stream::read(std::span<std::uint8_t> out) {
    if (!packed_) {
        if (out.size() > file_.size() - file_.offset()) {
            throw fail(file_.size(),
                       fmt::format("the file ends {} bytes too early",
                                   out.size() - (file_.size() - file_.offset())),
                       get_again);
        }
        file_.read(std::as_writable_bytes(out));
        offset_ = file_.offset();
        return;
    }
    while (!out.empty()) {
        const auto part = std::min<std::size_t>(out.size(), std::numeric_limits<uInt>::max());
        zlib_.next_out = out.data();
        zlib_.avail_out = static_cast<uInt>(part);
        const bool end = inflate_some();
        out = out.subspan(part - zlib_.avail_out);
        if (end && !out.empty()) {
            throw fail(offset_, fmt::format("the file ends {} bytes too early", out.size()),
                       get_again);
        }
        // The end may come with the last byte; expect_end() must then not look for it again.
        if (end) ended_ = true;
    }
}

void byte_stream::expect_end() {
    if (packed_) {
        std::uint8_t extra = 0;
        while (!ended_) {
            zlib_.next_out = &extra;
            zlib_.avail_out = 1;
            ended_ = inflate_some();
            if (zlib_.avail_out == 0)
                throw fail(offset_ - 1, "there are more bytes than announced", get_again);
        }
        if (zlib_.avail_in == 0 && file_.offset() == file_.size()) return;
        throw fail(offset_, "bytes follow the packed data", get_again);
    }
    if (file_.offset() != file_.size()) {
        throw fail(offset_, fmt::format("{} more bytes than announced", file_.size() - offset_),
                   get_again);
    }
}

std::uint64_t byte_stream::most_that_can_follow() const noexcept {
    constexpr std::uint64_t deflate_limit = 1032;  // one bit pair codes at most 258 bytes
    const std::uint64_t left = file_.size() - file_.offset();
    return packed_ ? (left + zlib_.avail_in + 64) * deflate_limit : left;
}

}  // namespace lathe::detail
