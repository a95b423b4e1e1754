#include "CDigest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

static void write_hexadecimal(const unsigned char *digest, unsigned int count, char *hexadecimal) {
    for (unsigned int i = 0; i < count && i < 32; i++) snprintf(hexadecimal + 2 * i, 3, "%02x", digest[i]);
}

int smoothness_sha256_bytes(const void *bytes, size_t count, char hexadecimal[65]) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    if (EVP_Digest(bytes, count, digest, &length, EVP_sha256(), NULL) != 1) return EIO;
    write_hexadecimal(digest, length, hexadecimal);
    return 0;
}

int smoothness_sha256_file(const char *path, char hexadecimal[65], uint64_t *byte_count) {
    FILE *file = fopen(path, "rb");
    if (!file) return errno;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int status = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 ? 0 : ENOMEM;
    static const size_t piece = 1 << 16;
    unsigned char buffer[1 << 16];
    *byte_count = 0;
    while (status == 0) {
        size_t got = fread(buffer, 1, piece, file);
        if (got == 0) {
            if (ferror(file)) status = errno ? errno : EIO;
            break;
        }
        *byte_count += got;
        if (EVP_DigestUpdate(context, buffer, got) != 1) status = EIO;
    }
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    if (status == 0 && EVP_DigestFinal_ex(context, digest, &length) != 1) status = EIO;
    if (status == 0) write_hexadecimal(digest, length, hexadecimal);
    EVP_MD_CTX_free(context);
    fclose(file);
    return status;
}

uint32_t smoothness_checksum(uint32_t running, const void *bytes, size_t count) {
    // zlib takes no bytes at a null pointer for a beginning.
    return count ? (uint32_t)crc32_z(running, bytes, count) : running;
}
