/* SPDX-License-Identifier: Apache-2.0
 * run_wanted: tasks that need not run, because what they make is only a hint for tasks that are
 * done already.
 */
#include <stdlib.h>

#include "run/run_private.h"

/* Nodes that nobody needs: what they make is wanted as a hint by tasks that are done, or by
 * nodes that nobody needs. */
static unsigned char *
unwanted_nodes(const struct run *r)
{
	const struct workflow *w = r->w;
	unsigned char *unwanted = xcalloc(w->node_count + 1, 1);

	for (size_t i = w->node_count; i-- > 0;) {
		int node = w->topo[i], read = 0, wanted = 0;
		for (size_t k = 0; k < w->edge_count; k++) {
			const struct wf_edge *e = &w->edges[k];
			if (e->from != node || !w->nodes[e->to].selected)
				continue;
			const size_t *n = &r->g->node_counts[(size_t)e->to * T_STATE_COUNT];
			int open = n[T_WAITING] + n[T_READY] > 0 || n[T_DONE] == 0;
			int hint = !e->order
			           && w->nodes[e->to].inputs[e->to_port].flags & AF2_PORT_HINT;
			read = 1;
			wanted |= !unwanted[e->to] && (open || !hint);
		}
		unwanted[node] = read && !wanted;
	}
	return unwanted;
}

void
run_drop_unwanted(struct run *r)
{
	unsigned char *unwanted = unwanted_nodes(r);
	size_t kept = 0;

	for (size_t i = 0; i < r->missing.count; i++) {
		uint32_t task = r->missing.v[i];
		if (!unwanted[r->g->tasks[task].node]) {
			r->missing.v[kept++] = task;
			continue;
		}
		run_state_event(r, task, "off", "wanted only as a hint, by tasks that are done");
		graph_settle(r->g, task, T_OFF);
	}
	r->missing.count = kept;
	free(unwanted);
	run_pump(r);
}
