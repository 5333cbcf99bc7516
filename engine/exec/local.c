/* SPDX-License-Identifier: Apache-2.0 */
/* The pool: its hosts, the choice of one for a task, and what the dead leave behind. */
#include "exec/local.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "exec/local_private.h"
#include "exec/proc.h"

/* Seconds: an unneeded host may take to tear down; orphans may take to die; one look
 * at them. */
static const double END_PATIENCE = 5, SWEEP_LIMIT = 5, SWEEP_NOW = 0.01,
		    SWEEP_AGAIN = 0.02;

enum { ENOUGH_FILES = 65536 };

static void sweep(struct pool *p);

/* --- the pool --------------------------------------------------------------------- */

/* Each host takes four descriptors; machines have more cores than the usual limit of
 * 1024 allows for. */
static void
raise_file_limit(struct pool *p)
{
	struct rlimit all;

	getrlimit(RLIMIT_NOFILE, &p->files);
	all = p->files;
	all.rlim_cur = all.rlim_max < ENOUGH_FILES ? all.rlim_max : ENOUGH_FILES;
	if (all.rlim_cur > p->files.rlim_cur)
		setrlimit(RLIMIT_NOFILE, &all);
}

struct pool *
pool_new(struct loop *l, const struct pool_config *c)
{
	struct pool *p = xcalloc(1, sizeof(*p));

	p->loop = l;
	p->config = *c;
	p->host_program = xstrdup(c->host_program);
	p->mark = xstrdup(c->mark ? c->mark : "");
	p->config.host_program = p->host_program;
	p->config.mark = p->mark;
	p->store = c->store ? xstrdup(c->store) : NULL;
	p->place = c->place ? xstrdup(c->place) : NULL;
	p->config.store = p->store;
	p->config.place = p->place;
	if (c->notes)
		p->notes = host_notes_new(c->notes, c->place);
	oom_open(&p->oom, "");
	for (size_t i = 0; c->hidden && i < c->hidden->count; i++)
		words_add(&p->hidden, c->hidden->v[i]);
	p->config.hidden = NULL;
	raise_file_limit(p);
	proc_subreaper();
	proc_prompt();
	return p;
}

void
pool_stop_if_empty(struct pool *p)
{
	if (p->is_stopping && !p->conns && !p->open_attempts && !p->sweep_timer)
		loop_stop(p->loop);
}

void
pool_free(struct pool *p, double grace)
{
	if (!p)
		return;
	p->is_stopping = 1;
	for (struct conn *c = p->conns; c; c = c->next) {
		if (c->attempt && c->state == CONN_BUSY && !c->attempt->end_class)
			c->attempt->end_class = AF2_CLASS_CANCELLED;
		conn_end(c, grace);
	}
	if (p->conns || p->open_attempts || p->sweep_timer)
		loop_run(p->loop);
	prints_free_all(p);
	groups_remove(p);
	words_free(&p->groups);
	host_notes_free(p->notes);
	oom_close(&p->oom);
	setrlimit(RLIMIT_NOFILE, &p->files);
	free(p->group_home);
	free(p->host_program);
	free(p->mark);
	free(p->store);
	free(p->place);
	words_free(&p->hidden);
	free(p);
}

struct pool_stats
pool_stats(const struct pool *p)
{
	return p->stats;
}

unsigned
pool_idle(const struct pool *p)
{
	unsigned n = 0;

	for (const struct conn *c = p->conns; c; c = c->next)
		n += c->state == CONN_IDLE && !c->is_prints;
	return n;
}

uint64_t
pool_idle_memory(const struct pool *p)
{
	uint64_t sum = 0;

	for (const struct conn *c = p->conns; c; c = c->next)
		if ((c->state == CONN_IDLE && !c->is_prints) || c->evicted)
			sum += c->memory;
	return sum;
}

static void
evict(struct conn *c)
{
	c->evicted = ++c->pool->evictions;
	conn_end(c, END_PATIENCE);
}

static struct conn *
oldest_idle(const struct pool *p)
{
	struct conn *oldest = NULL;

	for (struct conn *c = p->conns; c; c = c->next)
		if (c->state == CONN_IDLE && !c->is_prints &&
		    (!oldest || c->idle_stamp < oldest->idle_stamp))
			oldest = c;
	return oldest;
}

void
pool_evict_oldest(struct pool *p)
{
	struct conn *oldest = oldest_idle(p);

	if (oldest)
		evict(oldest);
}

void
pool_host_idle(struct conn *c)
{
	struct pool *p = c->pool;

	c->state = CONN_IDLE;
	c->idle_stamp = ++p->stamp;
	if (p->is_stopping)
		conn_end(c, END_PATIENCE);
	else if (!c->is_prints && pool_idle(p) > p->config.max_idle)
		pool_evict_oldest(p);
}

/* --- choosing a host -------------------------------------------------------------- */

/* The setup parameters, and the plugin's settings, as one text: hosts differ by it. Caller
 * frees. */
static char *
setup_text(const struct pool *p, const struct exec_spec *s)
{
	struct str b = {0};

	for (size_t i = 0; i < s->param_count; i++)
		if (s->params[i].flags & AF2_PARAM_SETUP)
			str_printf(&b, "%s=%zu:%s\n", s->params[i].name,
				   strlen(s->params[i].value), s->params[i].value);
	settings_add_text(p, s, &b);
	return str_take(&b);
}

static int
fits(const struct conn *c, const struct exec_spec *s, const char *setup)
{
	if (c->state != CONN_IDLE || c->is_prints ||
	    strcmp(c->path, s->stage->path) != 0 || strcmp(c->setup, setup) != 0 ||
	    strcmp(c->gpu_ids, s->slot.gpu_ids) != 0)
		return 0;
	return !(s->stage->flags & AF2_PLUGIN_FIXED_POOL) ||
	       (c->cpus == s->slot.cpus && strcmp(c->cpu_list, s->slot.cpu_list) == 0);
}

