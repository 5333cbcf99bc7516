/* SPDX-License-Identifier: Apache-2.0
 * run_prints: fingerprints: what a plugin, and what the configuration says of it, add to keys.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "model/wrap.h"
#include "run/run_private.h"

/* The program of this name that the plugin runs, "" if there is none; looked for once a run. */
static const char *
program_of(struct run *r, const struct stage *s, const char *name)
{
	char *question = xasprintf("%s\n%s", s->id, name);
	int added;
	uint64_t *found = map_puts(&r->programs, question, &added);

	if (added) {
		char *path = plugin_find_program(config_plugin(&r->s->settings, s->id), name);
		*found = (uint64_t)(uintptr_t)(path ? path : xstrdup(""));
	}
	free(question);
	return (const char *)(uintptr_t)*found;
}

void
run_question(struct run *r, const struct stage *s, const struct task_params *params,
             struct digest *out)
{
	char *settings = plugin_settings_text(config_plugin(&r->s->settings, s->id));
	struct hash *h = hash_new();
	struct stamp st = {0};

	fs_stamp(s->path, &st);
	hash_add_field(h, s->id);
	hash_add_field(h, s->path);
	hash_add(h, &st, sizeof st);
	for (size_t i = 0; i < params->count; i++) {
		hash_add_field(h, params->items[i].name);
		hash_add_field(h, params->items[i].value);
		if (params->items[i].def->type == AF2_PROGRAM && *params->items[i].value)
			hash_add_field(h, program_of(r, s, params->items[i].value));
	}
	if (*settings)
		hash_add_field(h, settings);
	free(settings);
	hash_end(h, out);
}

struct asking {
	struct asking *next;
	struct run *r;
	struct digest id;
	char *work_dir;
};

static void
asking_drop(struct asking *q)
{
	struct asking **at = &q->r->askings;

	while (*at && *at != q)
		at = &(*at)->next;
	if (*at)
		*at = q->next;
	free(q->work_dir);
	free(q);
}

void
run_asking_free(struct run *r)
{
	while (r->askings)
		asking_drop(r->askings);
}

void
run_know_print(struct run *r, const struct digest *id, const char *text,
               const char *const *files, size_t file_count)
{
	if (r->store && r->write)
		store_fingerprint_put(r->store, id, text, files, file_count);
	*map_put(&r->prints, id, sizeof *id, NULL) = (uint64_t)(uintptr_t)xstrdup(text);
}

/* No host could be started for lack of something: they ask again when that is over. 1, or 0:
 * it is another trouble, or one that nobody waits for. */
static int
ask_later(struct run *r, uint32_t task, int cls, const struct error *e)
{
	if (cls != AF2_CLASS_SPAWN || !error_passes(e) || !run_trouble(r, e))
		return 0;
	for (; task != NONE; task = run_rtask(r, task)->next)
		run_pause_ask(r, task);
	return 1;
}

/* The answer goes to every task that waits for it; they are chained by `next`. */
static void
asked(void *arg, const char *text, const char *const *files, size_t file_count, int cls,
      const struct error *e)
{
	struct asking *q = arg;
	struct run *r = q->r;
	uint32_t task = (uint32_t)*map_get(&r->asked, &q->id, sizeof q->id);

	r->asking--;
	map_del(&r->asked, &q->id, sizeof q->id);
	if (!e || !error_is_set(e)) {
		run_know_print(r, &q->id, text, files, file_count);
	} else if (ask_later(r, task, cls, e)) {
		task = NONE;
	} else { /* its class is the first character */
		*map_put(&r->unprinted, &q->id, sizeof q->id, NULL) =
			(uint64_t)(uintptr_t)xasprintf("%c%s", 'A' + cls, e->text);
	}
	while (task != NONE) {
		uint32_t next = run_rtask(r, task)->next;
		run_asked(r, task);
		task = next;
	}
	asking_drop(q);
	run_pump(r);
	if (r->asking == 0) /* tasks that wait for an answer share the cores too */
		run_start_ready(r);
}

void
run_forget_failed_prints(struct run *r)
{
	for (size_t i = 0; i < r->unprinted.count; i++)
		if (r->unprinted.entries[i].key)
			free((void *)(uintptr_t)r->unprinted.entries[i].value);
	map_free(&r->unprinted);
}

