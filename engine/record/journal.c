/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the journal: line records, "CRC {json}\n" (base/digest.h), appended in whole
 * lines.
 *
 * It is history, not truth: damage costs the lines that it hit. Each event's first members are its sequence number and the time (Unix,
 * seconds).
 */
#include "record/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"
#include "record/journal_private.h"

enum { BUFFER = 256 * 1024 }; /* written without being asked */

struct journal {
	char *path;
	int fd;
	uint64_t seq; /* of the last event */
	struct str
		buffer; /* whole lines, but for what a short write took of the first */
	int unsynced;
};

/* --- opening ---------------------------------------------------------------------- */

/* The highest sequence number in sound lines. */
static void
note_seq(void *arg, const char *line, size_t len, uint64_t offset)
{
	uint64_t *highest = arg, seq = journal_line_seq(line, len);

	(void)offset;
	if (seq > *highest)
		*highest = seq;
}

/* Go on behind the last event: numbers from the file's tail, or from all of it. */
static int
find_end(struct journal *j, uint64_t size)
{
	enum { TAIL = 64 * 1024 };
	char last = '\n';

	if (size > TAIL && journal_each_line(j->fd, size - TAIL, note_seq, &j->seq) < 0)
		return -1;
	if (j->seq == 0 && journal_each_line(j->fd, 0, note_seq, &j->seq) < 0)
		return -1;
	if (size > 0 && journal_pread(j->fd, &last, 1, size - 1) != 1)
		return -1;
	if (last != '\n')
		str_addc(&j->buffer, '\n');
	return 0;
}

struct journal *
journal_open(const char *path, struct error *e)
{
	const int flags =
		O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	struct journal *j;
	struct stat st;
	int fd = open(path, flags, 0644);

	if (fd < 0) {
		error_set(e, "cannot open '%s':", path);
		return NULL;
	}
	j = xcalloc(1, sizeof *j);
	j->fd = fd;
	j->path = xstrdup(path);
	if (fstat(fd, &st) < 0)
		error_set(e, "cannot read '%s':", path);
	else if (!S_ISREG(st.st_mode))
		error_set(e, "cannot use '%s': it is not a regular file", path);
	else if (find_end(j, (uint64_t)st.st_size) < 0)
		error_set(e, "cannot read '%s':", path);
	else
		return j;
	journal_close(j);
	return NULL;
}

/* --- writing ---------------------------------------------------------------------- */

void
journal_add(struct journal *j, js *event)
{
	char *members = js_dump(event, 0); /* "{...}" */
	struct str line = {0};
	struct timespec now;
	int empty = js_count(event) == 0;

	clock_gettime(CLOCK_REALTIME, &now);
	str_printf(&line, "{\"seq\":%" PRIu64 ",\"time\":%lld.%06ld%s", ++j->seq,
		   (long long)now.tv_sec, now.tv_nsec / 1000, empty ? "" : ",");
	str_add(&line, members + 1);
	line_seal(&j->buffer, line.s, line.len);
	str_free(&line);
	free(members);
	js_free(event);
	if (j->buffer.len > BUFFER)
		(void)journal_flush(j, 0, NULL);
}

/* write() what the file takes; the rest stays. 0 or -1 with errno. */
static int
write_buffer(struct journal *j)
{
	size_t done = 0;
	int err = 0;

	while (done < j->buffer.len && !err) {
		ssize_t n = write(j->fd, j->buffer.s + done, j->buffer.len - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			err = errno;
	}
	if (done > 0) {
		memmove(j->buffer.s, j->buffer.s + done, j->buffer.len - done + 1);
		j->buffer.len -= done;
		j->unsynced = 1;
	}
	errno = err;
	return err ? -1 : 0;
}

void
journal_resume(struct journal *j, uint64_t seq)
{
	if (seq > j->seq)
		j->seq = seq;
}

int
journal_flush(struct journal *j, int sync, struct error *e)
{
	if (j->buffer.len > 0 && write_buffer(j) < 0)
		return error_set(e, "cannot write '%s':", j->path);
	if (!sync || !j->unsynced)
		return 0;
	if (fdatasync(j->fd) < 0)
		return error_set(e, "cannot sync '%s':", j->path);
	j->unsynced = 0;
	return 0;
}

int
journal_dirty(const struct journal *j)
{
	return j->unsynced || j->buffer.len > 0;
}

void
journal_close(struct journal *j)
{
	if (!j)
		return;
	(void)journal_flush(j, 0, NULL);
	close(j->fd);
	str_free(&j->buffer);
	free(j->path);
	free(j);
}
