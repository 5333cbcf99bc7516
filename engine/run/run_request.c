/* SPDX-License-Identifier: Apache-2.0
 * run_request: what a task asks of the scheduler: what its options say, and its hints. Hints
 * are in no key, so what is read of them may differ from run to run and change no result.
 */
#include <stdlib.h>

#include "base/map.h"
#include "run/run_plan.h"
#include "run/run_private.h"

/* The value by which a result says how much memory, in bytes, a task needs that takes it. */
#define READER_MEMORY "reader_memory"

static uint64_t
reader_memory(const struct result *res)
{
	double bytes = js_get_real(res->values, READER_MEMORY, 0);

	return bytes > 0 && bytes < 1e18 ? (uint64_t)bytes : 0;
}

/* What the hints hold, as a number (0: there are none), and how much memory they call for. */
static uint32_t
look_at_hints(const struct run *r, uint32_t task, uint64_t *memory)
{
	const struct wf_node *n = &r->w->nodes[r->g->tasks[task].node];
	struct items items = {0};
	uint32_t all = 0;

	*memory = 0;
	for (size_t p = 0; p < n->input_count; p++)
		if (n->inputs[p].flags & AF2_PORT_HINT)
			run_items(r, task, (int)p, &items);
	for (size_t i = 0; i < items.count; i++) {
		const struct digest *d = &items.v[i].output->digest;
		uint64_t needs = reader_memory(r->tasks[items.v[i].task].result);

		all = all * 31 + hash_bytes(d, sizeof *d);
		*memory = needs > *memory ? needs : *memory;
	}
	free(items.v);
	return all;
}

void
run_request_of(const struct run *r, uint32_t task, const struct task_options *o,
               struct request *q)
{
	uint64_t memory;

	*q = (struct request){.cpus = o->cpus, .cpus_cap = o->cpus_cap, .gpus = o->gpus,
	                      .memory = o->memory, .affinity.text = o->affinity};
	q->affinity.hints = look_at_hints(r, task, &memory);
	if (o->has_memory)
		return;
	if (r->machine && memory > r->machine->memory)
		memory = r->machine->memory; /* it runs alone then, and says itself what it lacks */
	if (memory > q->memory)
		q->memory = memory;
}

int
run_request(struct run *r, uint32_t task, struct request *q)
{
	struct task_options o;
	struct error e = {0};

	if (run_options(r, task, 1, &o, &e))
		return -1;
	run_request_of(r, task, &o, q);
	return 0;
}
