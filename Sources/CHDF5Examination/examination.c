// Reads through the structure of an HDF5 file in a process that may die of it.
//
// libhdf5 trusts what a file says: a zeroed sector makes it spin for ever, a changed length makes it read past the end of its memory.
// So a file that this process has not seen yet is first read by another one, with limits of time and memory: every group, link,
// attribute and dataset by the same calls that the readers use, all texts, and of the numbers what is small or stands at either end.
// If that process dies or does not end, the file is refused. If libhdf5 reports errors, the readers of those objects will meet them.
//
// Which process that is: examiner.c. Single objects that contradict their own lengths are found before libhdf5 sees them: object_header.c.
#define _GNU_SOURCE
#define H5_USE_110_API
#include "examination.h"
#include "../CHDF5/shim.h"
#include "object_header.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

enum { SMALL_DATASET_BYTES = 1 << 16, LARGEST_CHUNK_BYTES = 1 << 24 };
/// Address space beyond what the process has when it begins.
static const size_t MEMORY_BYTES = (size_t)1 << 29;

typedef struct {
  haddr_t address;
  char *path;
} found_object;

typedef struct {
  hid_t file;
  size_t file_bytes;
  /// The file from its superblock on; NULL where its offsets are not of eight bytes.
  const uint8_t *bytes;
  size_t byte_count;
  hdf5_examination *report;
  // Objects still to be visited, from `next` on; all that were found, by address.
  found_object *queue;
  size_t next, count, room;
  haddr_t *seen;
  size_t seen_room;
  size_t links;
  /// Processor time that one call of libhdf5 may take, besides what grows with the number of texts.
  unsigned call_milliseconds;
} examination;

static void contradiction(examination *self, const char *what) {
  self->report->outcome = HDF5_EXAMINATION_CONTRADICTION;
  snprintf(self->report->operation, sizeof self->report->operation, "%s", what);
  _exit(0);
}

static herr_t find_exhaustion(unsigned index, const H5E_error2_t *error, void *found) {
  (void)index;
  if (error->maj_num == H5E_RESOURCE && error->min_num == H5E_NOSPACE) *(int *)found = 1;
  return 0;
}

/// Called by libhdf5 at every error. Where it had not enough memory here, it would take as much as it likes in the reader's process.
static herr_t on_error(hid_t stack, void *self) {
  int found = 0;
  H5Ewalk2(stack, H5E_WALK_DOWNWARD, find_exhaustion, &found);
  if (found) contradiction(self, "more memory is asked for than the file has room for");
  return 0;
}

/// Says what is done next, and gives it its time.
static void begin(examination *self, const char *operation, const char *object, size_t texts) {
  snprintf(self->report->operation, sizeof self->report->operation, "%s", operation);
  snprintf(self->report->object, sizeof self->report->object, "%s", object);
  size_t milliseconds = self->call_milliseconds + texts / 200;
  struct itimerval limit = {.it_value = {(time_t)(milliseconds / 1000), (suseconds_t)(milliseconds % 1000 * 1000)}};
  setitimer(ITIMER_PROF, &limit, NULL);
}

static void *required(examination *self, void *memory) {
  if (!memory) contradiction(self, "more objects than fit into memory");
  return memory;
}

/// Whether the address was not seen before; it is from now on.
static int is_new(examination *self, haddr_t address) {
  if (self->count * 2 >= self->seen_room) {
    size_t room = self->seen_room ? self->seen_room * 2 : 256;
    haddr_t *table = required(self, malloc(room * sizeof *table));
    for (size_t i = 0; i < room; i++) table[i] = HADDR_UNDEF;
    for (size_t i = 0; i < self->seen_room; i++) {
      if (self->seen[i] == HADDR_UNDEF) continue;
      size_t at = self->seen[i] * 0x9E3779B97F4A7C15u % room;
      while (table[at] != HADDR_UNDEF) at = (at + 1) % room;
      table[at] = self->seen[i];
    }
    free(self->seen);
    self->seen = table;
    self->seen_room = room;
  }
  size_t at = address * 0x9E3779B97F4A7C15u % self->seen_room;
  for (; self->seen[at] != HADDR_UNDEF; at = (at + 1) % self->seen_room)
    if (self->seen[at] == address) return 0;
  self->seen[at] = address;
  return 1;
}

static void enqueue(examination *self, haddr_t address, const char *group, const char *name) {
  if (address == HADDR_UNDEF || !is_new(self, address)) return;
  if (self->count == self->room) {
    self->room = self->room ? self->room * 2 : 64;
    self->queue = required(self, realloc(self->queue, self->room * sizeof *self->queue));
  }
  char path[sizeof self->report->object];
  snprintf(path, sizeof path, "%s/%s", strcmp(group, "/") ? group : "", name);
  self->queue[self->count++] = (found_object){address, required(self, strdup(path))};
}

