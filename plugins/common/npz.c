/* SPDX-License-Identifier: Apache-2.0
 *
 * A writer of numpy's .npz files; see npz.h.
 *
 * Zip: for each member a local header (name, then the zip64 extra field with both
 * sizes) and the bytes; behind all of them the central directory, the zip64 end record,
 * its locator, and the classic end record. The CRC-32 of a member is known only when it
 * was written, so its local header is written again then.
 */
#include "npz.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "arrays are written as they lie");

struct member {
	char *name;
	uint64_t offset, size;
	uint32_t crc;
};

struct npz {
	FILE *file;
	const char *path;
	struct member *members;
	size_t count;
	uint64_t expected; /* bytes of data still to come in the open member */
	uint32_t table[256];
	int is_wrong; /* a shape and its data disagree */
	int no_memory;
};

#define ZIP64_VERSION 45
#define DOS_DATE 0x0021 /* 1980-01-01 */

static void
make_crc_table(uint32_t *table)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (int k = 0; k < 8; k++)
			c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
		table[i] = c;
	}
}

static void
put_number(FILE *f, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		putc((int)(value >> 8 * i & 0xff), f);
}

struct npz *
npz_open(const char *path, struct fault *fault)
{
	struct npz *z = calloc(1, sizeof(*z));
	if (!z) {
		fault_memory(fault, "writing an npz file");
		return NULL;
	}
	z->path = path;
	z->file = out_open(path, fault);
	if (!z->file) {
		free(z);
		return NULL;
	}
	make_crc_table(z->table);
	return z;
}

/* The fields that local header and central directory share. */
static void
put_common(FILE *f, const struct member *m)
{
	put_number(f, ZIP64_VERSION, 2);
	put_number(f, 0, 2); /* flags */
	put_number(f, 0, 2); /* stored */
	put_number(f, 0, 2); /* time */
	put_number(f, DOS_DATE, 2);
	put_number(f, m->crc, 4);
	put_number(f, 0xffffffff, 4);
	put_number(f, 0xffffffff, 4);
	put_number(f, strlen(m->name), 2);
}

static void
put_local_header(FILE *f, const struct member *m)
{
	put_number(f, 0x04034b50, 4);
	put_common(f, m);
	put_number(f, 20, 2);
	fputs(m->name, f);
	put_number(f, 1, 2); /* zip64 extra field */
	put_number(f, 16, 2);
	put_number(f, m->size, 8);
	put_number(f, m->size, 8);
}

static void
put_bytes(struct npz *z, const void *data, size_t size)
{
	struct member *m = &z->members[z->count - 1];
	const unsigned char *bytes = data;
	uint32_t c = ~m->crc;
	for (size_t i = 0; i < size; i++)
		c = z->table[(c ^ bytes[i]) & 0xff] ^ c >> 8;
	m->crc = ~c;
	m->size += size;
	fwrite(data, 1, size, z->file);
}

/* "|S12" -> 12, "<i4" -> 4. */
static size_t
element_size(const char *descr)
{
	return strtoul(descr + 2, NULL, 10);
}

