/* SPDX-License-Identifier: Apache-2.0
 *
 * A small host for tests of stage plugins: it loads one plugin into this process, gives
 * it parameters and input files, runs it, and keeps what it said and made. It
 * implements every service of af2flow/plugin.h, with real programs and real workers,
 * but no limits.
 *
 *     struct harness *h = harness_open(PLUGIN_DIR "/instance.so");
 *     harness_param(h, "fasta", path);
 *     harness_input(h, "query", path);
 *     assert_int_equal(harness_run(h), AF2_OK);       // or assert_ok(h)
 *     harness_output(h, "chains", "A"); harness_value(h, "residues");
 *     harness_reset(h);                               // next task, same warm worker
 *     harness_close(h);
 *
 * Faults in the use of the harness itself (no such plugin, unknown parameter or port)
 * print a line and abort. One harness at a time in a process: log() has no context.
 */
#ifndef TESTS_PLUGINS_HARNESS_H
#define TESTS_PLUGINS_HARNESS_H

#include <af2flow/plugin.h>

struct harness;

/* Load the plugin `so`, check its descriptor, make a folder for it below TMPDIR or
 * /tmp. */
struct harness *harness_open(const char *so);
/* Teardown, unload, end workers, remove the folder. NULL is allowed. */
void harness_close(struct harness *h);
/* The plugin's descriptor. */
const af2_plugin *harness_plugin(const struct harness *h);
/* The harness's own folder, for a test's input files; the same as long as h lives. */
const char *harness_dir(const struct harness *h);
/* Write `text` to `name` in harness_dir(); returns its path, which h owns. */
const char *harness_file(struct harness *h, const char *name, const char *text);
/* The same with `size` bytes. */
const char *harness_bytes(struct harness *h, const char *name, const void *data,
			  size_t size);
/* A path made by printf, which h owns. */
const char *harness_path(struct harness *h, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Set a parameter in workflow spelling (the harness puts BOOL, SIZE and DURATION into
 * the form plugins get). SETUP parameters must be set before the first run. */
void harness_param(struct harness *h, const char *name, const char *value);
/* Add an item to an input port. */
void harness_input(struct harness *h, const char *port, const char *path);
/* Add an item with its element name (NULL: base name), producer node, branch variables
 * and producer's values; both lists are name, value, ..., NULL; NULL: none. */
void harness_item(struct harness *h, const char *port, const char *path,
		  const char *name, const char *node, const char *const *branch,
		  const char *const *values);
/* Cores, GPUs and memory of the slot; default 1, 0, 0. */
void harness_slot(struct harness *h, unsigned cpus, unsigned gpus, uint64_t memory);
/* Cancel the task (cancelled() true, programs killed) after this many seconds. */
void harness_cancel_after(struct harness *h, double seconds);

/* Setup (first time only) and run. An output that was declared and not made turns
 * AF2_OK into AF2_FAIL, class output-missing, as in the real host. */
af2_outcome harness_run(struct harness *h);
/* Setup alone: AF2_OK or AF2_FAIL. */
af2_outcome harness_setup(struct harness *h);
/* Run the fingerprint callback; harness_fingerprint(h, name) then reads it. */
af2_outcome harness_run_fingerprint(struct harness *h);
/* Forget parameters that are not SETUP, inputs and results; empty the work and
 * output folders. The worker stays. */
void harness_reset(struct harness *h);

/* What the last run or setup said: class, message ("" if none). */
af2_class harness_class(const struct harness *h);
const char *harness_class_name(const struct harness *h);
const char *harness_message(const struct harness *h);
/* A value as text (numbers with %.15g), NULL if it was not recorded. */
const char *harness_value(const struct harness *h, const char *name);
/* A value or measure as a number; NAN if it was not recorded. */
double harness_number(const struct harness *h, const char *name);
double harness_measure(const struct harness *h, const char *name);
/* A fingerprint entry, NULL if there is none; harness_fingerprint_files counts files.
 */
const char *harness_fingerprint(const struct harness *h, const char *name);
size_t harness_fingerprint_files(const struct harness *h);
/* Path of an output: element NULL for a single one; NULL if not declared. */
const char *harness_output(const struct harness *h, const char *port,
			   const char *element);
/* The i-th declared element of a list output: its name, NULL behind the last. */
const char *harness_element(const struct harness *h, const char *port, size_t i);
/* Everything logged at AF2_WARN so far, one line each; and at every level. */
const char *harness_warnings(const struct harness *h);
const char *harness_log(const struct harness *h);
/* The last progress text ("" if none) and how often it was called. */
const char *harness_progress(const struct harness *h, size_t *count);
/* Paths of the captured output of programs and workers. */
const char *harness_stdout(const struct harness *h);
const char *harness_stderr(const struct harness *h);
/* How many programs run_program started since the last reset; the words of the last
 * one's argv joined by blanks ("" if none). */
size_t harness_programs(const struct harness *h);
const char *harness_command_line(const struct harness *h);

/* The bytes of a file, NUL added, freed by harness_close; *size may be NULL. Aborts if
 * the file cannot be read. */
const char *harness_read(struct harness *h, const char *path, size_t *size);

/* Fails the cmocka test with the plugin's own message. */
#define assert_outcome(h, want)                                                        \
	do {                                                                           \
		af2_outcome got_ = harness_run(h);                                     \
		if (got_ != (want))                                                    \
			fail_msg("outcome %d, wanted %d: %s: %s", (int)got_,           \
				 (int)(want), harness_class_name(h),                   \
				 harness_message(h));                                  \
	} while (0)
#define assert_ok(h) assert_outcome(h, AF2_OK)
/* The task fails with this class and a message that contains `text`. */
#define assert_fails(h, cls, text)                                                     \
	do {                                                                           \
		assert_outcome(h, AF2_FAIL);                                           \
		if (harness_class(h) != (cls) || !strstr(harness_message(h), text))    \
			fail_msg("got %s: %s\nwanted class %d with '%s'",              \
				 harness_class_name(h), harness_message(h),            \
				 (int)(cls), text);                                    \
	} while (0)

#endif
