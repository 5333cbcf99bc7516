/* SPDX-License-Identifier: Apache-2.0
 * digest: SHA-256 (libcrypto) of bytes, files and trees; CRC-32C of lines.
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define DIGEST_HEX 64

struct digest {
	unsigned char b[32];
};

/* Incremental hashing: hash_new, hash_add..., hash_end (frees). */
struct hash;
struct hash *hash_new(void);
void hash_add(struct hash *h, const void *p, size_t n);
/* A field that cannot run into the next: length (8 bytes, little-endian), then the
 * bytes. */
void hash_add_field(struct hash *h, const char *text);
void hash_end(struct hash *h, struct digest *out);

void digest_bytes(const void *p, size_t n, struct digest *out);
/* Of a regular file's content. */
int digest_file(const char *path, struct digest *out, uint64_t *size, struct error *e);
/* Of a tree: sorted relative names, kinds, executable bits, contents. Symlinks by
 * target text. *size: sum of file sizes. Works on a regular file too (then as
 * digest_file). */
int digest_tree(const char *path, struct digest *out, uint64_t *size, struct error *e);
/* 64 lower-case hex digits and a NUL. */
char *digest_hex(const struct digest *d, char out[DIGEST_HEX + 1]);
int digest_parse(const char *hex, struct digest *out);
int digest_equal(const struct digest *a, const struct digest *b);
/* CRC-32C (Castagnoli, reflected, initial and final xor ffffffff); RFC 3720 B.4 test
 * vectors. */
uint32_t crc32c(const void *p, size_t n);
/* The same without the CPU's instruction: what crc32c falls back to. */
uint32_t crc32c_portable(const void *p, size_t n);

/* Append-only line records: "CRC TEXT\n", CRC = 8 hex digits of crc32c(TEXT).
 * Check a line (without newline): pointer to TEXT, or NULL if it is damaged. */
const char *line_check(const char *line, size_t len);
/* Append "CRC TEXT\n" to a str. TEXT holds no newline. */
struct str;
void line_seal(struct str *out, const char *text, size_t len);

#endif
