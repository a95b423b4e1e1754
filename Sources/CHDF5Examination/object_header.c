// Holds the messages of an object's header against their own lengths, which libhdf5 does not do: it would read on behind them, in
// whatever its memory holds there, and what it finds in one process it need not find in another.
//
// Headers of version 1 only, which the earliest bound of the library writes: later ones have checksums. The layouts are those of the
// "HDF5 File Format Specification", section IV.A. Every function takes the bytes that there are and returns how many it has used, or
// BEYOND where it would need more.
#include "object_header.h"

#include <string.h>

#define BEYOND SIZE_MAX

static size_t word(const uint8_t *bytes, int width) {
  size_t value = 0;
  for (int i = width - 1; i >= 0; i--) value = value << 8 | bytes[i];
  return value;
}

static size_t padded(size_t length) { return (length + 7) / 8 * 8; }

/// The length of a text with its zero byte.
static size_t text_length(const uint8_t *bytes, size_t count) {
  const uint8_t *end = memchr(bytes, 0, count);
  return end ? (size_t)(end - bytes) + 1 : BEYOND;
}

static size_t datatype_length(const uint8_t *bytes, size_t count, int depth);

/// A member of a compound type, or the name of a value of an enumeration.
static size_t name_length(const uint8_t *bytes, size_t count, int version) {
  size_t length = text_length(bytes, count);
  if (length != BEYOND && version < 3) length = padded(length);
  return length == BEYOND || length > count ? BEYOND : length;
}

static size_t compound_length(const uint8_t *bytes, size_t count, size_t members, int version, size_t size, int depth) {
  size_t used = 0, offset_width = 4;
  if (version >= 3)
    for (offset_width = 1; offset_width < 4 && size >> (8 * offset_width) != 0;) offset_width++;
  for (size_t i = 0; i < members; i++) {
    size_t name = name_length(bytes + used, count - used, version);
    if (name == BEYOND) return BEYOND;
    used += name;
    size_t rest = version == 1 ? 32 : offset_width;
    if (rest > count - used) return BEYOND;
    used += rest;
    size_t type = datatype_length(bytes + used, count - used, depth + 1);
    if (type == BEYOND) return BEYOND;
    used += type;
  }
  return used;
}

static size_t enumeration_length(const uint8_t *bytes, size_t count, size_t members, int version, int depth) {
  size_t used = datatype_length(bytes, count, depth + 1);
  if (used == BEYOND) return BEYOND;
  size_t width = word(bytes + 4, 4);
  for (size_t i = 0; i < members; i++) {
    size_t name = name_length(bytes + used, count - used, version);
    if (name == BEYOND) return BEYOND;
    used += name;
  }
  return members > 0 && width > (count - used) / members ? BEYOND : used + members * width;
}

static size_t datatype_length(const uint8_t *bytes, size_t count, int depth) {
  if (count < 8 || depth > 32) return BEYOND;
  int version = bytes[0] >> 4;
  size_t flags = word(bytes + 1, 2), size = word(bytes + 4, 4), left = count - 8, properties;
  const uint8_t *rest = bytes + 8;
  switch (bytes[0] & 15) {
  case 0: case 4: properties = 4; break;                                        // whole numbers, bit fields
  case 1: properties = 12; break;                                               // numbers with a point
  case 2: properties = 2; break;                                                // times
  case 3: case 7: properties = 0; break;                                        // texts of fixed length, references
  case 5: properties = flags & 255; break;                                      // anything
  case 6: properties = compound_length(rest, left, flags, version, size, depth); break;
  case 8: properties = enumeration_length(rest, left, flags, version, depth); break;
  case 9: properties = datatype_length(rest, left, depth + 1); break;           // of variable length
  case 10: {                                                                    // arrays
    if (left < 4) return BEYOND;
    size_t extents = rest[0] * (size_t)(version < 3 ? 8 : 4) + (version < 3 ? 4 : 1);
    if (extents > left) return BEYOND;
    properties = datatype_length(rest + extents, left - extents, depth + 1);
    if (properties != BEYOND) properties += extents;
    break;
  }
  default: return BEYOND;
  }
  return properties == BEYOND || properties > left ? BEYOND : 8 + properties;
}

/// The length of a dataspace, and the number of its elements.
static size_t dataspace_length(const uint8_t *bytes, size_t count, size_t *elements) {
  if (count < 4) return BEYOND;
  size_t rank = bytes[1], start = bytes[0] == 1 ? 8 : 4;
  size_t used = start + rank * 8 * (1 + (bytes[2] & 1) + (bytes[0] == 1 && bytes[2] & 2));
  if (rank > 32 || used > count) return BEYOND;
  *elements = bytes[0] >= 2 && bytes[3] == 2 ? 0 : 1;
  for (size_t i = 0; i < rank; i++)
    if (__builtin_mul_overflow(*elements, word(bytes + start + 8 * i, 8), elements)) *elements = SIZE_MAX;
  return used;
}

