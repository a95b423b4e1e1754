#include "codecs.h"

#include <stdio.h>
#include <string.h>

int fail(smoothness_codec_failure *failure, size_t offset, const char *message) {
    failure->offset = offset;
    snprintf(failure->message, sizeof failure->message, "%s", message);
    return 1;
}

void smoothness_codec_message(const smoothness_codec_failure *failure, char *text, size_t capacity) {
    if (capacity) snprintf(text, capacity, "%s", failure->message);
}

static int read_image(const uint8_t *bytes, size_t count, uint8_t *pixels, size_t capacity, size_t *width,
                      size_t *height, smoothness_codec_failure *failure) {
    static const uint8_t jpeg[] = {0xff, 0xd8, 0xff}, png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    if (count >= sizeof jpeg && memcmp(bytes, jpeg, sizeof jpeg) == 0)
        return jpeg_read(bytes, count, pixels, capacity, width, height, failure);
    if (count >= sizeof png && memcmp(bytes, png, sizeof png) == 0)
        return png_read(bytes, count, pixels, capacity, width, height, failure);
    return fail(failure, 0, "neither a JPEG nor a PNG image");
}

int smoothness_image_size(const uint8_t *bytes, size_t count, size_t *width, size_t *height,
                          smoothness_codec_failure *failure) {
    return read_image(bytes, count, NULL, 0, width, height, failure);
}

int smoothness_image_decode(const uint8_t *bytes, size_t count, uint8_t *pixels, size_t capacity,
                            smoothness_codec_failure *failure) {
    size_t width, height;
    return read_image(bytes, count, pixels, capacity, &width, &height, failure);
}