typedef struct {
  examination *self;
  char **names;
  H5L_info_t *links;
  size_t count, room;
} name_list;

/// A link or an attribute takes more than eight bytes of a file: if there are more of them, the structure leads in circles.
static void add_name(name_list *list, const char *name, const H5L_info_t *link) {
  examination *self = list->self;
  if (++self->links > self->file_bytes / 8) contradiction(self, "more members than the file has room for");
  if (list->count == list->room) {
    list->room = list->room ? list->room * 2 : 16;
    list->names = required(self, realloc(list->names, list->room * sizeof *list->names));
    list->links = required(self, realloc(list->links, list->room * sizeof *list->links));
  }
  list->names[list->count] = required(self, strdup(name));
  if (link) list->links[list->count] = *link;
  list->count++;
}

/// Members that cannot be listed would not be examined, and readers open them by name. `listing` is what H5Literate or H5Aiterate2 returned.
static void require_listing(examination *self, herr_t listing, const char *what) {
  if (listing < 0) contradiction(self, what);
}

static void free_names(name_list *list) {
  for (size_t i = 0; i < list->count; i++) free(list->names[i]);
  free(list->names);
  free(list->links);
}

static herr_t add_link(hid_t group, const char *name, const H5L_info_t *link, void *list) {
  (void)group;
  add_name(list, name, link);
  return 0;
}

static herr_t add_attribute(hid_t object, const char *name, const H5A_info_t *information, void *list) {
  (void)object, (void)information;
  add_name(list, name, NULL);
  return 0;
}

/// A type that memory has for numbers of this class, or a negative number. The conversions of numbers that are laid out as no
/// processor has them are not tried, by the readers neither.
static hid_t memory_type(hid_t type) {
  switch (H5Tget_class(type)) {
  case H5T_INTEGER: return H5Tget_sign(type) == H5T_SGN_NONE ? H5T_NATIVE_UINT64 : H5T_NATIVE_INT64;
  case H5T_FLOAT: return H5T_NATIVE_DOUBLE;
  default: return -1;
  }
}

static void read_attribute(examination *self, hid_t object, const char *path, const char *name) {
  char place[sizeof self->report->object];
  snprintf(place, sizeof place, "%s@%s", path, name);
  begin(self, "H5Aopen", place, 0);
  if (H5Aexists(object, name) <= 0) return;
  hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
  if (attribute < 0) return;
  hid_t space = H5Aget_space(attribute), type = H5Aget_type(attribute);
  if (space >= 0 && type >= 0) {
    hsize_t extents[H5S_MAX_RANK];
    H5Sget_simple_extent_dims(space, extents, NULL);
    hssize_t count = H5Sget_simple_extent_npoints(space);
    size_t size = H5Tget_size(type);
    begin(self, "H5Aread", place, 1);
    if (count == 1 && size <= SMALL_DATASET_BYTES) {
      H5T_class_t kind = H5Tget_class(type);
      if (kind == H5T_STRING && H5Tis_variable_str(type) > 0) {
        char *text = NULL;
        if (H5Aread(attribute, type, &text) >= 0) {
          if (text) (void)strlen(text);
          chdf5_reclaim(type, space, &text);
        }
      } else if (kind == H5T_STRING || kind == H5T_ENUM) {
        void *value = calloc(1, size + 8);
        if (value) H5Aread(attribute, type, value);
        free(value);
      } else if (memory_type(type) >= 0 && chdf5_is_plain_number(type)) {
        uint64_t value;
        H5Aread(attribute, memory_type(type), &value);
      }
    }
  }
  H5Tclose(type);
  H5Sclose(space);
  H5Aclose(attribute);
}

static void read_texts(examination *self, hid_t dataset, hid_t type, hid_t space, size_t count, const char *path) {
  begin(self, "H5Dread of texts", path, count);
  size_t size = H5Tget_size(type);
  if (H5Tis_variable_str(type) <= 0) {
    if (size > HDF5_TEXT_ELEMENT_BYTES / count) return;
    char *texts = malloc(count * size);
    if (texts) H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, texts);
    free(texts);
    return;
  }
  size_t left = HDF5_TEXT_BYTES;
  hid_t transfer = hdf5_text_transfer_list(&left);
  char **texts = calloc(count, sizeof *texts);
  if (texts && transfer >= 0 && H5Dread(dataset, type, H5S_ALL, H5S_ALL, transfer, texts) >= 0)
    chdf5_reclaim_with(type, space, transfer, texts);
  free(texts);
  H5Pclose(transfer);
}

