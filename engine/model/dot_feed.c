/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens for cgraph's scanner: see dot_feed.h. */
#include "model/dot_feed.h"

#include <string.h>

void
dot_feed_init(struct dot_feed *f, const char *text, size_t len)
{
	memset(f, 0, sizeof *f);
	dot_scan_init(&f->scan, text, len);
	f->last_line = 1;
}

void
dot_feed_end(struct dot_feed *f)
{
	f->stop = 1;
	f->newlines = 0;
	f->given = f->token.len + 1;
}

static int
next_token(struct dot_feed *f)
{
	int line = f->started ? f->token.end_line : 1;

	if (f->started) {
		int open = f->token.kind == DOT_PUNCT && *f->token.s == '[';
		int close = f->token.kind == DOT_PUNCT && *f->token.s == ']';

		f->brackets += open - close;
		if (!f->brackets && !close)
			f->last_line = f->token.line;
	}
	if (f->stop || !dot_next(&f->scan, &f->token))
		return 0;
	f->started = 1;
	f->newlines = f->token.line - line;
	f->given = 0;
	return 1;
}

int
dot_feed_read(void *chan, char *buf, int size)
{
	struct dot_feed *f = chan;
	size_t room = (size_t)size, n = 0, m;

	if (f->started && f->token.kind == DOT_END)
		return 0;
	if (!f->started || (f->newlines == 0 && f->given > f->token.len)) {
		if (!next_token(f)) {
			f->token.kind = DOT_END;
			f->started = 1;
			return 0;
		}
	}
	for (; f->newlines > 0 && n < room; f->newlines--)
		buf[n++] = '\n';
	if (f->given < f->token.len && n < room) {
		m = f->token.len - f->given;
		if (m > room - n)
			m = room - n;
		memcpy(buf + n, f->token.s + f->given, m);
		f->given += m;
		n += m;
	}
	if (f->given == f->token.len && n < room) {
		buf[n++] = ' '; /* ends the token: the scanner need not look further */
		f->given++;
	}
	return (int)n;
}
