// What the examining process does: see examination.c.
#ifndef SMOOTHNESS_EXAMINATION_H
#define SMOOTHNESS_EXAMINATION_H
#include "CHDF5Examination.h"

/// Reads through the file, in a process that limits itself to it and ends after it. `report`, which is shared with the process that waits,
/// says at any moment what is being read. No call of libhdf5 may take longer than `call_milliseconds` of processor time.
void smoothness_examine(const char *path, unsigned call_milliseconds, hdf5_examination *report);
#endif
