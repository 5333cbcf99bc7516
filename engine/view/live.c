/* SPDX-License-Identifier: Apache-2.0
 * live: connects a run's news to the progress block.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "view/live.h"
#include "view/progress.h"

struct live {
	const struct run *r;
	struct progress *p;
	int quiet, tty;
};

static void
count_stages(struct live *l)
{
	const struct graph *g = run_graph(l->r);

	for (size_t i = 0; i < g->w->node_count; i++) {
		uint32_t node = (uint32_t)g->w->topo[i];
		const size_t *n = &g->node_counts[node * (size_t)T_STATE_COUNT];
		struct progress_counts c = {
			.waiting = n[T_WAITING] + n[T_READY], .running = n[T_RUNNING],
			.cached = run_node_cached(l->r, node), .failed = n[T_FAILED] + n[T_CANCELLED],
			.skipped = n[T_SKIPPED], .off = n[T_OFF], .blocked = n[T_BLOCKED]};
		c.done = n[T_DONE] - c.cached;
		for (int s = 0; s < T_STATE_COUNT; s++)
			c.total += n[s];
		if (g->w->nodes[node].selected)
			progress_stage(l->p, g->w->nodes[node].name, &c);
	}
}

static void
news(void *arg, const struct run *r, enum run_news kind, const char *text)
{
	struct live *l = arg;

	if (kind == NEWS_FAILED || kind == NEWS_SKIPPED)
		progress_failure(l->p, text);
	else if (kind == NEWS_PAUSE
	         || (kind != NEWS_TICK && !l->quiet
	             && (!l->tty || kind == NEWS_RETRY || kind == NEWS_NOTE)))
		progress_event(l->p, text);
	if (!l->tty || l->quiet || kind != NEWS_TICK)
		return;
	count_stages(l);
	progress_redraw(l->p, run_seconds(r));
}

struct live *
live_new(const struct run *r, int quiet)
{
	struct live *l = xcalloc(1, sizeof *l);
	struct progress_style style = progress_style_for(STDOUT_FILENO);

	*l = (struct live){.r = r, .p = progress_new(&style), .quiet = quiet,
	                   .tty = style.is_tty};
	progress_title(l->p, run_graph(r)->w->name);
	return l;
}

struct run_observer
live_observer(struct live *l)
{
	return (struct run_observer){.news = news, .arg = l};
}

void
live_end(struct live *l)
{
	if (!l)
		return;
	if (l->tty && !l->quiet) {
		count_stages(l);
		progress_finish(l->p, run_seconds(l->r));
	}
	progress_free(l->p);
	free(l);
}
