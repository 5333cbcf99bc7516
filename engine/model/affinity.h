/* SPDX-License-Identifier: Apache-2.0
 * affinity: what a task shares with others that run where it ran: a text of its node's
 * (which model, say), and what its hints hold (compiled programs).
 */
#ifndef MODEL_AFFINITY_H
#define MODEL_AFFINITY_H

#include <stdint.h>

/* Numbers for both; 0: none. */
struct affinity {
	uint32_t text;
	uint32_t hints;
};

/* How much two tasks share: 0 nothing, 1 the text, 2 what their hints hold, too. */
static inline int
affinity_shared(struct affinity a, struct affinity b)
{
	if (!a.text || a.text != b.text)
		return 0;
	return a.hints == b.hints ? 2 : 1;
}

#endif
