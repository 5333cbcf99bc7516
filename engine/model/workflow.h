/* SPDX-License-Identifier: Apache-2.0
 * workflow: a DOT graph made into nodes with stages, parameters, ports and options.
 *
 * Workflow parameters ("${data}") are substituted when the file is loaded; branch variables
 * ("${model}") when a task is made (task_params_resolve, task_options_resolve).
 * A "$${" in any text stands for a literal "${". In parameters of type AF2_ARGV,
 * ${in.X} ${out.X} ${cpus} ${gpus} ${memory} stay for the plugin.
 */
#ifndef MODEL_WORKFLOW_H
#define MODEL_WORKFLOW_H

#include <stdint.h>

#include "base/error.h"
#include "base/map.h"
#include "base/mem.h"
#include "model/dot_read.h"
#include "model/stage.h"

/* A variable that a node's own `expand` introduces. */
enum var_kind { VAR_RANGE, VAR_LIST, VAR_GLOB, VAR_IN };
struct wf_var {
	char *name;
	int kind;
	struct words values; /* RANGE, LIST: values; GLOB: absolute paths, sorted; IN: empty */
	struct words names;  /* branch name of each value: the value, or a glob's unique stem */
	int in_node;         /* VAR_IN: node index; its output port index */
	int in_port;
};

/* An attribute's text as it stands after substitution of workflow parameters. */
struct wf_text {
	char *name;  /* attribute name */
	char *value; /* ${name} that are left are branch variables; `when` as it was written */
	int line;
	int def;     /* index of the stage's parameter; -1: an option */
	int vary;    /* refers to branch variables */
	int param;   /* index of the workflow parameter that it begins with; -1: none */
};

/* A node. Engine attributes are kept as text (options) and resolved for each task. */
struct wf_node {
	char *name;
	int line;
	const struct stage *stage; /* borrowed from the registry */
	struct wf_text *params;    /* plugin parameters set in the file, in descriptor order;
	                            * those that have their default are not here */
	size_t param_count;
	struct wf_text *options;   /* engine attributes that are set */
	size_t option_count;
	struct wf_text *retries;   /* retry.NAME -> value */
	size_t retry_count;
	struct stage_port *inputs, *outputs; /* stage's and computed ones (owned copies) */
	size_t input_count, output_count;
	struct wf_var *vars;       /* own expand, in order */
	size_t var_count;
	struct words gather;       /* names; or one word "all"; empty: default */
	int selected;              /* by --until (all without) */
	/* Filled by expand_analyse (model/expand.h). */
	uint32_t *all_vars;        /* ids in wf->var_names, along the path, own ones last */
	size_t all_var_count;
};

/* One joined pair of ports, or an order edge. A DOT edge gives one or more of these. */
struct wf_edge {
	int from, to;            /* nodes */
	int line;
	int order;               /* no data */
	int from_port, to_port;  /* indexes into outputs/inputs; -1 for order edges */
	/* Filled by expand_analyse: ids of the producer's variables gathered here. */
	uint32_t *gathered;
	size_t gathered_count;
};

struct wf_param {
	char *name, *value, *default_value;
	int line;
	int used;      /* something refers to it */
	int user_base; /* its text begins with what -p set */
	int from_user; /* set by -p: relative paths are against the current folder */
};

struct workflow {
	char *path;       /* absolute */
	char *given;      /* as the caller wrote it, for messages */
	char *dir;        /* its folder: relative paths in the file are against it */
	char *name;       /* graph name, else the file's stem */
	struct wf_param *params;
	size_t param_count;
	struct wf_node *nodes;
	size_t node_count;
	struct wf_edge *edges; /* in file order; outputs in port order */
	size_t edge_count;
	int *topo;             /* node indexes, producers first */
	struct interner var_names;
	char *text;            /* the file's bytes (for dot_place and the run's copy) */
	size_t text_len;
	const struct config *settings; /* of plugins; whoever opens it may set them; NULL: none */
};

