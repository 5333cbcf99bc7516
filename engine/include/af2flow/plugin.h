/* SPDX-License-Identifier: Apache-2.0
 *
 * af2flow/plugin.h - the interface between af2flow and a stage plugin.
 *
 * A plugin is a shared object with one exported function:
 *
 *     const af2_plugin *af2_plugin_entry(const af2_host *host);
 *
 * It stores `host` (valid for the life of the process) and returns a static
 * descriptor. The descriptor is plain data: af2flow reads names, parameters
 * and ports from it without calling anything else, so `af2flow check` and
 * `af2flow plugins info` never run plugin code beyond the entry.
 *
 * Life cycle, always inside an af2flow-host process, on one plugin thread:
 *
 *     entry -> setup -> ( fingerprint | run )* -> teardown
 *
 * One task at a time in a host. A host stays warm between tasks whose plugin,
 * setup parameters and GPUs are equal. A crash is an attempt that failed;
 * it never reaches the engine. A plugin must not call exit(), longjmp() out
 * of a callback, or install signal handlers.
 *
 * Compatibility: the first fields of af2_plugin and af2_host are magic, size,
 * abi major and minor. Another major is refused. Fields are only ever
 * appended; each side reads at most min(its own size, the other's size).
 * Table entries (parameters, ports) are read with the stride the plugin
 * gives, so they can grow too.
 *
 * Strings are UTF-8, NUL-terminated and borrowed until the call returns,
 * unless a function says otherwise. Paths that the host hands out are
 * absolute. Every service may be called from the plugin thread only, but for
 * log(), progress() and cancelled(), which any thread may call.
 */
#ifndef AF2FLOW_PLUGIN_H
#define AF2FLOW_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AF2_MAGIC 0x32464146u /* "FAF2", little-endian */
#define AF2_ABI_MAJOR 1u
#define AF2_ABI_MINOR 0u

/* Tasks and workers are opaque: a task is one attempt, a worker is this host
 * process. Both belong to the host. */
typedef struct af2_task af2_task;
typedef struct af2_worker af2_worker;
/* A program started in setup that lives as long as the host. */
typedef struct af2_process af2_process;

/* How a callback ended. Every value but AF2_OK carries a message, so return
 * what fail(), retry() or skip() returned. */
typedef enum af2_outcome {
	AF2_OK = 0,
	AF2_RETRY = 1, /* failed, another attempt may succeed: class transient */
	AF2_SKIP = 2,  /* this branch has nothing to do: skipped, not a failure */
	AF2_FAIL = 3   /* failed with a class */
} af2_outcome;

/* Classes of failure. A plugin gives one of these to fail(); the engine adds
 * cancelled. X(symbol, name in workflow files and reports) */
#define AF2_CLASSES(X)                                                                 \
	X(AF2_CLASS_NONE, "none")                                                      \
	X(AF2_CLASS_EXIT, "exit")             /* a program ended with a bad status */  \
	X(AF2_CLASS_SIGNAL, "signal")         /* a program was killed by a signal */   \
	X(AF2_CLASS_TIMEOUT, "timeout")       /* the task's `timeout` passed */        \
	X(AF2_CLASS_MEMORY, "memory")         /* out of memory (host or device) */     \
	X(AF2_CLASS_SPAWN, "spawn")           /* a program could not be started */     \
	X(AF2_CLASS_PLUGIN_CRASH, "plugin-crash") /* the host process died */          \
	X(AF2_CLASS_OUTPUT_MISSING, "output-missing") /* a declared output is absent */\
	X(AF2_CLASS_OUTPUT_LIMIT, "output-limit") /* work directory over max_output */ \
	X(AF2_CLASS_UNAVAILABLE, "unavailable") /* device, platform, licence absent */ \
	X(AF2_CLASS_TRANSIENT, "transient")   /* worth trying again as it is */        \
	X(AF2_CLASS_PERMANENT, "permanent")   /* about the input: never retried */     \
	X(AF2_CLASS_CANCELLED, "cancelled")   /* the run ended it */