/// All of a small dataset; the first and the last element of another, which reads its chunks' index.
static void read_numbers(examination *self, hid_t dataset, hid_t type, hid_t space, int rank, const hsize_t *extents, size_t bytes,
                         const char *path) {
  if (memory_type(type) < 0 || !chdf5_is_plain_number(type)) return;
  begin(self, "H5Dread", path, 0);
  if (bytes <= SMALL_DATASET_BYTES) {
    void *values = malloc(bytes / H5Tget_size(type) * 8);
    if (values) H5Dread(dataset, memory_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    free(values);
    return;
  }
  hsize_t one[H5S_MAX_RANK], start[H5S_MAX_RANK];
  hid_t memory = H5Screate(H5S_SCALAR);
  for (int last = 0; last < 2; last++) {
    for (int axis = 0; axis < rank; axis++) one[axis] = 1, start[axis] = last ? extents[axis] - 1 : 0;
    uint64_t value;
    if (H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, one, NULL) >= 0)
      H5Dread(dataset, memory_type(type), memory, space, H5P_DEFAULT, &value);
  }
  H5Sclose(memory);
}

static void read_dataset(examination *self, hid_t dataset, const char *path) {
  begin(self, "H5Dget_create_plist", path, 0);
  hid_t list = H5Dget_create_plist(dataset);
  if (list < 0) return;
  H5D_layout_t layout = H5Pget_layout(list);
  // Their elements lie in other files, which are not read.
  if (layout == H5D_VIRTUAL || H5Pget_external_count(list) != 0) {
    H5Pclose(list);
    return;
  }
  begin(self, "H5Dget_space", path, 0);
  hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
  hsize_t extents[H5S_MAX_RANK], maximum[H5S_MAX_RANK], chunk[H5S_MAX_RANK];
  int rank = space < 0 ? -1 : H5Sget_simple_extent_dims(space, extents, maximum);
  if (rank >= 0 && type >= 0 && H5Sget_simple_extent_type(space) != H5S_NULL) {
    begin(self, "H5Dget_storage_size", path, 0);
    H5Dget_storage_size(dataset);
    H5Dget_offset(dataset);
    H5Tequal(type, H5T_IEEE_F32LE);
    int is_text = H5Tget_class(type) == H5T_STRING;
    // Texts of variable length: a pointer each, but sixteen bytes in the file.
    size_t bytes = H5Tget_size(type), chunk_bytes = bytes;
    for (int axis = 0; axis < rank; axis++)
      if (__builtin_mul_overflow(bytes, extents[axis], &bytes)) bytes = SIZE_MAX;
    if (layout == H5D_CHUNKED && H5Pget_chunk(list, H5S_MAX_RANK, chunk) == rank)
      for (int axis = 0; axis < rank; axis++)
        if (__builtin_mul_overflow(chunk_bytes, chunk[axis], &chunk_bytes)) chunk_bytes = SIZE_MAX;
    if (bytes > 0 && chunk_bytes <= LARGEST_CHUNK_BYTES) {
      if (!is_text) read_numbers(self, dataset, type, space, rank, extents, bytes, path);
      else if (bytes <= HDF5_TEXT_ELEMENT_BYTES) read_texts(self, dataset, type, space, bytes / H5Tget_size(type), path);
    }
  }
  H5Tclose(type);
  H5Sclose(space);
  H5Pclose(list);
}

static void read_group(examination *self, hid_t group, const char *path) {
  begin(self, "H5Literate", path, 0);
  name_list list = {.self = self};
  herr_t listing = H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, add_link, &list);
  require_listing(self, listing, "the members of a group cannot be listed");
  for (size_t i = 0; i < list.count; i++) {
    begin(self, "H5Oexists_by_name", path, 0);
    // What leads to another file is not followed.
    if (list.links[i].type != H5L_TYPE_HARD && list.links[i].type != H5L_TYPE_SOFT) continue;
    H5Lexists(group, list.names[i], H5P_DEFAULT);
    if (H5Oexists_by_name(group, list.names[i], H5P_DEFAULT) > 0 && list.links[i].type == H5L_TYPE_HARD)
      enqueue(self, list.links[i].u.address, path, list.names[i]);
  }
  free_names(&list);
}