/* -p name=value settings, split by the caller. */
struct param_setting {
	const char *name, *value;
};

/* Finds a stage by plugin id; NULL if there is none. `nearest` may get a similar id. */
struct stage_source {
	const struct stage *(*find)(void *arg, const char *id, const char **nearest);
	void *arg;
	/* Why there is none: NULL if nothing is known of it. May be NULL. */
	const char *(*problem)(void *arg, const char *id);
};

/* Load and join a workflow. All errors of the file are added to `diags`; NULL if there is any.
 * Checks everything that needs no machine and no file system but the workflow's folder:
 * attributes (did-you-mean), parameters' names, substitutions, expand syntax, ports and their
 * joins, cycles (named), reserved names. `cwd`: for relative -p paths (NULL: current). */
struct workflow *workflow_load(const char *path, const struct param_setting *settings,
                               size_t setting_count, const struct stage_source *stages,
                               const char *cwd, struct diags *diags);
void workflow_free(struct workflow *w);
int workflow_node(const struct workflow *w, const char *name); /* index or -1 */
/* Mark `names` and all they need as selected (all nodes if none). -1 with diags. */
int workflow_select(struct workflow *w, const char *const *names, size_t count,
                    struct diags *diags);
/* Resources that fall out of a node: can it use GPUs, and so on, come from options. */

/* The value of a branch variable for the task being made, or NULL. */
typedef const char *var_lookup(void *arg, const char *name);

/* A task's parameters in the form the plugin gets (plugin.h, af2_param_type): every parameter
 * of the stage with its value ("" unset), in descriptor order, wildcard ones expanded. */
struct task_param {
	const struct stage_param *def;
	const char *name, *value;
};
struct task_params {
	struct task_param *items;
	size_t count;
	struct arena arena; /* owns all */
};
/* Resolve and check types, ranges and choices (not whether files exist). `attempt` >= 1:
 * from 2 on retry.NAME applies. -1 with the error set. */
int task_params_resolve(const struct workflow *w, int node, int attempt, var_lookup *lookup,
                        void *arg, struct task_params *out, struct error *e);
void task_params_free(struct task_params *p);

enum { CPUS_AUTO = -1, CPUS_ALL = -2, GPUS_AUTO = -1 };
enum on_failure { FAIL_FAIL, FAIL_SKIP, FAIL_STOP, FAIL_ABORT };

/* What the engine needs to know of a task. */
struct task_options {
	int cpus;            /* N, CPUS_AUTO, CPUS_ALL */
	unsigned cpus_cap;   /* for CPUS_AUTO; 0: none */
	int gpus;            /* N, GPUS_AUTO */
	uint64_t memory;     /* bytes, 0: none */
	int has_memory;      /* the workflow says so, not the plugin: it is a limit, too */
	int retries;
	double retry_delay;  /* seconds before the second attempt; doubles, capped at 600 */
	unsigned retry_on;   /* bit per af2_class; */
	unsigned char retry_exit[32]; /* bitmap of exit statuses named by exit:N */
	uint64_t retry_signal;        /* bitmap of signals named by signal:NAME */
	int on_failure;
	double timeout;      /* seconds, 0: none */
	double grace;        /* seconds, < 0: the configured one */
	uint64_t max_output; /* bytes, 0: none */
	int priority;
	uint32_t affinity;   /* a number for the text, 0: none */
	int cache;           /* 1 unless cache=no */
	int when;            /* 0: the task is off */
	int has_retry_values; /* any retry.NAME */
};
int task_options_resolve(const struct workflow *w, int node, int attempt, var_lookup *lookup,
                         void *arg, struct task_options *out, struct error *e);
/* Do the node's options / parameters refer to branch variables? (If not, resolve once.) */
int node_options_vary(const struct workflow *w, int node);
int node_params_vary(const struct workflow *w, int node);
/* Shall a failure of this class/status/signal be retried under these options? */
int retry_wanted(const struct task_options *o, int cls, int status, int signal);

#endif