typedef enum af2_class {
#define AF2_X(symbol, name) symbol,
	AF2_CLASSES(AF2_X)
#undef AF2_X
	AF2_CLASS_COUNT
} af2_class;

/* What a parameter's text must be. The engine checks it before anything runs
 * and hands the plugin the text in the form given here. */
typedef enum af2_param_type {
	AF2_STRING = 0,
	AF2_INT = 1,      /* decimal; min <= value <= max */
	AF2_REAL = 2,     /* decimal; min <= value <= max */
	AF2_BOOL = 3,     /* yes|no|true|false|1|0, any case; handed over as "1" or "0" */
	AF2_CHOICE = 4,   /* one of `choices` */
	AF2_DURATION = 5, /* 90s 15m 6h 2d; handed over in seconds, e.g. "5400" */
	AF2_SIZE = 6,     /* 512M 16G 1T, binary; handed over in bytes */
	AF2_FILE = 7,     /* a regular file that must exist; enters the key by content */
	AF2_FILES = 8,    /* files separated by blanks (POSIX quoting); by content */
	AF2_DIR = 9,      /* a folder that must exist; its path enters no key */
	/* A file or path prefix of a search database. Never hashed whole: it
	 * enters the key by a `.sha256` beside it, else by names, sizes and
	 * sampled blocks. `suffixes` names what must exist. */
	AF2_DATABASE = 10,
	AF2_PROGRAM = 11, /* a name looked up in PATH, or a path; must be executable */
	/* Words of a command line by POSIX quoting. ${in.PORT}, ${out.PORT},
	 * ${cpus}, ${gpus} and ${memory} are left in it for the plugin; "$${" stands for a
	 * literal "${". Workflow parameters are substituted inside words, so
	 * their values never split. */
	AF2_ARGV = 12,
	/* "name:type name:type* name:type+ name:type?": ports added to the
	 * node's own. The engine reads it; no plugin code runs for it. */
	AF2_PORTS_IN = 13,
	AF2_PORTS_OUT = 14
} af2_param_type;

/* Flags of a parameter. */
#define AF2_PARAM_REQUIRED 1u  /* unset ("") is an error */
/* Of AF2_STRING only. A workflow says where the value is, env:NAME or file:PATH, never the
 * value; the plugin gets the value. It stands in no journal, log, report or key (a digest
 * could be guessed from), and is made unreadable in what the plugin says and its programs
 * print. What it decides of the result (an account, say) must come by another parameter
 * or the fingerprint. Hand it to programs by their environment: all see a command line. */
#define AF2_PARAM_SECRET 2u
#define AF2_PARAM_NO_RESULT 4u /* does not change the result: not in the key */
#define AF2_PARAM_SETUP 8u     /* belongs to setup: hosts differ by it */

/* One parameter. A name that ends in ".*" ("env.*") admits every attribute
 * that starts with what stands before the star. */
typedef struct af2_param {
	const char *name;
	af2_param_type type;
	uint32_t flags;
	const char *default_value; /* NULL or "": unset */
	double min, max;           /* AF2_INT, AF2_REAL; min == max: no range */
	const char *choices;       /* AF2_CHOICE: words separated by one blank */
	const char *suffixes;      /* AF2_DATABASE: what must exist behind the prefix,
	                            * words separated by one blank; NULL: the path itself */
	const char *unit;          /* shown in docs; NULL: none */
	const char *doc;           /* one line */
} af2_param;

typedef enum af2_cardinality {
	AF2_ONE = 0,      /* exactly one item */
	AF2_OPTIONAL = 1, /* one or none; outputs: it need not be declared */
	AF2_MANY = 2      /* inputs: any number, gathered over branches.
	                   * outputs: a list, each element with a name */
} af2_cardinality;

#define AF2_PORT_SET 1u  /* many input whose order does not matter to the result */
/* Input that may help but never changes the result. Its producer may say what tasks that take
 * it need, by the value "reader_memory", in bytes of main memory: they get at least that much,
 * as far as the machine has it, unless the workflow says how much memory they have. */
