/* SPDX-License-Identifier: Apache-2.0
 *
 * A growing string, a reader of lines, a checked output file, and a copy of one.
 */
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
text_add(struct text *text, const char *bytes, size_t n)
{
	if (text->failed)
		return -1;
	if (text->size + n + 1 > text->room) {
		size_t room = text->room ? 2 * text->room : 64;
		while (room < text->size + n + 1)
			room *= 2;
		char *data = realloc(text->data, room);
		if (!data) {
			text->failed = 1;
			return -1;
		}
		text->data = data;
		text->room = room;
	}
	if (n > 0)
		memcpy(text->data + text->size, bytes, n);
	text->size += n;
	text->data[text->size] = '\0';
	return 0;
}

int
text_add_char(struct text *text, char c)
{
	return text_add(text, &c, 1);
}

int
text_add_string(struct text *text, const char *string)
{
	return text_add(text, string, strlen(string));
}

void
text_clear(struct text *text)
{
	text->size = 0;
	if (text->data)
		text->data[0] = '\0';
}

void
text_free(struct text *text)
{
	free(text->data);
	*text = (struct text){0};
}

int
line_open(struct line_reader *reader, const char *path, struct fault *fault)
{
	*reader = (struct line_reader){.path = path};
	reader->file = fopen(path, "re");
	return reader->file ? 0 : fault_errno(fault, "cannot open", path);
}

int
line_next(struct line_reader *reader, struct fault *fault)
{
	errno = 0;
	ssize_t n = getline(&reader->line, &reader->room, reader->file);
	if (n < 0) {
		if (feof(reader->file))
			return 0;
		if (errno == ENOMEM)
			return fault_memory(fault, "reading a line");
		return fault_errno(fault, "cannot read", reader->path);
	}
	reader->number++;
	if (n > 0 && reader->line[n - 1] == '\n')
		n--;
	if (n > 0 && reader->line[n - 1] == '\r')
		n--;
	reader->line[n] = '\0';
	reader->length = (size_t)n;
	return 1;
}

void
line_close(struct line_reader *reader)
{
	if (reader->file)
		fclose(reader->file);
	free(reader->line);
	*reader = (struct line_reader){0};
}

FILE *
out_open(const char *path, struct fault *fault)
{
	FILE *file = fopen(path, "we");
	if (!file)
		fault_errno(fault, "cannot create", path);
	return file;
}

int
out_close(FILE *file, const char *path, struct fault *fault)
{
	int failed = ferror(file);
	errno = 0;
	if (fclose(file) != 0 || failed) {
		/* A write that failed earlier has lost its errno: a full disk is by far
		 * the likeliest. */
		if (errno == 0)
			errno = ENOSPC;
		return fault_errno(fault, "cannot write", path);
	}
	return 0;
}

static int
copy_bytes(FILE *in, FILE *out)
{
	char buffer[65536];
	size_t n;

	while ((n = fread(buffer, 1, sizeof(buffer), in)) > 0)
		if (fwrite(buffer, 1, n, out) != n)
			break;
	return ferror(in) ? -1 : 0;
}

int
file_copy(const char *from, const char *to, struct fault *fault)
{
	FILE *in = fopen(from, "re");
	if (!in)
		return fault_errno(fault, "cannot open", from);
	FILE *out = out_open(to, fault);
	int rc = out ? 0 : -1;
	if (out && copy_bytes(in, out) != 0)
		rc = fault_errno(fault, "cannot read", from);
	fclose(in);
	if (out && out_close(out, to, fault) != 0)
		rc = -1;
	return rc;
}
