/* SPDX-License-Identifier: Apache-2.0
 * run_hints: what a task's hints say of its attempt before it runs. Hints are in no key, so
 * what is read here may differ from run to run and change no result.
 */
#include <stdlib.h>

#include "base/map.h"
#include "run/run_private.h"

/* The value by which a result says how much memory, in bytes, a task needs that takes it. */
#define READER_MEMORY "reader_memory"

static uint64_t
reader_memory(const struct result *res)
{
	double bytes = js_get_real(res->values, READER_MEMORY, 0);

	return bytes > 0 && bytes < 1e18 ? (uint64_t)bytes : 0;
}

void
run_hints(const struct run *r, const struct active *a, struct request *q)
{
	const struct wf_node *n = &r->w->nodes[r->g->tasks[a->task].node];
	struct items items = {0};
	uint64_t memory = 0;
	uint32_t all = 0;

	for (size_t p = 0; p < n->input_count; p++)
		if (n->inputs[p].flags & AF2_PORT_HINT)
			run_items(r, a->task, (int)p, &items);
	for (size_t i = 0; i < items.count; i++) {
		const struct digest *d = &items.v[i].output->digest;
		uint64_t needs = reader_memory(r->tasks[items.v[i].task].result);

		all = all * 31 + hash_bytes(d, sizeof *d);
		memory = needs > memory ? needs : memory;
	}
	free(items.v);
	q->affinity.hints = all;
	if (memory > r->machine->memory)
		memory = r->machine->memory; /* it runs alone then, and says itself what it lacks */
	if (!a->options->has_memory && memory > q->memory)
		q->memory = memory;
}
