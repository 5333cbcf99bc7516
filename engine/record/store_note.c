/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a note of a run that uses a store (store_runs.c): line records
 * (base/digest.h), "CRC NAME VALUE\n", control characters and '%' in VALUE as %XX:
 *     path    the run directory, absolute
 *     id      its random id: another run at that path is another one
 *     host    where it was noted
 *     store   the store's own path then
 *     mount   the folder on which the run's file system was mounted
 *     beside  "yes": on the store's file system
 * Unknown names are passed over. An older note is the path alone.
 */
#include "record/store_note.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"
#include "record/lines.h"

/* Names of the fields, in the order of the struct. */
static const char *const fields[] = {"path", "id", "host", "store", "mount", "beside"};
#define FIELDS (sizeof fields / sizeof *fields)

static char **
field(struct note *n, size_t i)
{
	char **const at[FIELDS] = {&n->path,  &n->id,    &n->host,
				   &n->store, &n->mount, &n->beside};

	return at[i];
}

void
note_free(struct note *n)
{
	for (size_t i = 0; i < FIELDS; i++) {
		free(*field(n, i));
		*field(n, i) = NULL;
	}
}

static void
add_escaped(struct str *out, const char *value)
{
	for (; *value; value++)
		if ((unsigned char)*value < 0x20 || *value == '%' || *value == 0x7f)
			str_printf(out, "%%%02X", (unsigned)(unsigned char)*value);
		else
			str_addc(out, *value);
}

static char *
unescaped(const char *text, size_t len)
{
	struct str out = {0};
	unsigned byte;
	char hex[3] = "";

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '%' && i + 2 < len) {
			memcpy(hex, text + i + 1, 2);
			byte = (unsigned)strtoul(hex, NULL, 16);
			str_addc(&out, (char)byte);
			i += 2;
		} else {
			str_addc(&out, text[i]);
		}
	}
	return str_take(&out);
}

void
note_write(const struct note *n, struct str *out)
{
	struct str line = {0};

	for (size_t i = 0; i < FIELDS; i++) {
		const char *value = *field((struct note *)n, i);

		if (!value)
			continue;
		str_reset(&line);
		str_printf(&line, "%s ", fields[i]);
		add_escaped(&line, value);
		line_seal(out, line.s, line.len);
	}
	str_free(&line);
}

/* One line; -1: damaged. Unknown names are passed over. */
static int
read_field(struct note *n, const char *line, size_t len)
{
	const char *key, *text;
	size_t key_len, text_len;

	if (lines_split(line, len, &key, &key_len, &text, &text_len) < 0)
		return -1;
	for (size_t i = 0; i < FIELDS; i++)
		if (strlen(fields[i]) == key_len &&
		    memcmp(fields[i], key, key_len) == 0) {
			free(*field(n, i));
			*field(n, i) = unescaped(text, text_len);
		}
	return 0;
}

int
note_parse(struct note *n, const char *text, size_t len)
{
	const char *nl;

	*n = (struct note){0};
	if (len > 1 && text[0] == '/') {
		n->path = xstrndup(text, strcspn(text, "\n"));
		return 0;
	}
	for (size_t at = 0; at < len; at += (size_t)(nl - (text + at)) + 1) {
		nl = memchr(text + at, '\n', len - at);
		if (!nl || read_field(n, text + at, (size_t)(nl - (text + at))) < 0) {
			note_free(n);
			return -1;
		}
	}
	if (n->path && n->path[0] == '/')
		return 0;
	note_free(n);
	return -1;
}