#define AF2_PORT_HINT 2u

/* One input or output. */
typedef struct af2_port {
	const char *name;
	/* Types: fasta stockholm a3m hhr features pdb mmcif table json text dir, or
	 * vendor.name. An input may accept several: "stockholm|a3m". */
	const char *types;
	af2_cardinality cardinality;
	uint32_t flags;
	uint32_t min; /* many input: fewest items */
	/* Outputs: where the file goes below results/, e.g. "msas/{branch}/{node}_hits.sto".
	 * {file} is the file's own name, {node} the node's, {branch} the values of the task's
	 * run-time branch variables, {NAME} the task's own value of the variable NAME. An
	 * empty component vanishes; an element that is called "_" has an empty {branch}. A
	 * directory output with "." is merged into results/. NULL: published only if no
	 * other node reads it, as {node}/{branch}/{file}. */
	const char *publish;
	const char *doc;
} af2_port;

/* Flags of a plugin. */
#define AF2_PLUGIN_FIXED_POOL 1u /* thread pools are made in setup: restarted when cores change */
#define AF2_PLUGIN_INTERLEAVE 2u /* maps large databases: interleave memory over NUMA nodes */

/* The descriptor: static data. */
typedef struct af2_plugin {
	uint32_t magic;       /* AF2_MAGIC */
	uint32_t struct_size; /* sizeof(af2_plugin) */
	uint32_t abi_major;   /* AF2_ABI_MAJOR */
	uint32_t abi_minor;   /* AF2_ABI_MINOR */

	const char *id;             /* reverse-domain or short, part of every key: "msa_hhblits" */
	const char *name;           /* what people read: "HHblits search" */
	const char *version;        /* of the plugin, e.g. "1.0.0" */
	uint32_t result_version;    /* step it when equal inputs give other results */
	const char *license;        /* SPDX */
	const char *summary;        /* one line */
	uint32_t flags;             /* AF2_PLUGIN_* */

	uint32_t param_size;        /* sizeof(af2_param) */
	uint32_t param_count;
	const af2_param *params;
	uint32_t port_size;         /* sizeof(af2_port) */
	uint32_t input_count;
	const af2_port *inputs;
	uint32_t output_count;
	const af2_port *outputs;

	/* Default resources, in the words of the node attributes; NULL: "1", "0", "". */
	const char *cpus;           /* "1", "auto", "all" */
	uint32_t cpus_cap;          /* most cores that help, for "auto"; 0: no cap */
	const char *gpus;           /* "0", "1", "auto" */
	const char *memory;         /* "2G"; "": nothing reserved */

	/* Callbacks; NULL where there is nothing to do, but run. A setup that fails makes
	 * the attempt fail with the class it gave. */
	af2_outcome (*setup)(af2_worker *worker);
	af2_outcome (*fingerprint)(af2_task *task);
	af2_outcome (*run)(af2_task *task);
	void (*teardown)(af2_worker *worker);
	/* Growth: NULL, or a table for "af2flow.NAME/REV". */
	const void *(*get_extension)(const char *id);
} af2_plugin;

/* One item on an input port. Borrowed until run() returns. */
typedef struct af2_item {
	const char *path;  /* absolute; read-only */
	const char *name;  /* element name in a list output, else the file's base name */
	const char *node;  /* the node that made it */
	size_t branch_count;
	const char *const *branch_names;  /* e.g. "model" */
	const char *const *branch_values; /* e.g. "3" */
} af2_item;

/* A program to run. Zero-initialise, then set argv. */
typedef struct af2_program {
	uint32_t struct_size;    /* sizeof(af2_program) */
	const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH; no shell */
	const char *const *env;  /* NULL, or "NAME=value"... added to the environment */
	const char *dir;         /* NULL: the work directory */
	const char *stdin_path;  /* NULL: /dev/null */
	const char *stdout_path; /* NULL: captured in the attempt's stdout */
	const char *stderr_path; /* NULL: captured in the attempt's stderr */
} af2_program;

