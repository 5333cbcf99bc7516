/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C and line records (declared in base/digest.h).
 *
 * A line record is "CRC TEXT\n": eight lower-case hex digits of the CRC-32C of TEXT, a
 * space, TEXT. A torn or changed line does not check.
 */
#include <string.h>

#include "base/digest.h"
#include "base/str.h"

/* --- without the instruction: eight bytes a step ---------------------------------- */

/* tables[k][n] is the CRC (without the initial and final xor) of byte n followed by k
 * zero bytes. It is linear in the bits of n, so the values of the eight single bits
 * write down a table: each line doubles what stands before it. */
#define T2(x, a) (x), (x) ^ (a)
#define T4(x, a, b) T2(x, a), T2((x) ^ (b), a)
#define T8(x, a, b, c) T4(x, a, b), T4((x) ^ (c), a, b)
#define T16(x, a, b, c, d) T8(x, a, b, c), T8((x) ^ (d), a, b, c)
#define T32(x, a, b, c, d, e) T16(x, a, b, c, d), T16((x) ^ (e), a, b, c, d)
#define T64(x, a, b, c, d, e, f) T32(x, a, b, c, d, e), T32((x) ^ (f), a, b, c, d, e)
#define T128(x, a, b, c, d, e, f, g)                                                   \
	T64(x, a, b, c, d, e, f), T64((x) ^ (g), a, b, c, d, e, f)
#define TABLE(a, b, c, d, e, f, g, h)                                                  \
	{                                                                              \
		T128(0u, a, b, c, d, e, f, g), T128(h, a, b, c, d, e, f, g)            \
	}

static const uint32_t tables[8][256] = {
	TABLE(0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf, 0x105ec76f, 0x20bd8ede,
	      0x417b1dbc, 0x82f63b78),
	TABLE(0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8, 0x3fc5f181, 0x7f8be302,
	      0xff17c604, 0xfbc3faf9),
	TABLE(0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5, 0x70a27d8a, 0xe144fb14,
	      0xc76580d9, 0x8b277743),
	TABLE(0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6, 0xe964b13d, 0xd725148b,
	      0xaba65fe7, 0x52a0c93f),
	TABLE(0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91, 0x8f2261d3, 0x1ba8b557,
	      0x37516aae, 0x6ea2d55c),
	TABLE(0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f, 0xc00c303e, 0x85f4168d,
	      0x0e045beb, 0x1c08b7d6),
	TABLE(0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53, 0x9c5bfaa6, 0x3d5b83bd,
	      0x7ab7077a, 0xf56e0ef4),
	TABLE(0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da, 0x847609b4, 0x0d006599,
	      0x1a00cb32, 0x34019664),
};

static uint32_t
load32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

uint32_t
crc32c_portable(const void *data, size_t n)
{
	const unsigned char *p = data;
	uint32_t c = 0xffffffff;

	for (; n >= 8; n -= 8, p += 8) {
		uint32_t lo = c ^ load32(p), hi = load32(p + 4);

		c = tables[7][lo & 0xff] ^ tables[6][lo >> 8 & 0xff] ^
		    tables[5][lo >> 16 & 0xff] ^ tables[4][lo >> 24] ^
		    tables[3][hi & 0xff] ^ tables[2][hi >> 8 & 0xff] ^
		    tables[1][hi >> 16 & 0xff] ^ tables[0][hi >> 24];
	}
	while (n-- > 0)
		c = c >> 8 ^ tables[0][(c ^ *p++) & 0xff];
	return ~c;
}

/* --- with it ---------------------------------------------------------------------- */

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t
crc32c_sse42(const void *data, size_t n)
{
	const unsigned char *p = data;
	uint64_t c = 0xffffffff;

	for (; n >= 8; n -= 8, p += 8) {
		uint64_t word;

		memcpy(&word, p, sizeof word);
		c = __builtin_ia32_crc32di(c, word);
	}
	while (n-- > 0)
		c = __builtin_ia32_crc32qi((uint32_t)c, *p++);
	return ~(uint32_t)c;
}
#endif

uint32_t
crc32c(const void *p, size_t n)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		return crc32c_sse42(p, n);
#endif
	return crc32c_portable(p, n);
}

/* --- line records ----------------------------------------------------------------- */

enum { PREFIX = 9 }; /* eight digits and a space */

/* Eight digits to `out`; journals are written by the million, so no printf. */
static void
put_hex(uint32_t v, char out[8])
{
	for (int i = 7; i >= 0; i--, v >>= 4)
		out[i] = "0123456789abcdef"[v & 15];
}

const char *
line_check(const char *line, size_t len)
{
	char want[8];

	if (len < PREFIX || line[8] != ' ')
		return NULL;
	put_hex(crc32c(line + PREFIX, len - PREFIX), want);
	return memcmp(line, want, sizeof want) == 0 ? line + PREFIX : NULL;
}

void
line_seal(struct str *out, const char *text, size_t len)
{
	char prefix[PREFIX];

	put_hex(crc32c(text, len), prefix);
	prefix[8] = ' ';
	str_addn(out, prefix, PREFIX);
	str_addn(out, text, len);
	str_addc(out, '\n');
}
