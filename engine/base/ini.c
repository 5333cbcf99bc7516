/* SPDX-License-Identifier: Apache-2.0 */
/* INI files, through inih. The only file that includes ini.h of inih.
 *
 * A file is UTF-8 text (a byte-order mark is allowed) of at most 1 MiB. Each line is
 * empty, a comment (first character but blanks is ';' or '#'), "[section]" or "name =
 * value". A ';' after white space starts a comment in any line. Nothing is quoted.
 * Blanks around names and values do not count.
 *
 * inih splits long lines, cuts long section names and takes an indented line as more of
 * the value before it, all in silence. So each line is looked at here first, and one
 * that inih would misread is reported and handed on as an empty one. The line's number
 * is known here too, which makes the build-time switch INI_HANDLER_LINENO of the
 * library irrelevant.
 */
#include "base/ini.h"

#include <stdlib.h>
#include <string.h>

/* inih has a type of the same name. */
#define ini_handler inih_handler
#include <ini.h>
#undef ini_handler

#include "base/fs.h"
#include "base/str.h"

enum {
	FILE_MAX = 1024 * 1024,
	SECTION_MAX = 49 /* inih's MAX_SECTION less the NUL */
};

struct reader {
	const char *file;
	const char *p, *end; /* what is left of the file */
	int line;            /* number of the line last read */
	int lost;            /* below a bad section line: whose pairs are they? */
	ini_handler *handler;
	void *arg;
	struct diags *diags;
};

static int
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/* Length of the part of a line before its comment (';' after white space) and trailing
 * blanks. */
static size_t
without_comment(const char *s, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		if (s[i] == ';' && is_blank(s[i - 1])) {
			n = i;
			break;
		}
	}
	while (n > 0 && is_blank(s[n - 1]))
		n--;
	return n;
}

/* What is wrong with "[...", or NULL. */
static const char *
check_section(const char *s, size_t n)
{
	const char *close = memchr(s, ']', n);

	if (!close)
		return "section without ']'";
	if (close != s + n - 1)
		return "text after ']'";
	if (n - 2 > SECTION_MAX)
		return "section name of more than 49 bytes";
	return NULL;
}

/* What is wrong with "name = value", or NULL. To inih a ':' is as good as '='. */
static const char *
check_pair(const char *s, size_t n)
{
	const char *equals = memchr(s, '=', n);

	if (!equals)
		return "line without '='";
	if (equals == s)
		return "nothing before '='";
	if (memchr(s, ':', (size_t)(equals - s)))
		return "':' before '='";
	return NULL;
}

enum line_kind { LINE_GOOD, LINE_EMPTY, LINE_LONG, LINE_BAD };

/* Look at a line (without newline); *bad says what is wrong with a LINE_BAD. `room`:
 * the bytes that inih has for a line. */
static enum line_kind
look_at(const char *s, size_t n, size_t room, const char **bad)
{
	size_t indent = 0;

	while (indent < n && is_blank(s[indent]))
		indent++;
	if (memchr(s, '\0', n))
		*bad = "line with a NUL byte";
	else if (!is_clean_utf8(s, n))
		*bad = "line that is not UTF-8 text";
	else if (indent == n || s[indent] == ';' || s[indent] == '#')
		return LINE_EMPTY; /* a comment, however long */
	else if (n > room)
		return LINE_LONG;
	else if (indent > 0)
		*bad = "indented line";
	else if (*s == '[')
		*bad = check_section(s, without_comment(s, n));
	else
		*bad = check_pair(s, without_comment(s, n));
	return *bad ? LINE_BAD : LINE_GOOD;
}

/* fgets for inih: the next line, or an empty one in the place of a comment or a bad
 * line. */
static char *
read_line(char *buf, int size, void *arg)
{
	struct reader *r = arg;
	size_t room = (size_t)size - 2, n; /* a newline and a NUL */
	enum line_kind kind;
	const char *line = r->p, *newline, *bad = NULL;

	if (r->p == r->end)
		return NULL;
	newline = memchr(line, '\n', (size_t)(r->end - line));
	n = (size_t)((newline ? newline : r->end) - line);
	r->p = newline ? newline + 1 : r->end;
	r->line++;
	if (n > 0 && line[n - 1] == '\r')
		n--;
	kind = look_at(line, n, room, &bad);
	if (n > 0 && *line == '[')
		r->lost = kind != LINE_GOOD;
	switch (kind) {
	case LINE_GOOD:
		memcpy(buf, line, n);
		break;
	case LINE_BAD:
		diags_add(r->diags, SEV_ERROR, r->file, r->line, NULL, NULL, "%s", bad);
		n = 0;
		break;
	case LINE_LONG:
		diags_add(r->diags, SEV_ERROR, r->file, r->line, NULL, NULL,
			  "line of %zu bytes, more than %zu", n, room);
		n = 0;
		break;
	case LINE_EMPTY:
		n = 0;
		break;
	}
	strcpy(buf + n, "\n");
	return buf;
}

static int
on_pair(void *arg, const char *section, const char *name, const char *value)
{
	struct reader *r = arg;

	if (!r->lost)
		r->handler(r->arg, r->file, r->line, section, name, value, r->diags);
	return 1;
}

int
ini_read(const char *path, ini_handler *handler, void *arg, struct diags *diags)
{
	size_t before = diags->errors, len = 0;
	struct error e = {0};
	char *text = fs_read_file(path, FILE_MAX, &len, &e);
	struct reader r = {
		.file = path, .handler = handler, .arg = arg, .diags = diags};

	if (!text) {
		diags_add(diags, SEV_ERROR, NULL, 0, NULL, e.hint, "%s", e.text);
		return 1;
	}
	r.p = starts_with(text, "\xef\xbb\xbf") ? text + 3 : text;
	r.end = text + len;
	/* Its return value is the first line it could not read; none is left to it. */
	ini_parse_stream(read_line, &r, on_pair, &r);
	free(text);
	return (int)(diags->errors - before);
}
