// Images and packed files: whole ones, every prefix of them, and each byte of them changed.
#include "sanitize.h"

extern "C" {
#include "CArchives.h"
#include "CImageCodecs.h"
}

// Before jpeglib.h, which needs FILE.
#include <cstdio>
#include <cstring>
#include <jpeglib.h>
#include <png.h>
#include <zlib.h>

namespace {

using Bytes = std::vector<uint8_t>;

Bytes png(unsigned width, unsigned height, png_uint_32 format) {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.width = width;
    image.height = height;
    image.format = format;
    const Buffer<uint8_t> pixels(PNG_IMAGE_SIZE(image));
    png_alloc_size_t size = 0;
    if (!png_image_write_to_memory(&image, nullptr, &size, 0, pixels.data(), 0, nullptr)) fail("png");
    Bytes bytes(size);
    if (!png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels.data(), 0, nullptr)) fail("png");
    bytes.resize(size);
    return bytes;
}

Bytes jpeg(unsigned width, unsigned height, int channels) {
    jpeg_compress_struct info{};
    jpeg_error_mgr errors{};
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    unsigned char *memory = nullptr;
    unsigned long size = 0;
    jpeg_mem_dest(&info, &memory, &size);
    info.image_width = width;
    info.image_height = height;
    info.input_components = channels;
    info.in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&info);
    jpeg_start_compress(&info, TRUE);
    Buffer<uint8_t> row(width * (size_t)channels);
    JSAMPROW rows[] = {row.data()};
    while (info.next_scanline < height) jpeg_write_scanlines(&info, rows, 1);
    jpeg_finish_compress(&info);
    Bytes bytes(memory, memory + size);
    jpeg_destroy_compress(&info);
    std::free(memory);
    return bytes;
}

/// `window`: 15 + 16 for gzip, −15 for a raw stream.
Bytes packed(size_t count, int window) {
    const Buffer<uint8_t> from(count);
    Bytes bytes(count + 100);
    z_stream stream{};
    if (deflateInit2(&stream, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY) != Z_OK) fail("deflate");
    stream.next_in = const_cast<Bytef *>(from.data());
    stream.avail_in = (uInt)count;
    stream.next_out = bytes.data();
    stream.avail_out = (uInt)bytes.size();
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END) fail("deflate");
    bytes.resize(stream.total_out);
    deflateEnd(&stream);
    return bytes;
}

/// Whether it was read. Every call works on a copy that ends where the bytes end.
bool read_image(const Bytes &bytes) {
    Buffer<uint8_t> exact(bytes.size());
    std::copy(bytes.begin(), bytes.end(), exact.data());
    smoothness_codec_failure failure{};
    size_t width = 0, height = 0;
    char message[20];
    if (smoothness_image_size(exact.data(), exact.size(), &width, &height, &failure)) {
        smoothness_codec_message(&failure, message, sizeof message);
        return false;
    }
    // A damaged header may ask for much; the program refuses what its data are not of the size of.
    if (width * height > 1 << 16) return false;
    Buffer<uint8_t> pixels(width * height * 3);
    return smoothness_image_decode(exact.data(), exact.size(), pixels.data(), pixels.size(), &failure) == 0;
}

template <int packing> bool read_packed(const Bytes &bytes) {
    Buffer<uint8_t> exact(bytes.size());
    std::copy(bytes.begin(), bytes.end(), exact.data());
    smoothness_unpack_failure failure{};
    size_t size = 0, made = 0;
    if (smoothness_unpack(packing, exact.data(), exact.size(), nullptr, 1 << 16, &size, &failure)) return false;
    Buffer<uint8_t> output(size), small(size / 2);
    if (size && !smoothness_unpack(packing, exact.data(), exact.size(), small.data(), small.size(), &made, &failure)) fail("too much was unpacked");
    return smoothness_unpack(packing, exact.data(), exact.size(), output.data(), size, &made, &failure) == 0 && made == size;
}

void torture(const Bytes &whole, bool (*read)(const Bytes &)) {
    if (!read(whole)) fail("what is whole was refused");
    for (size_t length = 0; length < whole.size(); length++) read(Bytes(whole.begin(), whole.begin() + (long)length));
    for (size_t place = 0; place < whole.size(); place++)
        for (uint8_t change : {0x01, 0x80, 0xff}) {
            Bytes damaged = whole;
            damaged[place] ^= change;
            read(damaged);
        }
}

} // namespace

void check_codecs() {
    for (unsigned width : {1, 2, 17})
        for (unsigned height : {1, 3}) {
            for (int format : {(int)PNG_FORMAT_GRAY, (int)PNG_FORMAT_RGB, (int)PNG_FORMAT_RGBA}) torture(png(width, height, (png_uint_32)format), read_image);
            for (int channels : {1, 3, 4}) torture(jpeg(width, height, channels), read_image);
        }
    for (size_t count : {0, 1, 17, 200}) torture(packed(count, 15 + 16), read_packed<SMOOTHNESS_GZIP>);
    torture(packed(200, -15), read_packed<SMOOTHNESS_DEFLATE>);
    torture(packed(0, -15), read_packed<SMOOTHNESS_DEFLATE>);
    if (read_image({}) || read_packed<SMOOTHNESS_GZIP>({})) fail("nothing was read as something");
}