/* Ask the plugin, in a host of its own; once for all tasks that want to know the same. */
static void
ask(struct run *r, struct active *a, const struct stage *s, const struct task_params *params,
    const struct digest *id)
{
	struct error e = {0};
	char *none, *work_dir;
	int added;
	uint64_t *first = map_put(&r->asked, id, sizeof *id, &added);

	run_rtask(r, a->task)->next = added ? NONE : (uint32_t)*first;
	*first = a->task;
	if (!added)
		return;
	if (store_attempt_dirs(r->store, 0, &none, &work_dir, &e)) {
		map_del(&r->asked, id, sizeof *id);
		if (run_trouble(r, &e))
			run_pause_take(r, a->task);
		return;
	}
	free(none);
	struct asking *q = xcalloc(1, sizeof *q);
	struct arena arena = {0};
	struct exec_param *list = run_exec_params(params, &arena, &e);
	*q = (struct asking){.r = r, .id = *id, .work_dir = work_dir};
	q->next = r->askings;
	r->askings = q;
	r->asking++;
	pool_fingerprint(r->pool, s, list, params->count, q->work_dir, asked, q);
	arena_free(&arena);
}

const char *
run_known_print(struct run *r, const struct digest *id)
{
	uint64_t *known = map_get(&r->prints, id, sizeof *id);
	char *stored = known || !r->store ? NULL : store_fingerprint(r->store, id);

	if (stored)
		*(known = map_put(&r->prints, id, sizeof *id, NULL)) =
			(uint64_t)(uintptr_t)stored;
	return known ? (const char *)(uintptr_t)*known : NULL;
}

int
run_fingerprint(struct run *r, struct active *a, const struct stage *s,
                const struct task_params *params, int may_ask, const char **text,
                struct error *e)
{
	struct digest id;

	run_question(r, s, params, &id);
	*text = run_known_print(r, &id);
	if (*text)
		return 1;
	*text = "";
	uint64_t *why = map_get(&r->unprinted, &id, sizeof id);
	if (why) {
		const char *said = (const char *)(uintptr_t)*why;
		a->print_class = said[0] - 'A';
		error_set(e, "%s", said + 1);
		return -2;
	}
	if (may_ask)
		ask(r, a, s, params, &id);
	return 0;
}

/* --- settings ---------------------------------------------------------------------------- */

/* One image, by content if it is a file or folder here, else by its name. */
static int
add_image(struct run *r, const char *image, struct str *out, struct error *e)
{
	char hex[DIGEST_HEX + 1];
	struct words whole = {0};
	struct digest d;

	if (access(image, F_OK) < 0) {
		str_printf(out, "wrap.image=%s\n", image);
		return 0;
	}
	if (store_database_digest(r->store, image, &whole, &d, e))
		return -1;
	str_printf(out, "wrap.image=%s\n", digest_hex(&d, hex));
	return 0;
}

static int
is_regular(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static int
settings_print(struct run *r, const struct plugin_settings *p, struct str *out, struct error *e)
{
	if (*p->version)
		str_printf(out, "settings.version=%s\n", p->version);
	for (size_t i = 1; i < p->wrap.count && !*p->version; i++) {
		int is_last = i + 1 == p->wrap.count && wrap_has_image(&p->wrap);
		if ((is_last || is_regular(p->wrap.v[i]))
		    && add_image(r, p->wrap.v[i], out, e))
			return -1;
	}
	return 0;
}

int
run_settings_print(struct run *r, const struct stage *s, const char **text, struct error *e)
{
	const struct plugin_settings *p = config_plugin(&r->s->settings, s->id);
	struct str out = {0};
	int added;

	*text = "";
	if (!p || (!*p->version && !p->wrap.count))
		return 0;
	uint64_t *known = map_puts(&r->own_prints, s->id, &added);
	if (added && settings_print(r, p, &out, e)) {
		map_del(&r->own_prints, s->id, strlen(s->id));
		str_free(&out);
		return -1;
	}
	if (added)
		*known = (uint64_t)(uintptr_t)str_take(&out);
	*text = (const char *)(uintptr_t)*known;
	return 0;
}