/* The .npy header: magic, version, length, a Python dictionary padded to 64 bytes. */
static void
put_npy_header(struct npz *z, const char *descr, size_t dimensions, const size_t *shape)
{
	char text[512];
	int n = snprintf(text, sizeof(text),
			 "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
	for (size_t i = 0; i < dimensions; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%zu%s", shape[i],
			      dimensions == 1      ? ","
			      : i + 1 < dimensions ? ", "
						   : "");
	n += snprintf(text + n, sizeof(text) - (size_t)n, "), }");
	while ((10 + n + 1) % 64)
		text[n++] = ' ';
	text[n++] = '\n';
	unsigned char head[10] = {0x93,
				  'N',
				  'U',
				  'M',
				  'P',
				  'Y',
				  1,
				  0,
				  (unsigned char)n,
				  (unsigned char)(n >> 8)};
	put_bytes(z, head, sizeof(head));
	put_bytes(z, text, (size_t)n);
}

void
npz_begin(struct npz *z, const char *name, const char *descr, size_t dimensions,
	  const size_t *shape)
{
	struct member *members = realloc(z->members, (z->count + 1) * sizeof(*members));
	z->members = members ? members : z->members;
	char *file = malloc(strlen(name) + 5);
	if (!members || !file) {
		free(file);
		z->no_memory = 1;
		return;
	}
	sprintf(file, "%s.npy", name);
	members[z->count++] =
		(struct member){.name = file, .offset = (uint64_t)ftello(z->file)};
	put_local_header(z->file, &members[z->count - 1]);
	put_npy_header(z, descr, dimensions, shape);
	z->expected = element_size(descr);
	for (size_t i = 0; i < dimensions; i++)
		z->expected *= shape[i];
}

void
npz_write(struct npz *z, const void *data, size_t size)
{
	if (z->no_memory)
		return;
	if (size > z->expected) {
		z->is_wrong = 1;
		return;
	}
	z->expected -= size;
	put_bytes(z, data, size);
}

void
npz_end(struct npz *z)
{
	if (z->no_memory)
		return;
	z->is_wrong |= z->expected != 0;
	struct member *m = &z->members[z->count - 1];
	fseeko(z->file, (off_t)m->offset, SEEK_SET);
	put_local_header(z->file, m);
	fseeko(z->file, 0, SEEK_END);
}

void
npz_add(struct npz *z, const char *name, const char *descr, size_t element,
	size_t dimensions, const size_t *shape, const void *data)
{
	size_t size = element;
	for (size_t i = 0; i < dimensions; i++)
		size *= shape[i];
	npz_begin(z, name, descr, dimensions, shape);
	npz_write(z, data, size);
	npz_end(z);
}

void
npz_strings(struct npz *z, const char *name, size_t count, const char *const *strings)
{
	size_t width = 1;
	char descr[32];
	for (size_t i = 0; i < count; i++)
		width = strlen(strings[i]) > width ? strlen(strings[i]) : width;
	snprintf(descr, sizeof(descr), "|S%zu", width);
	char *padded = calloc(1, width);
	npz_begin(z, name, descr, 1, &count);
	for (size_t i = 0; padded && i < count; i++) {
		size_t n = strlen(strings[i]);
		memset(padded, 0, width);
		memcpy(padded, strings[i], n);
		npz_write(z, padded, width);
	}
	npz_end(z);
	z->no_memory |= !padded;
	free(padded);
}

static void
put_directory(struct npz *z)
{
	FILE *f = z->file;
	uint64_t start = (uint64_t)ftello(f);
	for (size_t i = 0; i < z->count; i++) {
		const struct member *m = &z->members[i];
		put_number(f, 0x02014b50, 4);
		put_number(f, ZIP64_VERSION, 2); /* made by */
		put_common(f, m);
		put_number(f, 28, 2); /* extra field */
		put_number(f, 0, 2);  /* comment */
		put_number(f, 0, 2);  /* disk */
		put_number(f, 0, 2);  /* internal attributes */
		put_number(f, 0, 4);  /* external attributes */
		put_number(f, 0xffffffff, 4);
		fputs(m->name, f);
		put_number(f, 1, 2);
		put_number(f, 24, 2);
		put_number(f, m->size, 8);
		put_number(f, m->size, 8);
		put_number(f, m->offset, 8);
	}
	uint64_t end = (uint64_t)ftello(f);
	put_number(f, 0x06064b50, 4); /* zip64 end of central directory */
	put_number(f, 44, 8);
	put_number(f, ZIP64_VERSION, 2);
	put_number(f, ZIP64_VERSION, 2);
	put_number(f, 0, 4);
	put_number(f, 0, 4);
	put_number(f, z->count, 8);
	put_number(f, z->count, 8);
	put_number(f, end - start, 8);
	put_number(f, start, 8);
	put_number(f, 0x07064b50, 4); /* its locator */
	put_number(f, 0, 4);
	put_number(f, end, 8);
	put_number(f, 1, 4);
	put_number(f, 0x06054b50, 4); /* the classic end record: "see zip64" */
	put_number(f, 0, 4);
	put_number(f, 0xffff, 2);
	put_number(f, 0xffff, 2);
	put_number(f, 0xffffffff, 4);
	put_number(f, 0xffffffff, 4);
	put_number(f, 0, 2);
}

int
npz_close(struct npz *z, struct fault *fault)
{
	put_directory(z);
	int rc = out_close(z->file, z->path, fault);
	if (rc == 0 && z->no_memory)
		rc = fault_memory(fault, "writing an npz file");
	if (rc == 0 && z->is_wrong)
		rc = fault_set(fault, AF2_CLASS_PERMANENT,
			       "an array and its shape disagree in '%s'", z->path);
	for (size_t i = 0; i < z->count; i++)
		free(z->members[i].name);
	free(z->members);
	free(z);
	return rc;
}
