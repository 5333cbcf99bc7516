/* SPDX-License-Identifier: Apache-2.0
 * dot_feed: a DOT text handed out one token a call, so that its taker knows how far the
 * parser has come. Comments and "# line" directives are left out, newlines stay.
 */
#ifndef MODEL_DOT_FEED_H
#define MODEL_DOT_FEED_H

#include "model/dot_token.h"

struct dot_feed {
	struct dot_scan scan;
	struct dot_token token; /* the one being given */
	int newlines;           /* still to be given before it */
	size_t given; /* bytes of it given; len + 1: the blank behind it too */
	/* Line of the last token outside [...] before this one: where a statement stands
	 * whose end the parser has just seen. */
	int last_line;
	int brackets, started;
	int stop; /* give nothing more */
};

void dot_feed_init(struct dot_feed *f, const char *text, size_t len);
/* From now on the text is at its end. */
void dot_feed_end(struct dot_feed *f);
/* Copy at most `size` bytes to `buf`; at most one token. Returns how many, 0 at the end. */
int dot_feed_read(void *feed, char *buf, int size);

#endif
