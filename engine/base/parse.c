/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of values (declared in base/str.h): integers, reals, sizes, durations, names,
 * UTF-8.
 *
 * The whole text has to be the value: no blanks around it, no hexadecimal, no nan or
 * inf. The locale of the process never matters.
 */
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

static int
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *
skip_digits(const char *p)
{
	while (is_digit(*p))
		p++;
	return p;
}

/* Behind an unsigned decimal number, "12", "1.5", ".5" or "2."; NULL if there is
 * none. */
static const char *
skip_number(const char *p)
{
	const char *start = p;
	int digits;

	p = skip_digits(p);
	digits = p > start;
	if (*p == '.') {
		const char *fraction = p + 1;

		p = skip_digits(fraction);
		digits |= p > fraction;
	}
	return digits ? p : NULL;
}

/* strtod in the C locale; making the "C" locale object costs nothing in glibc. */
static double
to_double(const char *s)
{
	locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	double v;

	if (c == (locale_t)0)
		return strtod(s, NULL);
	v = strtod_l(s, NULL, c);
	freelocale(c);
	return v;
}

int
parse_int(const char *s, int64_t *out)
{
	const char *p = s;
	int saved = errno;
	intmax_t v;

	if (*p == '+' || *p == '-')
		p++;
	if (!is_digit(*p) || *skip_digits(p))
		return -1;
	errno = 0;
	v = strtoimax(s, NULL, 10);
	if (errno || v < INT64_MIN || v > INT64_MAX) {
		errno = saved;
		return -1;
	}
	errno = saved;
	*out = v;
	return 0;
}

int
parse_real(const char *s, double *out)
{
	const char *p = s;
	double v;

	if (*p == '+' || *p == '-')
		p++;
	p = skip_number(p);
	if (!p)
		return -1;
	if (*p == 'e' || *p == 'E') {
		p++;
		if (*p == '+' || *p == '-')
			p++;
		if (!is_digit(*p))
			return -1;
		p = skip_digits(p);
	}
	v = to_double(s);
	if (*p || !isfinite(v))
		return -1;
	*out = v;
	return 0;
}

int
parse_bool(const char *s, int *out)
{
	static const char *const names[] = {"no", "yes", "false", "true", "0", "1"};

	for (int i = 0; i < 6; i++) {
		if (strcasecmp(s, names[i]) == 0) {
			*out = i & 1;
			return 0;
		}
	}
	return -1;
}

int
parse_size(const char *s, uint64_t *bytes)
{
	static const char units[] = "KMGTP";
	const char *end = skip_number(s), *unit;
	uint64_t scale = 1, v;
	int saved = errno;
	double real;

	if (!end || strlen(end) > 1)
		return -1;
	if (*end) {
		unit = strchr(units,
			      *end >= 'a' && *end <= 'z' ? *end - 'a' + 'A' : *end);
		if (!unit)
			return -1;
		scale <<= 10 * (unit - units + 1);
	}
	if (memchr(s, '.', (size_t)(end - s))) {
		real = to_double(s) * (double)scale;
		if (!*end || real >= 0x1p64)
			return -1; /* part of a byte, or too much */
		*bytes = (uint64_t)real;
		return 0;
	}
	errno = 0;
	v = strtoumax(s, NULL, 10);
	if (errno || v > UINT64_MAX / scale) {
		errno = saved;
		return -1;
	}
	errno = saved;
	*bytes = v * scale;
	return 0;
}

int
parse_duration(const char *s, double *seconds)
{
	static const struct {
		char unit;
		double seconds;
	} units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
	double sum = 0;
	size_t next = 0; /* units go down: 1h30m, never 30m1h or 1h1h */
	const char *end = skip_number(s);

	if (!end)
		return -1;
	if (!*end)
		return parse_real(s, seconds);
	while (*s) {
		end = skip_number(s);
		if (!end)
			return -1;
		while (next < 4 && units[next].unit != *end)
			next++;
		if (next == 4)
			return -1;
		sum += to_double(s) * units[next++].seconds;
		s = end + 1;
	}
	if (!isfinite(sum))
		return -1;
	*seconds = sum;
	return 0;
}

