/* SPDX-License-Identifier: Apache-2.0
 * result: what a task made: outputs with digests, values, and how it was made.
 * result.json.
 */
#ifndef RECORD_RESULT_H
#define RECORD_RESULT_H

#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "base/str.h"

struct result_output {
	char *port, *element; /* element "" unless a list output */
	char *file;           /* name in the object's folder; may hold '/' */
	char *type;
	struct digest digest;
	uint64_t size;    /* of a folder: the sum of its files */
	int64_t mtime_ns; /* of the file or folder itself; filled in by the store */
	int is_dir;
};

/* One result. Owned by whoever got it; result_free. */
struct result {
	struct digest key;
	struct result_output *outputs;
	size_t output_count;
	js *values; /* object or NULL: part of the result */
	/* Set these two before store_publish; read them through result_measures and
	 * result_made: in a result that was looked up they are parsed when first
	 * asked for. */
	js *measures; /* object or NULL: of the execution that made it */
	js *made;     /* object or NULL: threads, device, versions, host, when, ... */
	js *from;     /* object or NULL: what its key was made of (key_parts.h). Written, and
		       * read by store_story alone */
	char *dir;    /* absolute folder of the object; NULL: a record without files */

	/* Filled in by the store. */
	char *boot;                 /* boot id under which it was made, NULL: unknown */
	int synced;                 /* was on the disk before it was published */
	int64_t time; /* Unix time when it was published, 0: unknown; of a record also
	                 when its use was last noted */
	struct result_later *later; /* measures and made, not parsed yet; or NULL */
};
void result_free(struct result *r); /* NULL is allowed */
/* Another of the same content. */
struct result *result_copy(const struct result *r);
/* Borrowed; NULL if there is none. */
js *result_measures(const struct result *r);
js *result_made(const struct result *r);
/* Forget what only the maker's story needs (measures, made, boot): a run keeps many results. */
void result_trim(struct result *r);
/* Digest of the values (all zero if there are none): enters a reader's key. */
void result_values_digest(const struct result *r, struct digest *out);
/* One JSON text (one line) with its own digest as the first member:
 * {"sha256":...,...}. */
void result_write(const struct result *r, struct str *out);
/* Parse and check that digest. NULL with the error set: torn, changed, not one.
 * `dir` is copied. */
struct result *result_read(const char *text, size_t len, const char *dir,
			   struct error *e);
/* The same without the digest: for texts that a checksum of their own vouches for. */
struct result *result_parse(const char *text, size_t len, const char *dir,
			    struct error *e);
/* Is it a safe path below an object's folder: good components, no "..", UTF-8? */
int result_file_ok(const char *file);

#endif
