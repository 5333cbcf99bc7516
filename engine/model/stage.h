/* SPDX-License-Identifier: Apache-2.0
 * stage: a plugin's descriptor as plain data, copied out of the shared object, so that the
 * model can check a workflow without loading plugin code. JSON is its form in caches and on
 * the wire.
 */
#ifndef MODEL_STAGE_H
#define MODEL_STAGE_H

#include <stdint.h>

#include "af2flow/plugin.h" /* enums and flags only */
#include "base/error.h"
#include "base/json.h"
#include "base/str.h"

struct stage_param {
	char *name;            /* may end in ".*": every attribute with that prefix */
	int type;              /* af2_param_type */
	unsigned flags;        /* AF2_PARAM_* */
	char *default_value;   /* "" if none */
	double min, max;       /* min == max: no range */
	struct words choices;
	struct words suffixes; /* AF2_DATABASE; empty: the path itself */
	char *unit, *doc;
};

struct stage_port {
	char *name;
	struct words types; /* alternatives; outputs have one */
	int cardinality;    /* af2_cardinality */
	unsigned flags;     /* AF2_PORT_* */
	unsigned min;
	char *publish;      /* NULL if none */
	char *doc;
};

struct stage {
	char *id, *name, *version, *license, *summary;
	char *path; /* of the shared object, absolute */
	unsigned result_version, flags;
	struct stage_param *params;
	size_t param_count;
	struct stage_port *inputs, *outputs;
	size_t input_count, output_count;
	char *cpus, *gpus, *memory; /* default resources in attribute words */
	unsigned cpus_cap;
	int has_setup, has_fingerprint;
};

/* Copy a descriptor read from a loaded plugin (min(struct_size) and strides respected).
 * Checks it: magic, major, names, types, duplicates, defaults. NULL with the error set. */
struct stage *stage_from_plugin(const af2_plugin *p, const char *path, struct error *e);
js *stage_to_json(const struct stage *s);
struct stage *stage_from_json(const js *v, struct error *e);
void stage_free(struct stage *s);

/* The parameter for attribute `name` (exact, else a ".*" one), or NULL. */
const struct stage_param *stage_param_find(const struct stage *s, const char *name);
/* Does output type `type` fit input port `in`? */
int port_accepts(const struct stage_port *in, const char *type);
/* Parse AF2_PORTS_IN / AF2_PORTS_OUT text "a:text b:fasta* c:hhr?" into ports appended to
 * *ports (owned by the caller; free each with stage_port_clear). -1 with the error set. */
int ports_parse(const char *text, int outputs, struct stage_port **ports, size_t *count,
                struct error *e);
void stage_port_clear(struct stage_port *p);
/* Name of an af2_param_type: "string", "int", ... */
const char *param_type_name(int type);

#endif
