/* SPDX-License-Identifier: Apache-2.0
 * explain_tail: the end of what an attempt wrote to its standard error.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/mem.h"
#include "view/explain.h"

enum {
	TAIL_BYTES = 4096, /* that are looked at */
	TAIL_LINES = 5     /* and shown */
};

/* The last bytes of a file, NULL if there is none. */
static char *
last_bytes(const char *path)
{
	FILE *f = fopen(path, "rb");
	char *text = NULL;
	struct stat st;

	if (f && fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode)) {
		off_t skip = st.st_size > TAIL_BYTES ? st.st_size - TAIL_BYTES : 0;
		text = xcalloc(TAIL_BYTES + 1, 1);
		if (fseeko(f, skip, SEEK_SET) < 0 || !fread(text, 1, TAIL_BYTES, f))
			*text = '\0';
	}
	if (f)
		fclose(f);
	return text;
}

char *
explain_tail(const struct rundir *d, const char *node, const char *branch, int attempt)
{
	char *dir = rundir_attempt(d, node, branch, attempt), *path = path_join(dir, "stderr");
	char *text = last_bytes(path), *tail = NULL;
	size_t len = text ? strlen(text) : 0, lines = 0, at;

	while (len && text[len - 1] == '\n')
		text[--len] = '\0';
	for (at = len; at > 0 && (text[at - 1] != '\n' || ++lines < TAIL_LINES); at--)
		;
	for (char *p = text ? text + at : NULL; p && *p; p++)
		if (((unsigned char)*p < ' ' && *p != '\n' && *p != '\t') || *p == 0x7f)
			*p = '?';
	if (len)
		tail = xstrdup(text + at);
	free(text);
	free(path);
	free(dir);
	return tail;
}
