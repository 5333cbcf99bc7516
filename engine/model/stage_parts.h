/* SPDX-License-Identifier: Apache-2.0
 * stage_parts: what stage.c, stage_json.c, ports.c and the workflow share.
 */
#ifndef MODEL_STAGE_PARTS_H
#define MODEL_STAGE_PARTS_H

#include "model/stage.h"

/* Is it one of the port types, or vendor.name? */
int port_type_ok(const char *type);
/* Split "a|b" of `len` bytes into `types` (appended). Outputs have one. -1 with the
 * error set. */
int port_types_parse(const char *text, size_t len, int output, struct words *types,
		     struct error *e);
/* A copy that the caller clears. */
void stage_port_copy(struct stage_port *to, const struct stage_port *from);
/* Check a stage as it stands: names, types, duplicates, defaults. -1 with the error
 * set. */
int stage_check(const struct stage *s, struct error *e);

#endif
