#include "CSorting.h"

#include <string.h>

typedef struct {
    const int64_t *targets;
    size_t count, taken;
    int32_t *first, *second;
    int64_t found;
} visitor;

// The element at `right` moves before the elements left[0 .. passed).
static inline void pass(visitor *v, const int32_t *left, int64_t passed, int32_t right) {
    while (v->taken < v->count && v->targets[v->taken] < v->found + passed) {
        v->first[v->taken] = left[v->targets[v->taken] - v->found];
        v->second[v->taken] = right;
        v->taken++;
    }
    v->found += passed;
}

enum { run = 12 };

static void insertion(double *keys, int32_t *items, size_t count, visitor *v) {
    for (size_t i = 1; i < count; i++) {
        double key = keys[i];
        int32_t item = items[i];
        size_t place = i;
        while (place > 0 && keys[place - 1] > key) place--;
        if (place == i) continue;
        pass(v, items + place, (int64_t)(i - place), item);
        memmove(keys + place + 1, keys + place, (i - place) * sizeof *keys);
        memmove(items + place + 1, items + place, (i - place) * sizeof *items);
        keys[place] = key;
        items[place] = item;
    }
}

static void merge(const double *restrict keys, const int32_t *restrict items, double *restrict to_keys,
                  int32_t *restrict to_items, size_t start, size_t middle, size_t end, visitor *v) {
    size_t left = start, right = middle, place = start;
    if (middle < end && keys[middle - 1] > keys[middle]) {
        if (v->taken < v->count) {
            while (left < middle && right < end) {
                if (keys[left] <= keys[right]) {
                    to_keys[place] = keys[left];
                    to_items[place++] = items[left++];
                } else {
                    pass(v, items + left, (int64_t)(middle - left), items[right]);
                    to_keys[place] = keys[right];
                    to_items[place++] = items[right++];
                }
            }
        } else {
            // Which side comes next is as good as random: chosen without a branch.
            int64_t found = 0;
            while (left < middle && right < end) {
                double a = keys[left], b = keys[right];
                int32_t x = items[left], y = items[right];
                int takes = a > b;
                to_keys[place] = takes ? b : a;
                to_items[place++] = takes ? y : x;
                found += takes ? (int64_t)(middle - left) : 0;
                right += (size_t)takes;
                left += (size_t)!takes;
            }
            v->found += found;
        }
    }
    memcpy(to_keys + place, keys + left, (middle - left) * sizeof *keys);
    memcpy(to_items + place, items + left, (middle - left) * sizeof *items);
    place += middle - left;
    memcpy(to_keys + place, keys + right, (end - right) * sizeof *keys);
    memcpy(to_items + place, items + right, (end - right) * sizeof *items);
}

int64_t smoothness_sort_inversions(double *keys, int32_t *items, double *spare_keys, int32_t *spare_items, size_t count,
                                   const int64_t *targets, size_t target_count, int32_t *first, int32_t *second) {
    visitor v = {targets, target_count, 0, first, second, 0};
    for (size_t start = 0; start < count; start += run)
        insertion(keys + start, items + start, count - start < run ? count - start : run, &v);
    double *from_keys = keys, *to_keys = spare_keys;
    int32_t *from_items = items, *to_items = spare_items;
    for (size_t width = run; width < count; width *= 2) {
        for (size_t start = 0; start < count; start += 2 * width) {
            size_t middle = count - start < width ? count : start + width;
            size_t end = count - middle < width ? count : middle + width;
            merge(from_keys, from_items, to_keys, to_items, start, middle, end, &v);
        }
        double *k = from_keys;
        from_keys = to_keys;
        to_keys = k;
        int32_t *i = from_items;
        from_items = to_items;
        to_items = i;
    }
    if (from_keys != keys) {
        memcpy(keys, from_keys, count * sizeof *keys);
        memcpy(items, from_items, count * sizeof *items);
    }
    return v.found;
}
