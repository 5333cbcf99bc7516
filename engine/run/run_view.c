/* SPDX-License-Identifier: Apache-2.0
 * run_view: what a run lets others see.
 */
#include <string.h>

#include "base/fs.h"
#include "run/run_plan.h"
#include "run/run_private.h"

const struct graph *
run_graph(const struct run *r)
{
	return r->g;
}

const char *
run_path(const struct run *r)
{
	return r->dir.path;
}

struct store *
run_store(const struct run *r)
{
	return r->store;
}

int
run_interrupted(const struct run *r)
{
	return r->signal ? 128 + r->signal : 0;
}

double
run_seconds(const struct run *r)
{
	return loop_now() - r->started;
}

size_t
run_node_cached(const struct run *r, uint32_t node)
{
	return r->cached[node];
}

size_t
run_shared(const struct run *r)
{
	return r->shared;
}

unsigned
run_cores(const struct run *r)
{
	return r->machine ? r->machine->core_count : 0;
}

double
run_core_seconds(const struct run *r)
{
	return r->core_seconds;
}

const struct words *
run_failures(const struct run *r)
{
	return &r->failures;
}

const struct words *
run_skips(const struct run *r)
{
	return &r->skips;
}

char *
run_output_path(const struct run *r, const char *type, const char *port)
{
	for (uint32_t t = 0; t < r->g->task_count; t++) {
		const struct result *res = t < r->task_cap ? r->tasks[t].result : NULL;
		for (size_t i = 0; res && res->dir && i < res->output_count; i++)
			if (!strcmp(res->outputs[i].type, type)
			    && !strcmp(res->outputs[i].port, port))
				return path_join(res->dir, res->outputs[i].file);
	}
	return NULL;
}
