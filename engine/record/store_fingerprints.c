/* SPDX-License-Identifier: Apache-2.0 */
/* Fingerprints of plugins, remembered in cache/fingerprints as long as the files
 * that they looked at are unchanged. A line's key is the id, its text a JSON object:
 *     {"text":"...","files":[["PATH",DEV,INO,SIZE,MTIME,CTIME], ["PATH"], ...]}
 * A file of a path alone was not there, and must not be there now. What the kernel makes up as it
 * is read, below /proc and /sys, has no inode or times that mean anything: ["PATH","SHA-256"], its
 * content, up to 1 MiB. So a plugin that names /proc/sys/kernel/random/boot_id is asked again
 * after each boot, and on each machine.
 */
#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/digest.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "record/store_private.h"
#include "record/store_stamps.h"

enum { KERNEL_MOST = 1 << 20 }; /* bytes that are read of a file of the kernel's */

/* Is it made up by the kernel? */
static int
is_kernels(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 &&
	       (fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC);
}

/* It is known by what it says now. One that cannot be read says nothing. */
static void
add_content(js *entry, const char *path)
{
	char hex[DIGEST_HEX + 1], *text;
	struct digest d;
	size_t len = 0;

	text = fs_read_file(path, KERNEL_MOST, &len, NULL);
	digest_bytes(text ? text : "", len, &d);
	js_push(entry, js_text(digest_hex(&d, hex)));
	free(text);
}

/* The file's state now; NULL where that is not to be remembered: it changed a moment
 * ago. */
static js *
file_entry(const char *path)
{
	js *entry;
	struct stat st;

	/* JSON cannot hold other names. */
	if (!is_clean_utf8(path, strlen(path)))
		return NULL;
	entry = js_array();
	js_push(entry, js_text(path));
	if (stat(path, &st) < 0)
		return entry;
	if (is_kernels(path)) {
		add_content(entry, path);
		return entry;
	}
	if (is_recent(&st)) {
		js_free(entry);
		return NULL;
	}
	js_push(entry, js_int((int64_t)st.st_dev));
	js_push(entry, js_int((int64_t)st.st_ino));
	js_push(entry, js_int((int64_t)st.st_size));
	js_push(entry, js_int(time_ns(&st.st_mtim)));
	js_push(entry, js_int(time_ns(&st.st_ctim)));
	return entry;
}

static int
is_unchanged(const js *entry)
{
	js *now = NULL;
	const char *path = js_as_text(js_at(entry, 0), NULL);
	char *was_text, *now_text;
	int same;

	if (path)
		now = file_entry(path);
	if (!now)
		return 0;
	was_text = js_dump(entry, 0);
	now_text = js_dump(now, 0);
	same = strcmp(was_text, now_text) == 0;
	free(was_text);
	free(now_text);
	js_free(now);
	return same;
}

static int
files_unchanged(const js *files)
{
	if (!js_is_array(files))
		return 0;
	for (size_t i = 0; i < js_count(files); i++)
		if (!is_unchanged(js_at(files, i)))
			return 0;
	return 1;
}

char *
store_fingerprint(struct store *s, const struct digest *id)
{
	char hex[DIGEST_HEX + 1], *out = NULL;
	time_t now = store_seconds();
	const char *text, *fingerprint;
	uint64_t *seen;
	size_t len;
	js *o;

	caches_open(s);
	digest_hex(id, hex);
	text = lines_get(&s->fingerprints, hex, &len);
	o = text ? js_parse(text, len, NULL) : NULL;
	fingerprint = js_get_text(o, "text", NULL);
	if (fingerprint) {
		/* Many tasks share one: its files are looked at once in two seconds. */
		seen = map_puts(&s->fingerprint_seen, hex, NULL);
		if (*seen + 2 > (uint64_t)now || files_unchanged(js_get(o, "files"))) {
			if (*seen + 2 <= (uint64_t)now)
				*seen = (uint64_t)now;
			out = xstrdup(fingerprint);
		}
	}
	js_free(o);
	return out;
}

void
store_fingerprint_put(struct store *s, const struct digest *id, const char *text,
		      const char *const *files, size_t file_count)
{
	char hex[DIGEST_HEX + 1], *line;
	js *o = js_object(), *list = js_array();
	int settled = 1;

	caches_open(s);
	for (size_t i = 0; settled && i < file_count; i++) {
		js *entry = file_entry(files[i]);

		settled = entry != NULL;
		if (entry)
			js_push(list, entry);
	}
	js_set_text(o, "text", text);
	js_set(o, "files", list);
	if (settled) {
		line = js_dump(o, 0);
		digest_hex(id, hex);
		lines_put(&s->fingerprints, hex, line, strlen(line));
		/* Asking cost a process, and whoever explains this run needs it now. */
		if (s->fingerprints.out)
			(void)lines_flush(&s->fingerprints, 0, NULL);
		map_del(&s->fingerprint_seen, hex, DIGEST_HEX);
		free(line);
	}
	js_free(o);
}
