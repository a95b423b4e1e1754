// JPEG and PNG from the system's libjpeg and libpng, out of memory and into memory of the caller.
//
// Both image libraries report errors by `longjmp`; it stays inside these functions. Every function returns 0 on success;
// otherwise it returns nonzero and fills `failure`.
#ifndef SMOOTHNESS_CIMAGECODECS_H
#define SMOOTHNESS_CIMAGECODECS_H
#include <stddef.h>
#include <stdint.h>

typedef struct smoothness_codec_failure {
    // How many bytes of the input had been read when it happened.
    size_t offset;
    // The library's own words.
    char message[200];
} smoothness_codec_failure;

/// Copies the message with a terminating zero, cut to `capacity` bytes.
void smoothness_codec_message(const smoothness_codec_failure *failure, char *text, size_t capacity);

/// The size of a JPEG or PNG image in pixels, from its header.
int smoothness_image_size(const uint8_t *bytes, size_t count, size_t *width, size_t *height,
                          smoothness_codec_failure *failure);

/// Decodes a JPEG or PNG image to red, green, blue, 8 bits each: [height][width][3], row-major. `capacity` is
/// height · width · 3.
///
/// Grey becomes three equal channels, transparency is left out, 16 bits are scaled to 8, colour profiles and gamma are not
/// applied. A JPEG of four channels (CMYK) becomes (255 − k)(255 − c)/255 and so on, as Pillow converts it.
int smoothness_image_decode(const uint8_t *bytes, size_t count, uint8_t *pixels, size_t capacity,
                            smoothness_codec_failure *failure);
#endif