static size_t attribute_length(const uint8_t *bytes, size_t count) {
  if (count < 8) return BEYOND;
  int version = bytes[0], flags = version == 1 ? 0 : bytes[1];
  size_t name = word(bytes + 2, 2), type = word(bytes + 4, 2), space = word(bytes + 6, 2), used = version >= 3 ? 9 : 8;
  size_t type_start = used + (version == 1 ? padded(name) : name);
  size_t space_start = type_start + (version == 1 ? padded(type) : type);
  size_t data_start = space_start + (version == 1 ? padded(space) : space);
  if (data_start > count || name == 0 || !memchr(bytes + used, 0, name)) return BEYOND;
  // A type or a space that is kept elsewhere is checked there.
  if (flags & 3) return data_start;
  size_t elements = 0, size;
  if (datatype_length(bytes + type_start, type, 0) == BEYOND) return BEYOND;
  if (dataspace_length(bytes + space_start, space, &elements) == BEYOND) return BEYOND;
  if (__builtin_mul_overflow(elements, word(bytes + type_start + 4, 4), &size) || size > count - data_start) return BEYOND;
  return data_start + size;
}

static size_t layout_length(const uint8_t *bytes, size_t count) {
  if (count < 4) return BEYOND;
  if (bytes[0] < 3) {
    size_t used = 8 + (bytes[2] == 0 ? 0 : 8) + bytes[1] * (size_t)4;
    if (bytes[2] != 0) return used;
    return used + 4 > count ? BEYOND : used + 4 + word(bytes + used, 4);
  }
  switch (bytes[1]) {
  case 0: return 4 + word(bytes + 2, 2);
  case 1: return 18;
  case 2: return bytes[0] == 3 ? 11 + bytes[2] * (size_t)4 : 5;
  default: return 2;
  }
}

static size_t fill_value_length(const uint8_t *bytes, size_t count) {
  if (count < 2) return BEYOND;
  if (bytes[0] < 3) {
    if (bytes[0] != 1 && (count < 4 || !bytes[3])) return 4;
    return count < 8 ? BEYOND : 8 + (word(bytes + 4, 4) >> 31 ? 0 : word(bytes + 4, 4));
  }
  if (!(bytes[1] & 0x20)) return 2;
  return count < 6 ? BEYOND : 6 + word(bytes + 2, 4);
}

static size_t filters_length(const uint8_t *bytes, size_t count) {
  if (count < 8) return BEYOND;
  size_t used = bytes[0] == 1 ? 8 : 2;
  for (int i = 0; i < bytes[1]; i++) {
    if (count - used < 8) return BEYOND;
    int has_name = bytes[0] == 1 || word(bytes + used, 2) >= 256;
    size_t name = has_name ? word(bytes + used + 2, 2) : 0, values = word(bytes + used + (has_name ? 6 : 4), 2);
    size_t length = (has_name ? 8 : 6) + (bytes[0] == 1 ? padded(name) + (values + values % 2) * 4 : name + values * 4);
    if (length > count - used || (name > 0 && !memchr(bytes + used + 8, 0, name))) return BEYOND;
    used += length;
  }
  return used;
}

/// How long a message is by what it says itself; of those that are not named here no more than that it is there.
static size_t message_length(size_t type, const uint8_t *bytes, size_t count) {
  size_t elements;
  switch (type) {
  case 0x01: return dataspace_length(bytes, count, &elements);
  case 0x03: return datatype_length(bytes, count, 0);
  case 0x04: return count < 4 ? BEYOND : 4 + word(bytes, 4);
  case 0x05: return fill_value_length(bytes, count);
  case 0x08: return layout_length(bytes, count);
  case 0x0B: return filters_length(bytes, count);
  case 0x0C: return attribute_length(bytes, count);
  case 0x0D: return text_length(bytes, count);
  case 0x10: case 0x11: return 16;  // where the header goes on; where a group's members are
  case 0x12: return 8;              // a time
  default: return 0;
  }
}

static int is_within(size_t count, uint64_t address, uint64_t length) { return address <= count && length <= count - address; }

const char *smoothness_header_flaw(const uint8_t *bytes, size_t count, uint64_t address) {
  if (!is_within(count, address, 16) || bytes[address] != 1) return NULL;
  // Pieces of the header that are still to be read; more than these are not followed.
  struct { uint64_t start, length; } pieces[256] = {{address + 16, word(bytes + address + 8, 4)}};
  size_t piece_count = 1;
  for (size_t piece = 0; piece < piece_count; piece++) {
    uint64_t at = pieces[piece].start, length = pieces[piece].length;
    if (!is_within(count, at, length)) return "the object's header does not lie in the file";
    uint64_t end = at + length;
    while (end - at >= 8) {
      size_t type = word(bytes + at, 2), size = word(bytes + at + 2, 2);
      int is_shared = bytes[at + 4] & 2;
      at += 8;
      if (size > end - at) return "a message of the object's header is longer than the header";
      if (!is_shared && message_length(type, bytes + at, size) > size) return "a message of the object's header is longer than it says";
      // One that is kept elsewhere may be of any length here.
      if (type == 0x10 && size >= 16 && piece_count < sizeof pieces / sizeof *pieces) {
        pieces[piece_count].start = word(bytes + at, 8);
        pieces[piece_count++].length = word(bytes + at + 8, 8);
      }
      at += size;
    }
  }
  return NULL;
}
