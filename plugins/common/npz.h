/* SPDX-License-Identifier: Apache-2.0
 *
 * A writer of numpy's .npz files: a zip archive of stored (not compressed) .npy
 * members, version 1.0, C order. Every member has the date 1980-01-01, so equal arrays
 * give equal files. Sizes are 64-bit (zip64).
 *
 *     struct npz *z = npz_open(path, &fault);
 *     npz_begin(z, "msa", "<i4", 2, (size_t[]){ rows, columns });
 *     npz_write(z, row, columns * sizeof(int32_t));        // any number of times
 *     npz_end(z);
 *     npz_close(z, &fault);
 */
#ifndef PLUGINS_COMMON_NPZ_H
#define PLUGINS_COMMON_NPZ_H

#include <stddef.h>
#include <stdint.h>

#include "fault.h"

struct npz;

/* NULL with the fault set: cannot create the file, no memory. `path` is borrowed. */
struct npz *npz_open(const char *path, struct fault *fault);
/* Begin an array of numpy type `descr` ("<i4", "<f4", "|S12"). Faults show in close. */
void npz_begin(struct npz *npz, const char *name, const char *descr, size_t dimensions,
	       const size_t *shape);
void npz_write(struct npz *npz, const void *data, size_t size);
/* The array is complete. Fewer or more bytes than its shape needs is a fault (close).
 */
void npz_end(struct npz *npz);
/* A whole array in one call; `element` bytes each. */
void npz_add(struct npz *npz, const char *name, const char *descr, size_t element,
	     size_t dimensions, const size_t *shape, const void *data);
/* A one-dimensional array of byte strings, "|SN" with N the longest (at least 1). */
void npz_strings(struct npz *npz, const char *name, size_t count,
		 const char *const *strings);
/* Finish and free. -1: something could not be written. */
int npz_close(struct npz *npz, struct fault *fault);

#endif
