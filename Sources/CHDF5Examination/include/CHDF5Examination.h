// Examination of HDF5 files before they are read: see examination.c.
#ifndef SMOOTHNESS_CHDF5_EXAMINATION_H
#define SMOOTHNESS_CHDF5_EXAMINATION_H
#include <stddef.h>
#include <stdint.h>

typedef enum {
  /// libhdf5 read through the file's structure and came to an end. Single objects may be unreadable: their readers get its errors.
  HDF5_EXAMINATION_DONE,
  /// libhdf5 crashed: `detail` is the number of the signal.
  HDF5_EXAMINATION_CRASHED,
  /// libhdf5 did not come to an end in the time that a file of this size takes.
  HDF5_EXAMINATION_ENDLESS,
  /// The structure contradicts itself: `place` says where.
  HDF5_EXAMINATION_CONTRADICTION,
  /// The file was not examined: `detail` is what `errno` was.
  HDF5_EXAMINATION_IMPOSSIBLE
} hdf5_examination_outcome;

typedef struct {
  int32_t outcome;
  int32_t detail;
  /// The object that was being read, or empty; and the call that read it, or what contradicts itself.
  char object[256];
  char operation[96];
} hdf5_examination;

/// Starts the process that examines files, a copy of this one. To be called before this process has an HDF5 file open.
/// One that could not be started, or has ended, is started by `hdf5_examine`.
void hdf5_examiner_start(void);

/// Has a file examined and waits for the end of it. One call at a time.
hdf5_examination hdf5_examine(int descriptor);

/// No dataset of texts is read whose elements alone (without the texts) take more bytes of memory than this.
enum { HDF5_TEXT_ELEMENT_BYTES = 1 << 26 };
/// The bytes that the texts of one dataset may take together.
enum { HDF5_TEXT_BYTES = 1 << 28 };

/// A new property list for reading datasets of texts that set aside no more than `*bytes_left`, which must outlive the list. Negative on failure.
int64_t hdf5_text_transfer_list(size_t *bytes_left);
#endif