char *
format_size(uint64_t bytes, char buf[32])
{
	static const char units[] = "BKMGTPE";
	double v = (double)bytes;
	int unit = 0;

	/* What would round to 1024 is 1 of the next unit. */
	while (v >= 1023.5 && !(unit == 0 && bytes < 1024)) {
		v /= 1024;
		unit++;
	}
	if (v < 9.95 && floor(v * 10 + 0.5) != 10 * floor(v + 0.05))
		snprintf(buf, 32, "%d.%d%c", (int)floor(v * 10 + 0.5) / 10,
			 (int)floor(v * 10 + 0.5) % 10, units[unit]);
	else
		snprintf(buf, 32, "%.0f%c", v, units[unit]);
	return buf;
}

/* "X.Ys": by integers, so that no locale's decimal comma gets in. */
static void
format_fraction(double seconds, int digits, char buf[32])
{
	int scale = digits == 2 ? 100 : 10;
	int v = (int)lround(seconds * scale);

	snprintf(buf, 32, "%d.%0*ds", v / scale, digits, v % scale);
}

char *
format_duration(double seconds, char buf[32])
{
	const char *sign = seconds < 0 ? "-" : "";
	long long s;

	if (!isfinite(seconds) || fabs(seconds) > 1e15) {
		strcpy(buf, "?");
		return buf;
	}
	s = llround(fabs(seconds));
	if (seconds >= 0 && seconds < 0.995)
		format_fraction(seconds, 2, buf);
	else if (seconds >= 0 && seconds < 9.95)
		format_fraction(seconds, 1, buf);
	else if (s < 120)
		snprintf(buf, 32, "%s%llds", sign, s);
	else if (s < 3600)
		snprintf(buf, 32, "%s%lldm%02llds", sign, s / 60, s % 60);
	else if (s < 48 * 3600)
		snprintf(buf, 32, "%s%lldh%02lldm", sign, s / 3600, s / 60 % 60);
	else
		snprintf(buf, 32, "%s%lldd%02lldh", sign, s / 86400, s / 3600 % 24);
	return buf;
}

int
is_name(const char *s)
{
	if (!*s || is_digit(*s))
		return 0;
	for (; *s; s++)
		if (!(*s >= 'a' && *s <= 'z') && !(*s >= 'A' && *s <= 'Z') &&
		    !is_digit(*s) && *s != '_')
			return 0;
	return 1;
}

/* Length of the valid UTF-8 sequence at s (1 to 4), its code point in *c; 0 if
 * invalid. */
static size_t
utf8_next(const unsigned char *s, size_t n, uint32_t *c)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = s[0] < 0x80   ? 1
		     : s[0] < 0xc0 ? 0
		     : s[0] < 0xe0 ? 2
		     : s[0] < 0xf0 ? 3
				   : 4;

	if (len == 0 || len > n || s[0] > 0xf4)
		return 0;
	*c = len == 1 ? s[0] : s[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (s[i] & 0x3f);
	}
	if (*c < least[len] || *c > 0x10ffff || (*c >= 0xd800 && *c <= 0xdfff))
		return 0;
	return len;
}

size_t
utf8_length(const char *s, size_t n)
{
	uint32_t c;

	return utf8_next((const unsigned char *)s, n, &c);
}

int
is_clean_utf8(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;

	for (size_t i = 0, len; i < n; i += len) {
		uint32_t c;

		len = utf8_next(p + i, n - i, &c);
		if (len == 0)
			return 0;
		if ((c < 0x20 && c != '\t' && c != '\n') || (c >= 0x7f && c < 0xa0))
			return 0;
	}
	return 1;
}
