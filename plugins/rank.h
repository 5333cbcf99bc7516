/* SPDX-License-Identifier: Apache-2.0
 *
 * What rank_models.c collects, rank_write.c writes and pick.c picks from.
 */
#ifndef PLUGINS_RANK_H
#define PLUGINS_RANK_H

#include <af2flow/plugin.h>

#include "rank_lddt.h"

/* One model. Strings are the host's, but for own_name. */
struct rank_entry {
	size_t place;           /* on the unrelaxed port */
	const char *name;       /* "model_1_pred_0" */
	char *own_name;         /* memory of `name`, where it comes from the file's */
	const char *template;   /* "-": none known */
	const char *path;       /* relaxed, else unrelaxed */
	const char *violations; /* JSON list; NULL: not relaxed, or not told */
	const char *violation_count;
	int relaxed;
	int scored; /* it has a score */
	double score;
	const struct lddt_model *model;
};

/* All models of the target. */
struct ranking {
	const af2_host *host;
	af2_task *task;
	size_t count;
	struct rank_entry *entries; /* best first */
	struct lddt_model *models;  /* one an entry, in the order of the port; empty where
				     * confidence is set */
	const char *label;          /* what the score is called in ranking_debug.json */
	int confidence;             /* it is a network's own, else the consensus */
};

/* Collect the items of the ports `unrelaxed` and `relaxed` (where there is one), score and
 * sort them. Zero-initialise `r`; ranking_free() it in any case. Not AF2_OK: what the host
 * said. */
af2_outcome ranking_read(struct ranking *r, const af2_host *host, af2_task *task);
void ranking_free(struct ranking *r);

/* Declare the outputs and write all files; entries are sorted, best first. */
af2_outcome rank_write(const struct ranking *r);

#endif
