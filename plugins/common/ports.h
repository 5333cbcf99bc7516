/* SPDX-License-Identifier: Apache-2.0
 *
 * A list of ports as workflows declare them: "name:type name:type* name:type+
 * name:type?".
 */
#ifndef PLUGINS_COMMON_PORTS_H
#define PLUGINS_COMMON_PORTS_H

#include <stddef.h>

#include "fault.h"

struct port {
	char *name, *type; /* owned */
	char mark;         /* '*', '+', '?' or 0 */
	const char *path;  /* set by the caller */
	char *own_path;    /* freed by ports_free() */
};

/* Zero-initialise. */
struct port_list {
	struct port *list;
	size_t count;
};

/* Read the list. -1 with class permanent for a word that is no port or a name twice. */
int ports_parse(struct port_list *ports, const char *text, struct fault *fault);
/* The port of this name, or NULL. */
struct port *port_find(const struct port_list *ports, const char *name);
void ports_free(struct port_list *ports);

#endif
