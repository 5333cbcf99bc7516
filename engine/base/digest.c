/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 through libcrypto, of bytes and of files. The only file that includes
 * openssl/evp.h. */
#include "base/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

/* Looking an algorithm up costs more than hashing a short text, so it is done once.
 * Constant from then on. */
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256_method;

static void
sha256_fetch(void)
{
	sha256_method = EVP_MD_fetch(NULL, "SHA2-256", NULL);
	if (!sha256_method) {
		/* Without it no key can be trusted. */
		log_error("cannot use SHA-256: libcrypto refuses it");
		_exit(EXIT_FAILED);
	}
}

static const EVP_MD *
sha256(void)
{
	pthread_once(&sha256_once, sha256_fetch);
	return sha256_method;
}

struct hash {
	EVP_MD_CTX *ctx;
};

struct hash *
hash_new(void)
{
	struct hash *h = xmalloc(sizeof *h);

	h->ctx = EVP_MD_CTX_new();
	if (!h->ctx || !EVP_DigestInit_ex(h->ctx, sha256(), NULL))
		mem_exhausted();
	return h;
}

void
hash_add(struct hash *h, const void *p, size_t n)
{
	if (n > 0 && !EVP_DigestUpdate(h->ctx, p, n))
		mem_exhausted();
}

void
hash_add_field(struct hash *h, const char *text)
{
	size_t n = strlen(text);
	unsigned char len[8];

	for (int i = 0; i < 8; i++)
		len[i] = (unsigned char)((uint64_t)n >> (8 * i));
	hash_add(h, len, sizeof len);
	hash_add(h, text, n);
}

void
hash_end(struct hash *h, struct digest *out)
{
	if (!EVP_DigestFinal_ex(h->ctx, out->b, NULL))
		mem_exhausted();
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

void
digest_bytes(const void *p, size_t n, struct digest *out)
{
	if (!EVP_Digest(n ? p : "", n, out->b, NULL, sha256(), NULL))
		mem_exhausted();
}

/* Hash what is left of an open file. The number of bytes, or -1 with errno. */
static int64_t
hash_descriptor(struct hash *h, int fd, size_t size_hint)
{
	enum { MAX = 256 * 1024 };
	size_t cap = size_hint < MAX ? size_hint + 1 : MAX;
	int64_t total = 0;
	char *buf = xmalloc(cap);
	ssize_t n;

	while ((n = read(fd, buf, cap)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		hash_add(h, buf, (size_t)n);
		total += n;
	}
	free(buf);
	return n < 0 ? -1 : total;
}

int
digest_file(const char *path, struct digest *out, uint64_t *size, struct error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), saved;
	struct hash *h;
	struct stat st;
	int64_t total;

	if (fd < 0)
		return error_set(e, "cannot open '%s':", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return error_set(e, "cannot hash '%s': it is %s", path,
				 S_ISDIR(st.st_mode) ? "a folder"
						     : "not a regular file");
	}
	h = hash_new();
	total = hash_descriptor(h, fd, st.st_size > 0 ? (size_t)st.st_size : 4096);
	saved = errno;
	hash_end(h, out);
	close(fd);
	errno = saved;
	if (total < 0)
		return error_set(e, "cannot read '%s':", path);
	if (size)
		*size = (uint64_t)total;
	return 0;
}

/* --- hex -------------------------------------------------------------------------- */

char *
digest_hex(const struct digest *d, char out[DIGEST_HEX + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < 32; i++) {
		out[2 * i] = digits[d->b[i] >> 4];
		out[2 * i + 1] = digits[d->b[i] & 15];
	}
	out[DIGEST_HEX] = '\0';
	return out;
}

/* Value of a digit plus 1: only what digest_hex writes, lower case. A table, since a
 * rerun of many tasks reads many digests. */
static const unsigned char hex_value[256] = {
	['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
	['6'] = 7, ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
	['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

int
digest_parse(const char *hex, struct digest *out)
{
	struct digest d;

	if (strlen(hex) != DIGEST_HEX)
		return -1;
	for (int i = 0; i < 32; i++) {
		unsigned hi = hex_value[(unsigned char)hex[2 * i]];
		unsigned lo = hex_value[(unsigned char)hex[2 * i + 1]];

		if (!hi || !lo)
			return -1;
		d.b[i] = (unsigned char)((hi - 1) << 4 | (lo - 1));
	}
	*out = d;
	return 0;
}

int
digest_equal(const struct digest *a, const struct digest *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}
