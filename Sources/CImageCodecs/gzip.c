#include "codecs.h"

#include <stdlib.h>
#include <zlib.h>

enum { piece = 1 << 16 };

/// Unpacks to `output` of `capacity` bytes, or only counts, up to that number, where it is NULL.
static int unpack(const uint8_t *bytes, size_t count, uint8_t *output, size_t capacity, size_t *size,
                  smoothness_codec_failure *failure) {
    uint8_t *scratch = output ? NULL : malloc(piece);
    if (!output && !scratch) return fail(failure, 0, "not enough memory");
    z_stream stream = {0};
    // 16: gzip's wrapper and no other.
    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) {
        free(scratch);
        return fail(failure, 0, "not enough memory");
    }
    size_t read = 0, written = 0;
    const char *problem = NULL;
    uint8_t overflow;
    while (!problem) {
        if (stream.avail_in == 0 && read < count) {
            size_t left = count - read;
            stream.next_in = (Bytef *)bytes + read;
            stream.avail_in = left > piece ? piece : (uInt)left;
            read += stream.avail_in;
        }
        size_t room = output ? capacity - written : piece;
        // One byte too many is noticed, not written into the caller's memory.
        stream.next_out = output ? (room ? output + written : &overflow) : scratch;
        stream.avail_out = room == 0 ? 1 : room > piece ? piece : (uInt)room;
        uInt offered = stream.avail_out;
        int status = inflate(&stream, Z_NO_FLUSH);
        size_t made = offered - stream.avail_out;
        written += made;
        if (written > capacity) problem = output ? "holds more than its size" : "unpacks to more than it may hold";
        if (status == Z_STREAM_END) {
            size_t left = count - read + stream.avail_in;
            if (left == 0) break;
            // A next member; what is no member is refused by its header.
            if (inflateReset(&stream) != Z_OK) problem = "cannot be unpacked";
        } else if (status == Z_BUF_ERROR || (status == Z_OK && made == 0 && stream.avail_in == 0 && read == count)) {
            if (stream.avail_in == 0 && read == count) problem = "ends in the middle of the compressed data";
        } else if (status != Z_OK) {
            problem = stream.msg ? stream.msg : "cannot be unpacked";
        }
    }
    if (problem) fail(failure, read - stream.avail_in, problem);
    inflateEnd(&stream);
    free(scratch);
    if (!problem && output && written != capacity) {
        problem = "holds less than its size";
        fail(failure, count, problem);
    }
    if (size) *size = written;
    return problem ? 1 : 0;
}

int smoothness_gunzip_size(const uint8_t *bytes, size_t count, size_t most, size_t *size,
                           smoothness_codec_failure *failure) {
    return unpack(bytes, count, NULL, most, size, failure);
}

int smoothness_gunzip(const uint8_t *bytes, size_t count, uint8_t *output, size_t capacity,
                      smoothness_codec_failure *failure) {
    return unpack(bytes, count, output, capacity, NULL, failure);
}

size_t smoothness_gunzip_start(const uint8_t *bytes, size_t count, uint8_t *output, size_t capacity) {
    z_stream stream = {0};
    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) return 0;
    stream.next_in = (Bytef *)bytes;
    stream.avail_in = count > piece ? piece : (uInt)count;
    stream.next_out = output;
    stream.avail_out = (uInt)capacity;
    // Whatever is wrong, what was made is counted; unpacking all of it tells the rest.
    inflate(&stream, Z_NO_FLUSH);
    inflateEnd(&stream);
    return capacity - stream.avail_out;
}

int smoothness_inflate(const uint8_t *bytes, size_t count, uint8_t *output, size_t capacity) {
    z_stream stream = {0};
    // Negative: no wrapper.
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return 1;
    size_t read = 0, written = 0;
    uint8_t overflow;
    int status = Z_OK;
    while (status == Z_OK) {
        if (stream.avail_in == 0 && read < count) {
            size_t left = count - read;
            stream.next_in = (Bytef *)bytes + read;
            stream.avail_in = left > piece ? piece : (uInt)left;
            read += stream.avail_in;
        }
        size_t room = capacity - written;
        stream.next_out = room ? output + written : &overflow;
        stream.avail_out = room == 0 ? 1 : room > piece ? piece : (uInt)room;
        uInt offered = stream.avail_out;
        status = inflate(&stream, Z_NO_FLUSH);
        size_t made = offered - stream.avail_out;
        if (made > room) status = Z_DATA_ERROR;
        written += made;
    }
    inflateEnd(&stream);
    return status == Z_STREAM_END && written == capacity ? 0 : 1;
}

uint32_t smoothness_crc32(uint32_t checksum, const uint8_t *bytes, size_t count) {
    return (uint32_t)crc32_z(checksum, bytes, count);
}
