// What the files of this target share.
#ifndef SMOOTHNESS_CODECS_H
#define SMOOTHNESS_CODECS_H
#include "CImageCodecs.h"

/// The most pixels that an image may have; a header that claims more is taken for damage.
enum { most_pixels = 1 << 26 };

int fail(smoothness_codec_failure *failure, size_t offset, const char *message);

/// With `pixels` NULL only the size is read.
int jpeg_read(const uint8_t *bytes, size_t count, uint8_t *pixels, size_t capacity, size_t *width, size_t *height,
              smoothness_codec_failure *failure);
int png_read(const uint8_t *bytes, size_t count, uint8_t *pixels, size_t capacity, size_t *width, size_t *height,
             smoothness_codec_failure *failure);
#endif
