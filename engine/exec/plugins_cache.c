/* SPDX-License-Identifier: Apache-2.0 */
/* The cache of descriptors: one JSON object,
 *
 *     {"version": 1, "host": "STAMP", "plugins": {"/path/x.so": {"stamp": "STAMP", "stage": {}}}}
 *
 * where STAMP is "device inode size mtime". Problems are not remembered: a library that was
 * missing may be there next time, and a bad plugin is rare. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "exec/plugins_private.h"

enum { CACHE_VERSION = 1, CACHE_LIMIT = 16 << 20 };

static char *
stamp_text(const struct stamp *s)
{
	return xasprintf("%llu %llu %llu %lld", (unsigned long long)s->dev,
	                 (unsigned long long)s->ino, (unsigned long long)s->size,
	                 (long long)s->mtime_ns);
}

/* An empty variable and a relative path count as unset, as the XDG rules say. */
static char *
cache_file(void)
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	if (base && base[0] == '/')
		return path_join(base, "af2flow/plugins.json");
	if (home && home[0] == '/')
		return path_join(home, ".cache/af2flow/plugins.json");
	return xstrdup("");
}

void
plugin_cache_open(struct plugin_cache *c, const char *host)
{
	struct stamp s = { 0 };
	size_t len;
	char *text;
	js *v = NULL;

	memset(c, 0, sizeof *c);
	fs_stamp(host, &s);
	c->host_text = stamp_text(&s);
	c->file = cache_file();
	if (*c->file && (text = fs_read_file(c->file, CACHE_LIMIT, &len, NULL))) {
		v = js_parse(text, len, NULL);
		free(text);
	}
	if (v && js_get_int(v, "version", 0) == CACHE_VERSION &&
	    strcmp(js_get_text(v, "host", ""), c->host_text) == 0 &&
	    js_is_object(js_get(v, "plugins")))
		c->plugins = js_ref(js_get(v, "plugins"));
	else
		c->plugins = js_object();
	js_free(v);
}

struct stage *
plugin_cache_get(const struct plugin_cache *c, const char *path, const struct stamp *s)
{
	const js *entry = js_get(c->plugins, path);
	char *now = stamp_text(s);
	int same = strcmp(js_get_text(entry, "stamp", ""), now) == 0;

	free(now);
	return same ? stage_from_json(js_get(entry, "stage"), NULL) : NULL;
}

void
plugin_cache_put(struct plugin_cache *c, const char *path, const struct stamp *s,
                 const struct stage *stage)
{
	js *entry = js_object();
	char *now = stamp_text(s);

	js_set_text(entry, "stamp", now);
	js_set(entry, "stage", stage_to_json(stage));
	js_set(c->plugins, path, entry);
	c->changed = 1;
	free(now);
}

static js *
only_existing(const js *plugins)
{
	js *kept = js_object(), *entry;
	void *it = NULL;
	const char *path;
	struct stamp s;

	while ((entry = js_next(plugins, &it, &path)))
		if (fs_stamp(path, &s) == 0)
			js_set(kept, path, js_ref(entry));
	return kept;
}

void
plugin_cache_save(struct plugin_cache *c)
{
	char *folder, *text;
	js *v;

	if (!c->changed || !*c->file)
		return;
	v = js_object();
	js_set_int(v, "version", CACHE_VERSION);
	js_set_text(v, "host", c->host_text);
	js_set(v, "plugins", only_existing(c->plugins));
	text = js_dump(v, 0);
	folder = path_dir(c->file);
	if (fs_mkdirs(folder, NULL) == 0)
		fs_write_file(c->file, text, strlen(text), 0, NULL);
	c->changed = 0;
	free(folder);
	free(text);
	js_free(v);
}

void
plugin_cache_free(struct plugin_cache *c)
{
	js_free(c->plugins);
	free(c->host_text);
	free(c->file);
	memset(c, 0, sizeof *c);
}
