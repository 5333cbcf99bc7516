/* SPDX-License-Identifier: Apache-2.0 */
/* Appending keyed line records, and writing files of them anew. The format is in
 * lines.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"
#include "record/lines_private.h"

void
lines_append_to(struct lines *l, const char *path)
{
	free(l->out);
	l->out = xstrdup(path);
	l->out_first = l->at_count;
	for (size_t i = 0; i < l->file_count; i++)
		if (strcmp(l->files[i].path, path) == 0)
			l->out_file = (int)i;
}

void
lines_put(struct lines *l, const char *key, const char *text, size_t len)
{
	struct str body = {0};
	size_t start = l->pending.len;
	int added;
	uint64_t *index;

	if (start == 0)
		l->out_first = l->at_count;
	str_add(&body, key);
	str_addc(&body, ' ');
	str_addn(&body, text, len);
	line_seal(&l->pending, body.s, body.len);
	str_free(&body);
	index = map_puts(&l->keys, key, &added);
	*index = l->at_count;
	GROW(l->at, l->at_count, l->at_cap);
	l->at[l->at_count++] =
		(struct lines_at){.offset = start,
				  .length = (uint32_t)(l->pending.len - start - 1),
				  .file = PENDING,
				  .used = 1};
	l->lines++;
}

void
lines_unput(struct lines *l, const char *key, size_t pending_before)
{
	l->pending.len = pending_before;
	if (l->pending.s)
		l->pending.s[pending_before] = '\0';
	map_del(&l->keys, key, strlen(key));
	l->at_count--;
	l->lines--;
}

/* Open the output. A torn last line (or one being written) is closed by a newline. */
static int
open_out(struct lines *l, struct error *e)
{
	char last = '\n';
	struct stat st;

	if (l->out_fd >= 0)
		return 0;
	l->out_fd = open(l->out, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			 0644);
	if (l->out_fd < 0)
		return error_set(e, "cannot write '%s':", l->out);
	if (l->out_file < 0)
		l->out_file = lines_new_file(l, l->out);
	if (l->out_file < 0)
		return error_set(e, "cannot write '%s': too many files", l->out);
	if (fstat(l->out_fd, &st) == 0 && st.st_size > 0 &&
	    lines_pread(l->out_fd, &last, 1, (uint64_t)st.st_size - 1) == 1 &&
	    last != '\n' && fs_write_all(l->out_fd, "\n", 1) < 0)
		return error_set(e, "cannot write '%s':", l->out);
	return 0;
}

/* The pending lines now stand at `start`. */
static void
settle(struct lines *l, uint64_t start)
{
	for (size_t i = l->out_first; i < l->at_count; i++) {
		if (l->at[i].file != PENDING)
			continue;
		l->at[i].offset += start;
		l->at[i].file = (uint16_t)l->out_file;
	}
	l->files[l->out_file].scanned = start + l->pending.len;
	l->out_first = l->at_count;
	str_reset(&l->pending);
	if (l->window_file == l->out_file)
		l->window_file = -1;
	l->unsynced = 1;
}

/* A newline behind half a line. */
static int
end_half(struct lines *l)
{
	if (l->half && fs_write_all(l->out_fd, "\n", 1) < 0)
		return -1;
	l->half = 0;
	return 0;
}

int
lines_flush(struct lines *l, int sync, struct error *e)
{
	struct stat before;

	if (l->pending.len > 0) {
		off_t end;

		if (open_out(l, e) < 0)
			return -1;
		if (end_half(l) < 0 || fstat(l->out_fd, &before) < 0)
			return error_set(e, "cannot write '%s':", l->out);
		if (fs_write_all(l->out_fd, l->pending.s, l->pending.len) < 0) {
			error_set(e, "cannot write '%s':", l->out);
			/* Half a line must not meet the next one. */
			l->half = ftruncate(l->out_fd, before.st_size) < 0;
			(void)end_half(l);
			return -1;
		}
		/* Another engine may append to a shared file: ask where it went. */
		end = lseek(l->out_fd, 0, SEEK_CUR);
		settle(l, (uint64_t)end - l->pending.len);
	}
	if (sync && l->unsynced) {
		if (fdatasync(l->out_fd) < 0)
			return error_set(e, "cannot sync '%s':", l->out);
		l->unsynced = 0;
	}
	return 0;
}

int
lines_rewrite(struct lines *l, int used, const unsigned char *of_file, const char *path,
	      int sync, struct error *e)
{
	struct str all = {0};
	int rc;

	for (size_t i = 0; i < l->keys.count; i++) {
		const struct map_entry *entry = &l->keys.entries[i];
		const struct lines_at *at;
		const char *line;

		if (!entry->key)
			continue;
		at = &l->at[entry->value];
		if ((used && !at->used) ||
		    (of_file && (at->file == PENDING || !of_file[at->file])))
			continue;
		line = lines_line(l, entry->value);
		if (!line) {
			str_free(&all);
			return error_set(e, "cannot read '%s' again",
					 at->file == PENDING ? l->out
							     : l->files[at->file].path);
		}
		if (!line_check(line, at->length))
			continue;
		str_addn(&all, line, at->length);
		str_addc(&all, '\n');
	}
	rc = fs_write_file(path, all.s ? all.s : "", all.len, sync, e);
	str_free(&all);
	return rc;
}