/* How a program ended. */
typedef struct af2_exit {
	uint32_t struct_size; /* sizeof(af2_exit), set by the caller */
	int spawn_errno;      /* not 0: it never started */
	int status;           /* exit status, -1 if killed */
	int signal;           /* 0, or the signal that killed it */
	double seconds;       /* wall */
	double cpu_seconds;   /* user + system, children waited for included */
	uint64_t max_rss;     /* bytes */
	char stderr_tail[512];/* last line(s) of its stderr, if captured; no trailing newline */
} af2_exit;

typedef enum af2_level { AF2_DEBUG = 0, AF2_INFO = 1, AF2_WARN = 2 } af2_level;

/* The services of the host: one table for the life of the process. */
typedef struct af2_host {
	uint32_t magic, struct_size, abi_major, abi_minor;

	/* --- parameters ------------------------------------------------- */
	/* The checked text of parameter `name`; "" when unset or unknown. */
	const char *(*param)(af2_task *task, const char *name);
	/* The same as a number (AF2_INT, AF2_REAL, AF2_BOOL, AF2_DURATION in s,
	 * AF2_SIZE in bytes); 0 when unset. */
	double (*param_number)(af2_task *task, const char *name);
	/* The i-th parameter whose name starts with `prefix`; 0 when there is none,
	 * 1 with *name (without the prefix) and *value set. */
	int (*param_each)(af2_task *task, const char *prefix, size_t i, const char **name,
	                  const char **value);
	/* In setup: a parameter flagged AF2_PARAM_SETUP; "" when unset. */
	const char *(*worker_param)(af2_worker *worker, const char *name);

	/* --- inputs ------------------------------------------------------ */
	/* Number of items on an input port; 0 for an empty optional or unknown port. */
	size_t (*input_count)(af2_task *task, const char *port);
	/* Item i of a port, or NULL. Many ports: edge order in the file, then branch order. */
	const af2_item *(*input)(af2_task *task, const char *port, size_t i);
	/* A value that the item's producer recorded, as text; NULL if it has none. */
	const char *(*input_value)(af2_task *task, const char *port, size_t i, const char *name);

	/* --- outputs ----------------------------------------------------- */
	/* Declare a file of output `port` and get the absolute path to write. `file` is a
	 * base name (NULL: the port's name). For a port of type dir the folder is made.
	 * List outputs: one call an element, `element` its name (NULL elsewhere).
	 * A declared file that is absent after run() is class output-missing.
	 * NULL, with the task marked failed, for an unknown port or a bad name. */
	const char *(*output)(af2_task *task, const char *port, const char *element,
	                      const char *file);
	/* Values: small results beside files (numbers, strings). They enter a reader's key. */
	void (*value_number)(af2_task *task, const char *name, double value);
	void (*value_text)(af2_task *task, const char *name, const char *value);
	/* Measures: seconds, bytes, counts of this execution; never in a key. */
	void (*measure)(af2_task *task, const char *name, double value);

	/* --- the slot ---------------------------------------------------- */
	const char *(*work_dir)(af2_task *task); /* empty at start, removed afterwards */
	unsigned (*cpus)(af2_task *task);        /* cores of the slot */
	unsigned (*gpus)(af2_task *task);        /* GPUs of the slot (CUDA_VISIBLE_DEVICES is set) */
	uint64_t (*memory)(af2_task *task);      /* bytes reserved; 0: none */

	/* --- telling ----------------------------------------------------- */
	void (*log)(af2_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
	void (*progress)(double fraction, const char *text); /* fraction < 0: unknown */
	int (*cancelled)(void); /* 1: return soon, with anything */
	/* End the attempt: record class and message, return the outcome to return. */
	af2_outcome (*fail)(af2_task *task, af2_class cls, const char *format, ...)
		__attribute__((format(printf, 3, 4)));
	af2_outcome (*retry)(af2_task *task, const char *format, ...)
		__attribute__((format(printf, 2, 3)));
	af2_outcome (*skip)(af2_task *task, const char *format, ...)
		__attribute__((format(printf, 2, 3)));
	/* The same for setup. */
	af2_outcome (*setup_fail)(af2_worker *worker, af2_class cls, const char *format, ...)
		__attribute__((format(printf, 3, 4)));

	/* --- programs ---------------------------------------------------- */
	/* Run a program to its end: in its own process group, killed with the task and with
	 * all its descendants. 0: it ended, see *how; -1: it was not started (spawn_errno) or
	 * the task was cancelled. What is left of its group after it ended is killed. */
	int (*run_program)(af2_task *task, const af2_program *program, af2_exit *how);
	/* AF2_OK for exit status 0, else fail() with class exit, signal or spawn and a message
	 * that names `what` and the last line of stderr. */
	af2_outcome (*check_exit)(af2_task *task, const af2_exit *how, const char *what);
	/* Absolute path of a program (name looked up in PATH); NULL if there is none. Where the
	 * configuration runs this plugin's programs in a container: the name as it is, since only
	 * the container knows. */
	const char *(*find_program)(const char *name);

	/* --- workers ----------------------------------------------------- */
	/* In setup: start a program that answers framed requests and lives with the host.
	 * It reads requests on descriptor 3 and writes replies on descriptor 4, each a
	 * little-endian uint32 length and that many bytes of JSON; plugins/python/af2flow_worker.py
	 * speaks it. Its first frame is a greeting {"ready": true, ...} or {"fail": CLASS,
	 * "message": TEXT}. Its stdout and stderr are captured with the running attempt's.
	 * NULL, with setup marked failed, if it does not start or greet. */
	af2_process *(*start_worker)(af2_worker *worker, const char *const *argv,
	                             const char *const *env);
	/* Send {"method": method, "args": {...}, "cpus": n, "gpus": n, "work_dir": path} and wait
	 * for the reply. `args` are key, value, key, value, ..., NULL; a key that ends in "[]"
	 * makes an array of all its values, any other value is a string.
	 * The reply is {"ok": true, "values": {...}, "measures": {...}}, or {"fail": CLASS,
	 * "message": TEXT}, or {"skip": TEXT}; each may have "log": [TEXT...] and "warnings":
	 * [TEXT...], for log(). Values and measures are recorded on the task; the outcome is
	 * returned. A worker that died gives class exit or signal. */
	af2_outcome (*call)(af2_task *task, af2_process *process, const char *method,
	                    const char *const *args);

	/* --- fingerprint -------------------------------------------------- */
	/* Add name=value (a tool's version, say) to the key. */
	void (*fingerprint_add)(af2_task *task, const char *name, const char *value);
	/* Name a file that was looked at: the fingerprint is remembered until its inode,
	 * size or mtime changes, or it appears, if it is not there; of one below /proc or /sys, until its content does, so
	 * /proc/sys/kernel/random/boot_id means: ask again after each boot, on each machine. */
	void (*fingerprint_file)(af2_task *task, const char *path);

	/* Folder with this plugin's own files (Python sources, data), e.g. where
	 * af2flow_worker.py lies. */
	const char *(*data_dir)(void);

	/* Growth: NULL, or a table for "af2flow.NAME/REV". */
	const void *(*get_extension)(const char *id);
} af2_host;

/* The one exported function of a plugin. Return NULL to refuse `host`. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const af2_plugin *af2_plugin_entry(const af2_host *host);

/* The value of branch variable `name` of an item; NULL if it has none. */
static inline const char *
af2_item_branch(const af2_item *item, const char *name)
{
	for (size_t i = 0; i < item->branch_count; i++) {
		const char *a = item->branch_names[i], *b = name;
		while (*a && *a == *b)
			a++, b++;
		if (*a == *b)
			return item->branch_values[i];
	}
	return NULL;
}

#ifdef __cplusplus
}
#endif
#endif
