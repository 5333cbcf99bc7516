/* SPDX-License-Identifier: Apache-2.0 */
/* Outputs: declared by the plugin while it runs; checked, hashed and protected
 * afterwards. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "host/host.h"

/* --- declaring -------------------------------------------------------------------- */

static const char *
bad_output(af2_task *t, const char *port, const char *why, const char *word)
{
	verdict_set(&t->bad_output, AF2_FAIL, AF2_CLASS_PERMANENT,
		    "output '%s': %s '%s'", port, why, word);
	return NULL;
}

static struct output_port *
find_port(af2_task *t, const char *name)
{
	for (size_t i = 0; i < t->port_count; i++)
		if (strcmp(t->ports[i].name, name) == 0)
			return &t->ports[i];
	return NULL;
}

/* An earlier declaration of the same thing; *clash is set to one that excludes this
 * one. */
static struct output *
find_output(af2_task *t, const struct output_port *port, const char *element,
	    const char *file, struct output **clash)
{
	*clash = NULL;
	for (size_t i = 0; i < t->output_count; i++) {
		struct output *o = &t->outputs[i];
		int is_same_file = strcmp(o->file, file) == 0;
		int is_same_place = o->port == port && strcmp(o->element, element) == 0;

		if (is_same_file && is_same_place)
			return o;
		if (is_same_file || is_same_place)
			*clash = o;
	}
	return NULL;
}

/* It becomes a name in the store, in records (JSON) and on terminals. */
static int
name_ok(const char *name)
{
	return path_component_ok(name) && is_clean_utf8(name, strlen(name));
}

const char *
service_output(af2_task *t, const char *port, const char *element, const char *file)
{
	struct output_port *p = find_port(t, port);
	struct output *o, *clash;
	int is_list;

	if (!p || !*t->out_dir)
		return bad_output(t, port, "no such output of node", t->node);
	is_list = p->cardinality == AF2_MANY;
	if (is_list != (element != NULL))
		return bad_output(t, port,
				  is_list ? "a list output needs element names"
					  : "no list, yet given element",
				  element ? element : "");
	if (element && !name_ok(element))
		return bad_output(t, port, "not a name of an element:", element);
	if (!file)
		file = element ? element : port;
	if (!name_ok(file) || strcmp(file, "result.json") == 0)
		return bad_output(t, port, "not a file name:", file);
	o = find_output(t, p, element ? element : "", file, &clash);
	if (o)
		return o->path;
	if (clash)
		return bad_output(t, port, "declared twice:", clash->file);
	GROW(t->outputs, t->output_count, t->output_cap);
	o = &t->outputs[t->output_count++];
	*o = (struct output){.port = p,
			     .element = arena_strdup(&t->mem, element ? element : ""),
			     .file = arena_strdup(&t->mem, file),
			     .path = arena_printf(&t->mem, "%s/%s", t->out_dir, file),
			     .is_dir = strcmp(p->type, "dir") == 0};
	p->is_declared = 1;
	if (o->is_dir && mkdir(o->path, 0755) < 0 && errno != EEXIST) {
		verdict_set(&t->bad_output, AF2_FAIL, AF2_CLASS_TRANSIENT,
			    "cannot make folder '%s': %m", o->path);
		return NULL;
	}
	return o->path;
}

/* --- finishing -------------------------------------------------------------------- */

/* Does a relative link target, seen from `depth` folders below the root, stay inside?
 * Behind a name no ".." is allowed: the name may be a symlink itself. */
static int
link_stays_inside(const char *target, int depth)
{
	int named = 0;

	if (*target == '/')
		return 0;
	while (*target) {
		size_t n = strcspn(target, "/");

		if (n == 2 && target[0] == '.' && target[1] == '.') {
			if (named || --depth < 0)
				return 0;
		} else if (n > 0 && !(n == 1 && target[0] == '.')) {
			named = 1;
		}
		target += n + (target[n] == '/');
	}
	return 1;
}

struct finish {
	af2_task *t;
	const struct output *o;
	struct verdict *v;
	int sync;
};

static int
refuse(struct finish *f, const char *what, const char *path)
{
	const char *inside = path + strlen(f->o->path);

	if (!*inside && strcmp(f->o->port->name, f->o->file) == 0)
		verdict_set(f->v, AF2_FAIL, AF2_CLASS_OUTPUT_MISSING, "output '%s' %s",
			    f->o->file, what);
	else
		verdict_set(f->v, AF2_FAIL, AF2_CLASS_OUTPUT_MISSING,
			    "output '%s': '%s%s' %s", f->o->port->name, f->o->file,
			    inside, what);
	return -1;
}

static int
fail_errno(struct finish *f, const char *what, const char *path)
{
	verdict_set(f->v, AF2_FAIL, AF2_CLASS_TRANSIENT, "cannot %s output '%s': %s",
		    what, path, strerror(errno));
	return -1;
}