static void read_object(examination *self, haddr_t address, const char *path) {
  begin(self, "H5Oopen", path, 0);
  const char *flaw = self->bytes ? smoothness_header_flaw(self->bytes, self->byte_count, address) : NULL;
  if (flaw) contradiction(self, flaw);
  hid_t object = H5Oopen_by_addr(self->file, address);
  if (object < 0) return;
  begin(self, "H5Aiterate2", path, 0);
  name_list attributes = {.self = self};
  herr_t listing = H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, NULL, add_attribute, &attributes);
  require_listing(self, listing, "the attributes of an object cannot be listed");
  for (size_t i = 0; i < attributes.count; i++) read_attribute(self, object, path, attributes.names[i]);
  free_names(&attributes);
  switch (H5Iget_type(object)) {
  case H5I_GROUP: read_group(self, object, path); break;
  case H5I_DATASET: read_dataset(self, object, path); break;
  default: break;
  }
  begin(self, "H5Oclose", path, 0);
  H5Oclose(object);
}

static void limit(__rlimit_resource_t resource, rlim_t value) {
  struct rlimit old;
  if (getrlimit(resource, &old) == 0 && old.rlim_max != RLIM_INFINITY && old.rlim_max < value) value = old.rlim_max;
  setrlimit(resource, &(struct rlimit){value, value});
}

static void limit_resources(size_t file_bytes) {
  limit(RLIMIT_CORE, 0);
  // Several times what four mebibytes of nothing but structure take.
  limit(RLIMIT_CPU, 2 + (rlim_t)(file_bytes >> 22));
  FILE *status = fopen("/proc/self/statm", "re");
  size_t pages = 0;
  if (status && fscanf(status, "%zu", &pages) == 1 && pages > 0) limit(RLIMIT_AS, pages * (size_t)sysconf(_SC_PAGESIZE) + MEMORY_BYTES);
  if (status) fclose(status);
}

/// The file's bytes, for checks that libhdf5 does not make. Before the limits: they take address space, but no memory.
static const uint8_t *mapped(const char *path, size_t count) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  void *bytes = mmap(NULL, count, PROT_READ, MAP_SHARED, descriptor, 0);
  return bytes == MAP_FAILED ? NULL : bytes;
}

/// Addresses are counted from the superblock on, before which there may be something else.
static void skip_to_superblock(examination *self) {
  hid_t list = H5Fget_create_plist(self->file);
  hsize_t start = 0;
  size_t offset_bytes = 0, length_bytes = 0;
  H5Pget_userblock(list, &start);
  H5Pget_sizes(list, &offset_bytes, &length_bytes);
  H5Pclose(list);
  if (offset_bytes != 8 || length_bytes != 8 || start > self->file_bytes) self->bytes = NULL;
  if (!self->bytes) return;
  self->bytes += start;
  self->byte_count = self->file_bytes - start;
}

void smoothness_examine(const char *path, unsigned call_milliseconds, hdf5_examination *report) {
  struct stat status;
  if (stat(path, &status) != 0) {
    report->outcome = HDF5_EXAMINATION_IMPOSSIBLE;
    report->detail = errno;
    return;
  }
  const uint8_t *bytes = mapped(path, (size_t)status.st_size);
  limit_resources((size_t)status.st_size);
  // What is read before it is written, or after it is given back, shows.
  mallopt(M_PERTURB, 0x5A);
  H5set_free_list_limits(0, 0, 0, 0, 0, 0);
  examination self = {.file_bytes = (size_t)status.st_size, .bytes = bytes, .report = report, .call_milliseconds = call_milliseconds};
  H5Eset_auto2(H5E_DEFAULT, on_error, &self);
  begin(&self, "H5Fopen", "", 0);
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_LATEST);
  chdf5_disable_file_locking(access);
  self.file = H5Fopen(path, H5F_ACC_RDONLY, access);
  if (self.file < 0) return;
  H5F_info2_t information;
  H5Fget_info2(self.file, &information);
  skip_to_superblock(&self);
  hid_t root = H5Gopen2(self.file, "/", H5P_DEFAULT);
  H5O_info_t object;
  if (root >= 0) {
    // Readers open its attributes by their names, and need not know what else of its header is damaged.
    if (H5Oget_info(root, &object) < 0) contradiction(&self, "the root group cannot be described");
    enqueue(&self, object.addr, "/", "");
    while (self.next < self.count) {
      found_object found = self.queue[self.next++];
      read_object(&self, found.address, found.path);
    }
  }
  begin(&self, "H5Fclose", "", 0);
  H5Gclose(root);
  // A file that the parent was writing when it made this process is not written by this one.
  unsigned intent = 0;
  if (H5Fget_intent(self.file, &intent) >= 0 && intent == H5F_ACC_RDONLY) H5Fclose(self.file);
}
