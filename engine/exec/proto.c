/* SPDX-License-Identifier: Apache-2.0 */
/* Frames between the engine and its hosts; the layout is described in proto.h. */
#include "exec/proto.h"

#include <endian.h>
#include <string.h>

size_t
proto_begin(struct str *b, enum proto_type type)
{
	size_t begin = b->len;
	uint16_t version = htole16(PROTO_VERSION), t = htole16((uint16_t)type);

	put_u32(b, 0);
	put_bytes(b, &version, sizeof(version));
	put_bytes(b, &t, sizeof(t));
	return begin;
}

int
proto_end(struct str *b, size_t begin)
{
	size_t size = b->len - begin - PROTO_HEADER;
	uint32_t le = htole32((uint32_t)size);

	if (size > PROTO_LIMIT) {
		b->len = begin;
		b->s[begin] = '\0';
		return -1;
	}
	memcpy(b->s + begin, &le, sizeof(le));
	return 0;
}

void
put_bytes(struct str *b, const void *p, size_t n)
{
	str_addn(b, p, n);
}

void
put_u32(struct str *b, uint32_t v)
{
	v = htole32(v);
	put_bytes(b, &v, sizeof(v));
}

void
put_u64(struct str *b, uint64_t v)
{
	v = htole64(v);
	put_bytes(b, &v, sizeof(v));
}

void
put_f64(struct str *b, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	put_u64(b, bits);
}

void
put_text(struct str *b, const char *s)
{
	size_t n = s ? strlen(s) : 0;

	put_u32(b, (uint32_t)n);
	put_bytes(b, s ? s : "", n + 1);
}

const void *
get_bytes(struct reader *r, size_t n)
{
	const void *p = r->p;

	if (r->bad || (size_t)(r->end - r->p) < n) {
		r->bad = 1;
		return NULL;
	}
	r->p += n;
	return p;
}

uint32_t
get_u32(struct reader *r)
{
	uint32_t v;
	const void *p = get_bytes(r, sizeof(v));

	if (!p)
		return 0;
	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

uint64_t
get_u64(struct reader *r)
{
	uint64_t v;
	const void *p = get_bytes(r, sizeof(v));

	if (!p)
		return 0;
	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

double
get_f64(struct reader *r)
{
	uint64_t bits = get_u64(r);
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

const char *
get_text(struct reader *r)
{
	size_t n = get_u32(r);
	const char *s = n < SIZE_MAX ? get_bytes(r, n + 1) : NULL;

	if (s && !memchr(s, '\0', n) && s[n] == '\0')
		return s;
	r->bad = 1;
	return "";
}

size_t
get_count(struct reader *r, size_t each)
{
	size_t n = get_u32(r);

	if (!r->bad && n <= (size_t)(r->end - r->p) / each)
		return n;
	r->bad = 1;
	return 0;
}

int
reader_done(const struct reader *r)
{
	return !r->bad && r->p == r->end;
}

int
proto_next(const void *data, size_t len, size_t limit, unsigned *type,
	   struct reader *payload, size_t *used)
{
	const unsigned char *p = data;
	struct reader head = {p, p + len, 0};
	size_t size;
	uint16_t version, t;

	if (len < PROTO_HEADER)
		return 0;
	size = get_u32(&head);
	memcpy(&version, p + 4, sizeof(version));
	memcpy(&t, p + 6, sizeof(t));
	if (le16toh(version) != PROTO_VERSION || size > limit)
		return -1;
	if (len - PROTO_HEADER < size)
		return 0;
	*type = le16toh(t);
	*payload = (struct reader){p + PROTO_HEADER, p + PROTO_HEADER + size, 0};
	*used = PROTO_HEADER + size;
	return 1;
}
