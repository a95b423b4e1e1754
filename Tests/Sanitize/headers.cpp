// Headers of objects of HDF5 files: whole ones of every kind of message, every prefix of them, and each byte of them changed.
#include "sanitize.h"

extern "C" {
#include "object_header.h"
}

#include <algorithm>

namespace {

using Bytes = std::vector<uint8_t>;

void append(Bytes &bytes, uint64_t value, int width) {
    for (int i = 0; i < width; i++) bytes.push_back((uint8_t)(value >> (8 * i)));
}

Bytes message(unsigned type, const Bytes &body, uint8_t flags = 0) {
    Bytes bytes;
    append(bytes, type, 2);
    append(bytes, body.size(), 2);
    append(bytes, flags, 4);
    bytes.insert(bytes.end(), body.begin(), body.end());
    return bytes;
}

/// A header of version 1 at the beginning of a file.
Bytes header(const std::vector<Bytes> &messages) {
    Bytes bytes{1, 0};
    append(bytes, messages.size(), 2);
    append(bytes, 1, 4);
    size_t length = 0;
    for (const Bytes &one : messages) length += one.size();
    append(bytes, length, 8);
    for (const Bytes &one : messages) bytes.insert(bytes.end(), one.begin(), one.end());
    return bytes;
}

Bytes joined(std::initializer_list<Bytes> parts) {
    Bytes bytes;
    for (const Bytes &part : parts) bytes.insert(bytes.end(), part.begin(), part.end());
    return bytes;
}

const char *flaw(const Bytes &bytes) {
    Buffer<uint8_t> exact(bytes.size());
    std::copy(bytes.begin(), bytes.end(), exact.data());
    return smoothness_header_flaw(exact.data(), exact.size(), 0);
}

void torture(const Bytes &whole) {
    if (const char *found = flaw(whole)) fail(std::string("what is whole was refused: ") + found);
    for (size_t length = 0; length < whole.size(); length++) flaw(Bytes(whole.begin(), whole.begin() + (long)length));
    for (size_t place = 0; place < whole.size(); place++)
        for (unsigned value = 0; value < 256; value++) {
            Bytes damaged = whole;
            damaged[place] = (uint8_t)value;
            flaw(damaged);
        }
}

} // namespace

void check_headers() {
    const Bytes integer{0x10, 8, 0, 0, 4, 0, 0, 0, 0, 0, 32, 0}, real{0x11, 0x20, 31, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0};
    const Bytes text{0x13, 0, 0, 0, 8, 0, 0, 0}, variable = joined({Bytes{0x19, 1, 0, 0, 16, 0, 0, 0}, text});
    const Bytes pair = joined({Bytes{0x16, 1, 0, 0, 4, 0, 0, 0}, Bytes{'a', 0, 0, 0, 0, 0, 0, 0}, Bytes(32), integer});
    const Bytes truth = joined({Bytes{0x18, 2, 0, 0, 4, 0, 0, 0}, integer, Bytes{'F', 0, 0, 0, 0, 0, 0, 0, 'T', 0, 0, 0, 0, 0, 0, 0}, Bytes(8)});
    const Bytes space{1, 1, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0};
    Bytes attribute{1, 0, 2, 0};
    append(attribute, integer.size(), 2);
    append(attribute, space.size(), 2);
    attribute = joined({attribute, Bytes{'n', 0, 0, 0, 0, 0, 0, 0}, integer, Bytes(4), space, Bytes(8)});
    for (const Bytes &type : {integer, real, text, variable, pair, truth}) torture(header({message(3, type)}));
    torture(header({message(1, space), message(4, {2, 0, 0, 0, 1, 1}), message(5, {2, 2, 0, 1, 4, 0, 0, 0, 1, 1, 1, 1})}));
    torture(header({message(8, Bytes{3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}), message(8, {3, 0, 2, 0, 1, 1})}));
    torture(header({message(11, {1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 1, 0, 1, 0, 'd', 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0})}));
    torture(header({message(12, attribute), message(13, {'x', 0})}));
    // Goes on within itself; a message that is kept elsewhere is of any length.
    Bytes more(16);
    more[0] = 16;
    torture(header({message(16, more), message(17, Bytes(16)), message(18, Bytes(8))}));
    torture(header({message(16, {}, 2)}));
}
