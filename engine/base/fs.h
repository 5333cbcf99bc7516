/* SPDX-License-Identifier: Apache-2.0
 * fs: paths and files: joining, making and removing folders, whole-file reads, durable
 * writes.
 */
#ifndef BASE_FS_H
#define BASE_FS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"

/* Newly allocated "a/b" (b alone if b is absolute; a alone if b is ""). */
char *path_join(const char *a, const char *b);
/* Pointer into `path` behind its last '/'. */
const char *path_base(const char *path);
/* Newly allocated folder part ("." if there is none). */
char *path_dir(const char *path);
/* Newly allocated absolute form against `base` (NULL: current folder), "." and ".." and
 * double slashes removed by text; no symlink is resolved. */
char *path_absolute(const char *base, const char *path);
/* Is `name` one safe path component: not empty, ".", "..", no '/', no control
 * character, at most 255 bytes? */
int path_component_ok(const char *name);
/* Newly allocated: `text` as one safe component: bytes outside [A-Za-z0-9._=,+@-]
 * become '_', and so does a '.' or '-' at its start; longer than 200 bytes is cut; a
 * changed or cut one gets "~" and 8 hex digits of its hash. No other has a '~', so
 * different texts stay different. */
char *path_component_from(const char *text);

/* Make a folder and its parents, mode 0755. 0, or -1 with the error set. */
int fs_mkdirs(const char *path, struct error *e);
/* The same for at most its last `most` components: what they are in must be there, and is
 * not made anew where somebody took it away. */
int fs_mkdirs_below(const char *path, unsigned most, struct error *e);
/* Remove a file or a tree, without following symlinks; read-only folders are made
 * writable. 0 also if it does not exist. */
int fs_remove_tree(const char *path, struct error *e);
/* The whole of a regular file, NUL-terminated, caller frees. Refuses folders and more
 * than `limit` bytes (0: no limit). NULL with the error set. */
char *fs_read_file(const char *path, size_t limit, size_t *len, struct error *e);
/* Write a file whole: temporary beside it, rename; with `sync`, fdatasync before. */
int fs_write_file(const char *path, const void *data, size_t len, int sync,
		  struct error *e);
/* write(2) all of it, retrying on EINTR and short writes. 0 or -1 with errno. */
int fs_write_all(int fd, const void *data, size_t len);
/* Copy a regular file: reflink where possible, else copy_file_range/read-write. Mode
 * 0644. Replaces `to` by rename. */
int fs_copy_file(const char *from, const char *to, struct error *e);
/* fsync a folder: the names in it. */
int fs_sync_dir(const char *path, struct error *e);
/* The same for it and the folders above it, as far as its file system goes and they can
 * be read: its own name is on the disk then, whoever made them. */
int fs_sync_up(const char *path, struct error *e);
/* Rename that fails with EEXIST when `to` exists (RENAME_NOREPLACE, or where that is
 * missing a plain rename() of a folder onto a non-empty one, which fails). 0 or -1 with
 * errno. */
int fs_rename_noreplace(const char *from, const char *to);
/* Is it a folder that is not empty? 1 or 0. */
int fs_has_entries(const char *path);
/* Absolute path of a program by PATH, caller frees, NULL if there is none. A name with
 * '/' is checked as it is. */
char *fs_find_program(const char *name);
/* The same by these folders, separated by ':'. */
char *fs_find_program_in(const char *path, const char *name);

/* open() of an absolute path that holds no symlink: any that was planted since is
 * ELOOP (without openat2: the last component only). */
int fs_open_real(const char *path, int flags, mode_t mode);
/* Make the folders of such a path, at most the last `most` of them. 0 or -1 with errno. */
int fs_mkdirs_real(const char *path, unsigned most);
/* Rename what lies at `path`, a symlink itself, to PATH.damaged-XXXXXXXX, whose name the
 * caller frees. NULL with errno. */
char *fs_set_aside(const char *path);

/* Is the owner root, this user, or the owner of the running program? */
int fs_owner_is_trusted(const struct stat *st);
/* Who else than those can write it, as "everybody can write it"; NULL: nobody. */
const char *fs_untrusted(const struct stat *st);
/* The same for a file and the folder that it lies in, symlinks followed. `what` is "the
 * settings", say. -1 with the error and a hint set. */
int fs_check_trust(const char *path, const char *what, struct error *e);

/* What identifies a file's state without reading it. */
struct stamp {
	uint64_t dev, ino, size;
	int64_t mtime_ns;
};
/* 0, or -1 with errno. */
int fs_stamp(const char *path, struct stamp *s);
int stamp_equal(const struct stamp *a, const struct stamp *b);

#endif
