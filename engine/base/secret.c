/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets: where they come from, and making them unreadable where they turn up. */
#include "base/secret.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"

enum { SHORTEST = 4, LONGEST = 64 * 1024 };

int
secret_is_reference(const char *text)
{
	if (starts_with(text, "env:"))
		return is_name(text + 4);
	return starts_with(text, "file:") && text[5];
}

static char *
read_file(const char *path, struct error *e)
{
	size_t len = 0;
	char *text = fs_read_file(path, LONGEST, &len, e);

	if (!text)
		return NULL;
	if (strlen(text) != len) {
		free(text);
		error_set(e, "cannot use the secret in '%s': it holds a NUL byte",
			  path);
		return NULL;
	}
	if (len > 0 && text[len - 1] == '\n')
		text[--len] = '\0';
	if (len > 0 && text[len - 1] == '\r')
		text[--len] = '\0';
	return text;
}

char *
secret_read(const char *reference, struct error *e)
{
	const char *value;

	if (!secret_is_reference(reference)) {
		error_set(e, "a secret is given as env:NAME or file:PATH");
		return NULL;
	}
	if (starts_with(reference, "file:"))
		return read_file(reference + 5, e);
	value = getenv(reference + 4);
	if (value)
		return xstrdup(value);
	error_set(e, "environment variable '%s' is not set", reference + 4);
	error_hint(e, "export it, or name another with env:NAME or file:PATH");
	return NULL;
}

/* The text as it stands in JSON, without its quotes. */
static char *
json_text(const char *value)
{
	js *list = js_array();
	char *text, *out;

	js_push(list, js_text(value));
	text = js_dump(list, 0); /* ["..."] */
	out = xstrndup(text + 2, strlen(text) - 4);
	free(text);
	js_free(list);
	return out;
}

void
secret_add(struct words *secrets, const char *value)
{
	char *text;

	if (strlen(value) < SHORTEST)
		return;
	words_add(secrets, value);
	text = json_text(value);
	if (strcmp(text, value) != 0)
		words_add(secrets, text);
	free(text);
}

size_t
secret_mask(const struct words *secrets, char *text, size_t n)
{
	size_t masked = 0;

	for (size_t i = 0; i < secrets->count; i++) {
		size_t len = strlen(secrets->v[i]);
		char *at = text, *end = text + n;

		while ((at = memmem(at, (size_t)(end - at), secrets->v[i], len))) {
			memset(at, '*', len);
			at += len;
			masked += len;
		}
	}
	return masked;
}

size_t
secret_longest(const struct words *secrets)
{
	size_t longest = 0;

	for (size_t i = 0; i < secrets->count; i++)
		if (strlen(secrets->v[i]) > longest)
			longest = strlen(secrets->v[i]);
	return longest;
}
