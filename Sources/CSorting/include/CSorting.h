// A stable merge sort that counts inversions: ten million points with their numbers, several times over, in seconds.
#ifndef SMOOTHNESS_CSORTING_H
#define SMOOTHNESS_CSORTING_H
#include <stddef.h>
#include <stdint.h>

// Sorts keys with their items, ascending, equal keys in their order, and returns how many pairs changed their order.
// `spare_*` are as long and are overwritten. targets[0 .. target_count) ascends: of the inversion with that number, in the
// order in which they are met, the earlier item goes to first[t] and the later one to second[t].
int64_t smoothness_sort_inversions(double *keys, int32_t *items, double *spare_keys, int32_t *spare_items, size_t count,
                                   const int64_t *targets, size_t target_count, int32_t *first, int32_t *second);
#endif