/* How well an idle host that fits serves: what it has made for tasks that share something with
 * this one counts for more than the caches of its cores. */
static int
merit(const struct conn *c, const struct exec_spec *s)
{
	return 2 * affinity_shared(c->affinity, s->affinity) +
	       (strcmp(c->cpu_list, s->slot.cpu_list) == 0);
}

/* The best idle host that fits; of equal ones the newest: its caches are warm. */
static struct conn *
find_idle(struct pool *p, const struct exec_spec *s, const char *setup)
{
	struct conn *best = NULL;
	int most = 0;

	for (struct conn *c = p->conns; c; c = c->next) {
		int m;

		if (!fits(c, s, setup))
			continue;
		m = merit(c, s);
		if (!best || m > most ||
		    (m == most && c->idle_stamp > best->idle_stamp)) {
			best = c;
			most = m;
		}
	}
	return best;
}

static void
set_text(char **at, const char *text)
{
	if (*at && strcmp(*at, text) == 0)
		return;
	free(*at);
	*at = xstrdup(text);
}

struct conn *
pool_host_for(struct pool *p, const struct exec_spec *s)
{
	char *setup = setup_text(p, s);
	struct conn *c = s->fresh ? NULL : find_idle(p, s, setup);

	if (c) {
		p->stats.reused++;
	} else if ((c = conn_new(p, s->stage->id, s->slot.gpu_ids))) {
		c->path = xstrdup(s->stage->path);
		c->setup = xstrdup(setup);
	}
	free(setup);
	if (!c)
		return NULL;
	c->cpus = s->slot.cpus;
	c->memory = s->slot.memory;
	c->affinity = s->affinity;
	set_text(&c->cpu_list, s->slot.cpu_list);
	conn_spare(c, s->work_dir);
	return c;
}

/* --- room beside idle hosts ------------------------------------------------------- */

/* Do two lists "0,3" of GPUs have one in common? */
static int
share_gpu(const char *a, const char *b)
{
	for (; *a; a += strcspn(a, ","), a += *a == ',')
		for (const char *q = b; *q; q += strcspn(q, ","), q += *q == ',') {
			size_t n = strcspn(a, ",");

			if (n == strcspn(q, ",") && strncmp(a, q, n) == 0)
				return 1;
		}
	return 0;
}

/* Bytes of idle hosts that nobody has told to end. */
static uint64_t
idle_memory(const struct pool *p)
{
	uint64_t sum = pool_idle_memory(p);

	for (const struct conn *c = p->conns; c; c = c->next)
		sum -= c->evicted ? c->memory : 0;
	return sum;
}

unsigned long
pool_make_room(struct conn *c)
{
	struct pool *p = c->pool;
	uint64_t left = p->config.free_memory ? p->config.free_memory(p->config.arg)
					      : UINT64_MAX;
	int must_wait = 0;

	for (struct conn *other = p->conns; other; other = other->next) {
		int is_idle = other->state == CONN_IDLE && !other->is_prints;

		if (other == c || !share_gpu(other->gpu_ids, c->gpu_ids))
			continue;
		if (is_idle)
			evict(other);
		must_wait |= other->evicted != 0;
	}
	while (idle_memory(p) > left)
		pool_evict_oldest(p);
	return must_wait || pool_idle_memory(p) > left ? p->evictions : 0;
}

int
pool_has_room(const struct pool *p, unsigned long evicted)
{
	for (const struct conn *c = p->conns; c; c = c->next)
		if (c->evicted && c->evicted <= evicted)
			return 0;
	return 1;
}

/* --- hosts that are gone ---------------------------------------------------------- */

static int
is_known(void *arg, pid_t pid)
{
	const struct pool *p = arg;

	for (const struct conn *c = p->conns; c; c = c->next)
		if (c->pid == pid)
			return 1;
	return 0;
}

static void
on_sweep(void *arg)
{
	struct pool *p = arg;

	p->sweep_timer = NULL;
	sweep(p);
}

/* Descendants of dead hosts fell to us: end them, then deliver what waited for that. */
static void
sweep(struct pool *p)
{
	struct attempt *a;

	if (p->sweep_timer)
		return;
	if (proc_sweep(is_known, p, SWEEP_NOW) > 0 && loop_now() < p->sweep_until) {
		p->sweep_timer = loop_after(p->loop, SWEEP_AGAIN, 0, on_sweep, p);
		return;
	}
	groups_remove(p);
	for (size_t i = 0; i < p->remains.count; i++)
		fs_remove_tree(p->remains.v[i], NULL);
	words_free(&p->remains);
	while ((a = p->swept)) {
		p->swept = a->next;
		fs_remove_tree(a->work_dir, NULL);
		attempt_deliver(a);
	}
	prints_deliver_swept(p);
	attempts_send_held(p);
	pool_stop_if_empty(p);
}

void
pool_host_gone(struct conn *c)
{
	struct pool *p = c->pool;
	struct attempt *a = c->attempt;
	int was_busy = a || c->prints;

	group_end(c);
	if (a) {
		if (!a->answer.len)
			attempt_bury(c, a);
		loop_cancel(a->timer);
		a->timer = NULL;
		a->conn = NULL;
		a->next = p->swept;
		p->swept = a;
	}
	prints_host_gone(c);
	if (was_busy && c->spare_dir)
		words_add(&p->remains, c->spare_dir);
	conn_free(c);
	/* One that cannot die (it waits for a disk) delays the others only once. */
	if (!p->sweep_timer)
		p->sweep_until = loop_now() + SWEEP_LIMIT;
	sweep(p);
}
