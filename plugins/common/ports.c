/* SPDX-License-Identifier: Apache-2.0
 *
 * A list of ports as workflows declare them.
 */
#include "ports.h"

#include <stdlib.h>
#include <string.h>

static int
add_port(struct port_list *ports, const char *word, size_t n, struct fault *fault)
{
	const char *colon = memchr(word, ':', n);
	size_t name = colon ? (size_t)(colon - word) : 0;
	size_t type = colon ? n - name - 1 : 0;
	char mark = type > 0 && strchr("*+?", word[n - 1]) ? word[n - 1] : '\0';
	type -= mark != '\0';
	if (name == 0 || type == 0)
		return fault_set(fault, AF2_CLASS_PERMANENT,
				 "'%.*s' is no port: write name:type", (int)n, word);
	struct port *list = realloc(ports->list, (ports->count + 1) * sizeof(*list));
	if (!list)
		return fault_memory(fault, "reading ports");
	ports->list = list;
	struct port *p = &list[ports->count];
	*p = (struct port){.name = strndup(word, name), .mark = mark};
	p->type = strndup(colon + 1, type);
	int is_twice = p->name && port_find(ports, p->name) != NULL;
	ports->count++;
	if (!p->name || !p->type)
		return fault_memory(fault, "reading ports");
	if (is_twice)
		return fault_set(fault, AF2_CLASS_PERMANENT,
				 "the port '%s' stands twice", p->name);
	return 0;
}

int
ports_parse(struct port_list *ports, const char *text, struct fault *fault)
{
	while (*(text += strspn(text, " \t\r\n"))) {
		size_t n = strcspn(text, " \t\r\n");
		if (add_port(ports, text, n, fault) != 0)
			return -1;
		text += n;
	}
	return 0;
}

struct port *
port_find(const struct port_list *ports, const char *name)
{
	for (size_t i = 0; i < ports->count; i++)
		if (strcmp(ports->list[i].name, name) == 0)
			return &ports->list[i];
	return NULL;
}

void
ports_free(struct port_list *ports)
{
	for (size_t i = 0; i < ports->count; i++) {
		free(ports->list[i].name);
		free(ports->list[i].type);
		free(ports->list[i].own_path);
	}
	free(ports->list);
	*ports = (struct port_list){0};
}
