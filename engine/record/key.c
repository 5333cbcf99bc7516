/* SPDX-License-Identifier: Apache-2.0 */
/* What enters a task's key.
 *
 * The key is the SHA-256 of a sequence of fields, each a tag byte, a length (8
 * bytes, little-endian) and that many bytes:
 *     K "af2flow-key/1"   P plugin id, its result version in decimal
 *     p name, value       a parameter that changes the result
 *     c name, digest      one whose content counts
 *     f text              a fingerprint
 *     I port, kind        an input port: kind is "1", "many" or "set"
 *     i digest, digest    an item: file, values; then pairs
 *     b name, value       its branch values
 *     v name, value       a variable of the node's own expand
 *     x run id, node, branch                          never shared
 * in the order of the calls. The items of a set are sorted and have no branch
 * values. An absent digest is a field of length 0.
 */
#include "record/key.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

/* An item of a set, before sorting. */
struct set_item {
	unsigned char has_file, has_values;
	struct digest file, values;
};

struct key {
	struct str bytes;
	size_t port; /* where the last port begins */
	int in_set;
	struct set_item *items;
	size_t item_count, item_cap;
};

struct key *
key_new(void)
{
	return xcalloc(1, sizeof(struct key));
}

void
key_free(struct key *k)
{
	if (!k)
		return;
	str_free(&k->bytes);
	free(k->items);
	free(k);
}

static void
field(struct key *k, char tag, const void *p, size_t n)
{
	char head[9] = {tag};

	for (int i = 0; i < 8; i++)
		head[i + 1] = (char)((uint64_t)n >> (8 * i));
	str_addn(&k->bytes, head, sizeof head);
	if (n > 0)
		str_addn(&k->bytes, p, n);
}

static void
text_field(struct key *k, char tag, const char *text)
{
	field(k, tag, text, strlen(text));
}

static void
digest_field(struct key *k, char tag, const struct digest *d)
{
	field(k, tag, d ? d->b : NULL, d ? sizeof d->b : 0);
}

static int
by_digests(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct set_item));
}

/* The port before this field is complete: write a set's items. */
static void
end_port(struct key *k)
{
	if (k->in_set && k->item_count > 1)
		qsort(k->items, k->item_count, sizeof *k->items, by_digests);
	for (size_t i = 0; i < k->item_count; i++) {
		const struct set_item *it = &k->items[i];

		digest_field(k, 'i', it->has_file ? &it->file : NULL);
		digest_field(k, 'i', it->has_values ? &it->values : NULL);
	}
	k->in_set = 0;
	k->item_count = 0;
}

void
key_begin(struct key *k, const char *plugin_id, unsigned result_version)
{
	char version[16];

	str_reset(&k->bytes);
	k->in_set = 0;
	k->item_count = 0;
	snprintf(version, sizeof version, "%u", result_version);
	text_field(k, 'K', "af2flow-key/1");
	text_field(k, 'P', plugin_id);
	text_field(k, 'P', version);
}

void
key_param(struct key *k, const char *name, const char *value)
{
	end_port(k);
	text_field(k, 'p', name);
	text_field(k, 'p', value);
}

void
key_param_digest(struct key *k, const char *name, const struct digest *d)
{
	end_port(k);
	text_field(k, 'c', name);
	digest_field(k, 'c', d);
}

void
key_fingerprint(struct key *k, const char *text)
{
	end_port(k);
	text_field(k, 'f', text);
}

void
key_port(struct key *k, const char *port, int many, int set)
{
	end_port(k);
	k->port = k->bytes.len;
	text_field(k, 'I', port);
	text_field(k, 'I', set ? "set" : many ? "many" : "1");
	k->in_set = set;
}

/* "No values" has two forms: no digest, and the one of result_values_digest. */
static int
no_values(const struct digest *d)
{
	static const struct digest none;

	return !d || digest_equal(d, &none);
}

void
key_item(struct key *k, const struct digest *file, const struct digest *values,
	 size_t branch_count, const char *const *names, const char *const *values_text)
{
	if (no_values(values))
		values = NULL;
	if (k->in_set) {
		struct set_item *it;

		GROW(k->items, k->item_count, k->item_cap);
		it = &k->items[k->item_count++];
		memset(it, 0, sizeof *it);
		it->has_file = file != NULL;
		it->has_values = values != NULL;
		if (file)
			it->file = *file;
		if (values)
			it->values = *values;
		return;
	}
	digest_field(k, 'i', file);
	digest_field(k, 'i', values);
	for (size_t i = 0; i < branch_count; i++) {
		text_field(k, 'b', names[i]);
		text_field(k, 'b', values_text[i]);
	}
}

void
key_port_end(struct key *k, struct digest *out)
{
	end_port(k);
	digest_bytes(k->bytes.s + k->port, k->bytes.len - k->port, out);
}

void
key_variable(struct key *k, const char *name, const char *value)
{
	end_port(k);
	text_field(k, 'v', name);
	text_field(k, 'v', value);
}

void
key_private(struct key *k, const char *run_id, const char *node, const char *branch)
{
	end_port(k);
	text_field(k, 'x', run_id);
	text_field(k, 'x', node);
	text_field(k, 'x', branch);
}

void
key_end(struct key *k, struct digest *out)
{
	end_port(k);
	digest_bytes(k->bytes.s, k->bytes.len, out);
}
