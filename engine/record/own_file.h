/* SPDX-License-Identifier: Apache-2.0
 * own_file: files that only engines write, at places that must not be missing. What is
 * there instead (a folder, a symlink, a FIFO) stops nobody.
 */
#ifndef RECORD_OWN_FILE_H
#define RECORD_OWN_FILE_H

#include <stddef.h>

#include "base/error.h"

/* Make the way free for a regular file at `path`: anything else is set aside, with one
 * line; a file of ours without read or write rights gets them back. 1 if something was set
 * aside. */
int own_clear(const char *path);
/* The same for a folder; a symlink is left if `keep_links`. */
void own_clear_folder(const char *path, int keep_links);
/* The text of a regular file of at most `limit` bytes, caller frees; NULL if there is
 * none, or something else. */
char *own_read(const char *path, size_t limit, size_t *len);
/* fs_write_file to a place made free. */
int own_write(const char *path, const void *data, size_t len, int sync,
	      struct error *e);

#endif
