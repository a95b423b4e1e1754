#include "codecs.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

struct source {
    const uint8_t *bytes;
    size_t count;
    size_t offset;
    smoothness_codec_failure *failure;
};

static _Noreturn void give_up(png_structp png, png_const_charp message) {
    struct source *source = png_get_error_ptr(png);
    fail(source->failure, source->offset, message);
    png_longjmp(png, 1);
}

/// Warnings are about chunks that do not change the pixels.
static void take_warning(png_structp png, png_const_charp message) {
    (void)png;
    (void)message;
}

static void read_bytes(png_structp png, png_bytep target, size_t count) {
    struct source *source = png_get_io_ptr(png);
    if (source->count - source->offset < count) {
        source->offset = source->count;
        png_error(png, "the file ends too early");
    }
    memcpy(target, source->bytes + source->offset, count);
    source->offset += count;
}

static void ask_for_rgb(png_structp png) {
    png_set_scale_16(png);
    png_set_expand(png);
    png_set_strip_alpha(png);
    png_set_gray_to_rgb(png);
}

int png_read(const uint8_t *bytes, size_t count, uint8_t *pixels, size_t capacity, size_t *width, size_t *height,
             smoothness_codec_failure *failure) {
    struct source source = {bytes, count, 0, failure};
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &source, give_up, take_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        png_destroy_read_struct(&png, NULL, NULL);
        return fail(failure, 0, "not enough memory");
    }
    png_bytep *volatile rows = NULL;
    volatile int status = 1;
    if (setjmp(png_jmpbuf(png)) == 0) {
        png_set_read_fn(png, &source, read_bytes);
        png_read_info(png, info);
        *width = png_get_image_width(png, info);
        *height = png_get_image_height(png, info);
        if (*width * *height > most_pixels) {
            fail(failure, source.offset, "more pixels than an image of these has");
        } else if (*height * png_get_rowbytes(png, info) / 1100 > count) {
            // Before memory is set aside: deflate makes at most 1032 bytes of one.
            fail(failure, source.offset, "more pixels than the file can hold");
        } else if (!pixels) {
            status = 0;
        } else if (capacity != *width * *height * 3) {
            fail(failure, 0, "the memory given is not that of the image");
        } else {
            ask_for_rgb(png);
            png_set_interlace_handling(png);
            png_read_update_info(png, info);
            if (png_get_rowbytes(png, info) != *width * 3) png_error(png, "a row is not three bytes a pixel");
            rows = malloc(*height * sizeof(png_bytep));
            if (!rows) png_error(png, "not enough memory");
            for (size_t y = 0; y < *height; y++) rows[y] = pixels + y * *width * 3;
            png_read_image(png, rows);
            png_read_end(png, NULL);
            status = 0;
        }
    }
    free(rows);
    png_destroy_read_struct(&png, &info, NULL);
    return status;
}
