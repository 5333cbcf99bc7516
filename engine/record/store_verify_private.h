/* SPDX-License-Identifier: Apache-2.0
 * store_verify_private: what the files of store verify share.
 */
#ifndef RECORD_STORE_VERIFY_PRIVATE_H
#define RECORD_STORE_VERIFY_PRIVATE_H

#include "record/store_verify.h"
#include "record/store_walk.h"

/* store_verify_segments.c: every record; damaged ones are cut out of finished segments.
 * For the calling thread. */
int verify_segments(struct store *s, const struct verify_options *o,
		    struct verify_report *out, struct error *e);

#endif
