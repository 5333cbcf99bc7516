/* SPDX-License-Identifier: Apache-2.0 */
/* What a result tells of its making, for those who explain: its outputs are not looked at. */
#include <stdlib.h>

#include "record/store_private.h"

/* A text whose own digest vouches for it, as JSON. */
static js *
vouched(const char *text, size_t len)
{
	struct result *r = result_read(text, len, NULL, NULL);

	if (!r)
		return NULL;
	result_free(r);
	return js_parse(text, len, NULL);
}

static js *
story_of_record(struct store *s, const struct digest *key)
{
	char hex[DIGEST_HEX + 1];
	const char *text;
	size_t len;

	segments_load(s);
	text = lines_get(&s->segments, digest_hex(key, hex), &len);
	return text ? vouched(text, len) : NULL;
}

js *
store_story(struct store *s, const struct digest *key)
{
	char name[OBJECT_NAME];
	enum finding f;
	size_t len;
	js *story;

	object_name(key, name);
	char *text = object_text(s, name, &len, &f, NULL);
	story = text ? vouched(text, len) : story_of_record(s, key);
	free(text);
	return story;
}
