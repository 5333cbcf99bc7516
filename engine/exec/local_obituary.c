/* SPDX-License-Identifier: Apache-2.0 */
/* What a host leaves when it dies before its answer: unread output, and how it died. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/secret.h"
#include "exec/local_private.h"
#include "exec/proc.h"

/* The host did not live to write its note: how much it cut, nobody knows. */
static void
note_full(const char *attempt_dir, const char *name, uint64_t limit)
{
	char *path = path_join(attempt_dir, name);
	int file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	struct stat st;

	if (file >= 0 && limit > 0 && fstat(file, &st) == 0 &&
	    (uint64_t)st.st_size == limit)
		dprintf(file, "\n[af2flow: anything after this is cut]\n");
	if (file >= 0)
		close(file);
	free(path);
}

void
conn_save_output(const struct conn *c, const char *attempt_dir, uint64_t limit,
		 const struct words *secrets)
{
	for (int i = 0; i < 2 && *attempt_dir; i++) {
		char buf[65536], *path = NULL;
		uint64_t cut = 0;
		ssize_t n;
		int file = -1;

		/* Bounded by what a pipe holds, whatever still writes. */
		for (int k = 0; k < 16; k++) {
			struct stat st = {0};
			size_t room;

			n = read(i ? c->err_read : c->out_read, buf, sizeof(buf));
			if (n <= 0)
				break;
			secret_mask(secrets, buf, (size_t)n);
			if (!path &&
			    fs_mkdirs_real(attempt_dir, PROTO_ATTEMPT_DEPTH) == 0) {
				path = path_join(attempt_dir, i ? "stderr" : "stdout");
				file = fs_open_real(path,
						    O_WRONLY | O_CREAT | O_APPEND |
							    O_NONBLOCK,
						    0644);
			}
			if (file < 0 || fstat(file, &st) < 0)
				break;
			room = (uint64_t)st.st_size < limit
				       ? limit - (uint64_t)st.st_size
				       : 0;
			if (room < (size_t)n) {
				cut += (size_t)n - room;
				n = (ssize_t)room;
			}
			fs_write_all(file, buf, (size_t)n);
		}
		if (file >= 0 && cut)
			dprintf(file, "\n[af2flow: %llu bytes cut]\n",
				(unsigned long long)cut);
		else
			note_full(attempt_dir, i ? "stderr" : "stdout", limit);
		if (file >= 0)
			close(file);
		free(path);
	}
}

/* The last line of the captured stderr, "" if there is none. Caller frees. */
static char *
last_words(const char *attempt_dir)
{
	char buf[512] = "", *path = path_join(attempt_dir, "stderr"), *line;
	int fd = *attempt_dir ? fs_open_real(path, O_RDONLY | O_NONBLOCK, 0) : -1;
	ssize_t n = 0;
	off_t size;

	free(path);
	if (fd >= 0) {
		size = lseek(fd, 0, SEEK_END);
		n = pread(fd, buf, sizeof(buf) - 1, size > 511 ? size - 511 : 0);
		close(fd);
	}
	while (n > 0 && (unsigned char)buf[n - 1] <= ' ')
		n--;
	buf[n > 0 ? n : 0] = '\0';
	line = strrchr(buf, '\n');
	line = line ? line + 1 : buf;
	for (char *q = line; *q; q++)
		if ((unsigned char)*q < 0x20)
			*q = ' ';
	return xstrdup(is_clean_utf8(line, strlen(line)) ? line : "");
}

char *
conn_obituary(const struct conn *c, const char *attempt_dir)
{
	static const char *const phases[] = {"at the start of its host", "on load",
					     "in setup", "while running"};
	char name[24], *words, *text;
	const char *colon;

	if (c->bad_reply)
		return xasprintf("%s of the plugin's host: it was ended", c->bad_reply);
	words = last_words(attempt_dir);
	colon = *words ? ": " : "";
	if (WIFSIGNALED(c->status))
		text = xasprintf("plugin crashed %s: %s%s%s", phases[c->phase],
				 proc_signal_name(WTERMSIG(c->status), name), colon,
				 words);
	else
		text = xasprintf("plugin ended its host %s: exit status %d%s%s",
				 phases[c->phase], WEXITSTATUS(c->status), colon,
				 words);
	free(words);
	return text;
}