/* Protect one file: nobody else's content, read-only, on the disk if asked for. */
static int
finish_file(struct finish *f, const char *path, const struct stat *st)
{
	struct error e = {0};
	int fd, rc;

	/* A hard link shares its bytes with a file that its owner may change. */
	if (st->st_nlink > 1 && fs_copy_file(path, path, &e) < 0) {
		verdict_set(f->v, AF2_FAIL, AF2_CLASS_TRANSIENT, "%s", e.text);
		return -1;
	}
	if (chmod(path, 0444 | (st->st_mode & 0111)) < 0)
		return fail_errno(f, "protect", path);
	if (!f->sync)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	rc = fd < 0 ? -1 : fsync(fd);
	if (rc < 0)
		fail_errno(f, "sync", path);
	if (fd >= 0)
		close(fd);
	return rc;
}

static int
finish_link(struct finish *f, const char *path, int depth)
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n < 0)
		return fail_errno(f, "read link", path);
	target[n] = '\0';
	return link_stays_inside(target, depth)
		       ? 0
		       : refuse(f, "is a symbolic link that points out of the output",
				path);
}

static int
finish_tree(struct finish *f, const char *path, int depth)
{
	DIR *d = opendir(path);
	struct dirent *de;
	int rc = 0;

	if (!d)
		return fail_errno(f, "read", path);
	while (rc == 0 && (de = readdir(d))) {
		struct stat st;
		char *child;

		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
			continue;
		child = path_join(path, de->d_name);
		if (lstat(child, &st) < 0)
			rc = fail_errno(f, "look at", child);
		else if (S_ISDIR(st.st_mode))
			rc = depth < 256 ? finish_tree(f, child, depth + 1)
					 : refuse(f, "is nested too deeply", child);
		else if (S_ISLNK(st.st_mode))
			rc = finish_link(f, child, depth);
		else if (S_ISREG(st.st_mode))
			rc = finish_file(f, child, &st);
		else
			rc = refuse(f, "is neither a file nor a folder", child);
		free(child);
	}
	closedir(d);
	if (rc == 0 && chmod(path, 0755) < 0)
		rc = fail_errno(f, "protect", path);
	if (rc == 0 && f->sync && fs_sync_dir(path, NULL) < 0)
		rc = fail_errno(f, "sync", path);
	return rc;
}

static int
finish_output(struct finish *f, struct output *o)
{
	struct error e = {0};
	struct stat st;
	int rc;

	f->o = o;
	if (lstat(o->path, &st) < 0)
		return errno == ENOENT ? refuse(f, "was not made", o->path)
				       : fail_errno(f, "look at", o->path);
	if (S_ISLNK(st.st_mode))
		return refuse(f, "is a symbolic link, not a file of its own", o->path);
	if (o->is_dir != S_ISDIR(st.st_mode))
		return refuse(f,
			      o->is_dir ? "is not a folder" : "is a folder, not a file",
			      o->path);
	if (!o->is_dir && !S_ISREG(st.st_mode))
		return refuse(f, "is not a regular file", o->path);
	rc = o->is_dir ? finish_tree(f, o->path, 0) : finish_file(f, o->path, &st);
	if (rc < 0)
		return -1;
	rc = o->is_dir ? digest_tree(o->path, &o->digest, &o->size, &e)
		       : digest_file(o->path, &o->digest, &o->size, &e);
	if (rc < 0)
		verdict_set(f->v, AF2_FAIL, AF2_CLASS_TRANSIENT, "%s", e.text);
	return rc;
}

static int
is_declared_file(const af2_task *t, const char *name)
{
	for (size_t i = 0; i < t->output_count; i++)
		if (strcmp(t->outputs[i].file, name) == 0)
			return 1;
	return 0;
}

/* Whatever else lies there is not part of the result. */
static void
drop_undeclared(af2_task *t)
{
	DIR *d = opendir(t->out_dir);
	struct dirent *de;

	while (d && (de = readdir(d))) {
		char text[400], *path;

		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0 ||
		    is_declared_file(t, de->d_name))
			continue;
		path = path_join(t->out_dir, de->d_name);
		fs_remove_tree(path, NULL);
		free(path);
		snprintf(text, sizeof(text),
			 "file '%s' was not declared and is dropped", de->d_name);
		host_log(t->host, AF2_WARN, text);
	}
	if (d)
		closedir(d);
}

void
outputs_finish(af2_task *t, double seconds, struct verdict *v)
{
	struct finish f = {
		.t = t, .v = v, .sync = t->sync_after >= 0 && seconds > t->sync_after};

	for (size_t i = 0; i < t->port_count; i++)
		if (t->ports[i].cardinality == AF2_ONE && !t->ports[i].is_declared) {
			verdict_set(v, AF2_FAIL, AF2_CLASS_OUTPUT_MISSING,
				    "output '%s' was not made", t->ports[i].name);
			return;
		}
	for (size_t i = 0; i < t->output_count; i++)
		if (finish_output(&f, &t->outputs[i]) < 0)
			return;
	if (!*t->out_dir || t->port_count == 0)
		return;
	drop_undeclared(t);
	if (f.sync && t->output_count > 0)
		t->synced = fs_sync_dir(t->out_dir, NULL) == 0;
}
