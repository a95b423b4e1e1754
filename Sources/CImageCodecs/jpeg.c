#include "codecs.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
// After jpeglib.h, which it needs.
#include <jerror.h>

/// A progressive image has some ten scans; each of thousands would take as long as the whole image.
enum { most_scans = 200 };

/// Lives outside the frame that `longjmp` returns to, so that nothing in it is lost.
struct decoder {
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    size_t count;
    uint8_t *row;
    smoothness_codec_failure *failure;
};

static _Noreturn void give_up(j_common_ptr info) {
    struct decoder *decoder = info->client_data;
    char message[JMSG_LENGTH_MAX];
    info->err->format_message(info, message);
    struct jpeg_source_mgr *source = decoder->info.src;
    fail(decoder->failure, source ? decoder->count - source->bytes_in_buffer : 0, message);
    longjmp(decoder->escape, 1);
}

/// libjpeg goes on with grey where data are missing; here that is an error. Its other warnings are about what it can mend.
static void take_warning(j_common_ptr info, int level) {
    if (level >= 0) return;
    int code = info->err->msg_code;
    if (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER) {
        // At the end of the data libjpeg has put a buffer of its own in place of ours.
        if (code == JWRN_JPEG_EOF) ((struct decoder *)info->client_data)->info.src->bytes_in_buffer = 0;
        give_up(info);
    }
}

static void count_scans(j_common_ptr info) {
    struct decoder *decoder = info->client_data;
    if (decoder->info.input_scan_number <= most_scans) return;
    struct jpeg_source_mgr *source = decoder->info.src;
    fail(decoder->failure, decoder->count - source->bytes_in_buffer, "more scans than an image has");
    longjmp(decoder->escape, 1);
}

/// (255 − c)(255 − k)/255, rounded, where `c` and `k` are amounts of ink.
static uint8_t without_ink(uint8_t c, uint8_t k) {
    unsigned white = 255u - k, product = (unsigned)c * white + 128;
    return (uint8_t)(white - ((product + (product >> 8)) >> 8));
}

static void read_rows(struct decoder *decoder, uint8_t *pixels) {
    struct jpeg_decompress_struct *info = &decoder->info;
    size_t stride = (size_t)info->output_width * 3;
    if (info->out_color_space != JCS_CMYK) {
        while (info->output_scanline < info->output_height) {
            JSAMPROW row = pixels + info->output_scanline * stride;
            jpeg_read_scanlines(info, &row, 1);
        }
        return;
    }
    while (info->output_scanline < info->output_height) {
        uint8_t *target = pixels + info->output_scanline * stride;
        JSAMPROW row = decoder->row;
        jpeg_read_scanlines(info, &row, 1);
        // Adobe's programs write ink inverted.
        uint8_t flip = info->saw_Adobe_marker ? 0xff : 0;
        for (size_t x = 0; x < info->output_width; x++)
            for (size_t channel = 0; channel < 3; channel++)
                target[3 * x + channel] = without_ink(row[4 * x + channel] ^ flip, row[4 * x + 3] ^ flip);
    }
}

int jpeg_read(const uint8_t *bytes, size_t count, uint8_t *pixels, size_t capacity, size_t *width, size_t *height,
              smoothness_codec_failure *failure) {
    struct decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder) return fail(failure, 0, "not enough memory");
    decoder->count = count;
    decoder->failure = failure;
    decoder->info.err = jpeg_std_error(&decoder->errors);
    decoder->info.client_data = decoder;
    decoder->errors.error_exit = give_up;
    decoder->errors.emit_message = take_warning;
    volatile int status = 1;
    if (setjmp(decoder->escape) == 0) {
        jpeg_create_decompress(&decoder->info);
        decoder->progress.progress_monitor = count_scans;
        decoder->info.progress = &decoder->progress;
        jpeg_mem_src(&decoder->info, bytes, count);
        jpeg_read_header(&decoder->info, TRUE);
        *width = decoder->info.image_width;
        *height = decoder->info.image_height;
        if (*width * *height > most_pixels) {
            fail(failure, count - decoder->info.src->bytes_in_buffer, "more pixels than an image of these has");
        } else if (!pixels) {
            status = 0;
        } else if (capacity != *width * *height * 3) {
            fail(failure, 0, "the memory given is not that of the image");
        } else {
            bool is_cmyk = decoder->info.jpeg_color_space == JCS_CMYK || decoder->info.jpeg_color_space == JCS_YCCK;
            decoder->info.out_color_space = is_cmyk ? JCS_CMYK : JCS_RGB;
            jpeg_start_decompress(&decoder->info);
            if (is_cmyk) decoder->row = malloc((size_t)decoder->info.output_width * 4);
            if (is_cmyk && !decoder->row) {
                fail(failure, 0, "not enough memory");
            } else {
                read_rows(decoder, pixels);
                jpeg_finish_decompress(&decoder->info);
                status = 0;
            }
        }
    }
    jpeg_destroy_decompress(&decoder->info);
    free(decoder->row);
    free(decoder);
    return status;
}
