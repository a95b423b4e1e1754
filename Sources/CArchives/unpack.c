#include "CArchives.h"

#include <stdlib.h>
#include <zlib.h>

enum { chunk = 1 << 16 };

static int fail(smoothness_unpack_failure *failure, size_t offset, const char *message) {
    failure->offset = offset;
    failure->message = message;
    return 1;
}

int smoothness_unpack(int packing, const uint8_t *bytes, size_t count, uint8_t *output, size_t capacity, size_t *made,
                      smoothness_unpack_failure *failure) {
    *made = 0;
    z_stream stream = {0};
    // Negative: no wrapper; 16: gzip's and no other.
    if (inflateInit2(&stream, packing == SMOOTHNESS_GZIP ? 16 + MAX_WBITS : -MAX_WBITS) != Z_OK)
        return fail(failure, 0, "not enough memory");
    // Takes what is only counted, and the one byte too many that tells of more.
    uint8_t scratch[chunk];
    size_t read = 0;
    const char *problem = NULL;
    while (!problem) {
        if (stream.avail_in == 0 && read < count) {
            size_t left = count - read;
            stream.next_in = (Bytef *)bytes + read;
            stream.avail_in = left > chunk ? chunk : (uInt)left;
            read += stream.avail_in;
        }
        size_t room = capacity - *made;
        stream.next_out = output && room ? output + *made : scratch;
        stream.avail_out = room == 0 ? 1 : room > chunk ? chunk : (uInt)room;
        uInt offered = stream.avail_out;
        int status = inflate(&stream, Z_NO_FLUSH);
        size_t fresh = offered - stream.avail_out;
        int is_out_of_input = stream.avail_in == 0 && read == count;
        if (fresh > room) {
            problem = "unpacks to more than it may hold";
            break;
        }
        *made += fresh;
        if (status == Z_STREAM_END) {
            if (packing == SMOOTHNESS_DEFLATE || is_out_of_input) break;
            // A next member; what is no member is refused by its header.
            if (inflateReset(&stream) != Z_OK) problem = "cannot be unpacked";
        } else if (status == Z_BUF_ERROR || (status == Z_OK && fresh == 0)) {
            if (is_out_of_input) problem = "ends in the middle of the compressed data";
        } else if (status != Z_OK) {
            problem = stream.msg ? stream.msg : "cannot be unpacked";
        }
    }
    if (problem) fail(failure, read - stream.avail_in, problem);
    inflateEnd(&stream);
    return problem ? 1 : 0;
}

struct smoothness_inflation {
    z_stream stream;
};

smoothness_inflation *smoothness_inflation_new(void) {
    smoothness_inflation *inflation = calloc(1, sizeof *inflation);
    if (inflation && inflateInit2(&inflation->stream, -MAX_WBITS) != Z_OK) {
        free(inflation);
        return NULL;
    }
    return inflation;
}

void smoothness_inflation_free(smoothness_inflation *inflation) {
    if (!inflation) return;
    inflateEnd(&inflation->stream);
    free(inflation);
}

smoothness_inflated smoothness_inflate_chunk(smoothness_inflation *inflation, const uint8_t *bytes, size_t count, uint8_t *output,
                                       size_t offset, size_t capacity) {
    smoothness_inflated result = {0};
    z_stream *stream = &inflation->stream;
    while (offset + result.made < capacity && !result.is_at_end) {
        size_t left = count - result.used, room = capacity - offset - result.made;
        stream->next_in = (Bytef *)bytes + result.used;
        stream->avail_in = left > chunk ? chunk : (uInt)left;
        stream->next_out = output + offset + result.made;
        stream->avail_out = room > chunk ? chunk : (uInt)room;
        uInt given = stream->avail_in, offered = stream->avail_out;
        int status = inflate(stream, Z_NO_FLUSH);
        result.used += given - stream->avail_in;
        result.made += offered - stream->avail_out;
        if (status == Z_STREAM_END) {
            result.is_at_end = 1;
        } else if (status != Z_OK && status != Z_BUF_ERROR) {
            result.problem = stream->msg ? stream->msg : "cannot be unpacked";
            break;
        } else if (given == stream->avail_in && offered == stream->avail_out) {
            // More input is needed.
            break;
        }
    }
    // Nothing of the caller's memory is kept.
    stream->next_in = Z_NULL;
    stream->next_out = Z_NULL;
    stream->avail_in = stream->avail_out = 0;
    return result;
}
