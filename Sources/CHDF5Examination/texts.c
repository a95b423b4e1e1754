// Texts of variable length, which libhdf5 sets aside one by one, as long as the file says that they are.
#include "../CHDF5/shim.h"
#include "CHDF5Examination.h"

static void *take(size_t bytes, void *left) {
  size_t *rest = left;
  if (bytes > *rest) return NULL;
  *rest -= bytes;
  return malloc(bytes);
}

static void give_back(void *memory, void *left) {
  (void)left;
  free(memory);
}

int64_t hdf5_text_transfer_list(size_t *bytes_left) {
  hid_t list = H5Pcreate(H5P_DATASET_XFER);
  if (list >= 0 && H5Pset_vlen_mem_manager(list, take, bytes_left, give_back, bytes_left) < 0) {
    H5Pclose(list);
    return -1;
  }
  return list;
}
