/* SPDX-License-Identifier: Apache-2.0
 * reasons: why a task runs, waits, or does not run: the table of all that `plan` and `explain`
 * can say, and lists of such reasons with the particulars of a task. The manual has the same
 * table (tests/lint/reasons.py compares them).
 */
#ifndef MODEL_REASONS_H
#define MODEL_REASONS_H

#include <stddef.h>

#include "base/json.h"

/* X(symbol, word in JSON and journal, what it means) */
#define REASONS(X)                                                                               \
	/* Why it runs, ran or would run. */                                                     \
	X(WHY_FIRST, "first-time", "it has no result, and had none before in this run directory")\
	X(WHY_PLUGIN, "plugin", "its node has another plugin")                                   \
	X(WHY_VERSION, "result-version", "its plugin says that it gives other results now")      \
	X(WHY_PARAMETER, "parameter", "a parameter that counts has another value")               \
	X(WHY_FILE, "file", "a file or database that counts has other contents")                 \
	X(WHY_FINGERPRINT, "fingerprint", "the version of a tool or of its data has changed")    \
	X(WHY_INPUT, "input", "an input has other contents")                                     \
	X(WHY_VARIABLE, "variable", "a variable of its own expand has another value")            \
	X(WHY_OWN_RUN, "own-run", "its result holds for one run directory, and this is another") \
	X(WHY_GONE, "result-gone", "nothing changed, but its result was removed or is damaged")  \
	X(WHY_UNRECORDED, "unrecorded", "something changed, and nothing tells what")             \
	X(WHY_FAILED, "failed-before", "it was tried before and failed; failures are not kept")  \
	X(WHY_ENDED, "ended-early", "it was started before, and was interrupted or lost")        \
	X(WHY_RETRY, "retry", "the attempt before failed")                                       \
	X(WHY_PRODUCER, "producer", "what makes its input runs first; the same bytes again and " \
	                            "it need not run")                                           \
	X(WHY_TOOLS, "tools", "its tools or databases must be looked at first")                  \
	X(WHY_SHARED, "shared", "another task of the run does the same work: it is done once")   \
	/* Why it waits. */                                                                      \
	X(WAITS_INPUT, "waits-input", "what makes its input is not done")                        \
	X(WAITS_LIST, "waits-list", "branches come from a list that is not known yet")           \
	X(WAITS_SLOT, "waits-slot", "the cores, GPUs or memory that it needs are not free")      \
	X(WAITS_RETRY, "waits-retry", "its next attempt is delayed")                             \
	X(WAITS_SHARED, "waits-shared", "another task of the run does the same work just now")   \
	X(WAITS_ENGINE, "waits-engine", "another engine does the same work just now")            \
	X(WAITS_TOOLS, "waits-tools", "its tools and databases are being looked at")             \
	X(WAITS_PAUSE, "paused", "the run waits until something can be written or started again")\
	X(WAITS_END, "stopping", "the run ends: nothing new is started")                         \
	X(WAITS_RUN, "not-running", "no engine works on this run")                               \
	/* What became of it. */                                                                 \
	X(IS_RUNNING, "running", "an attempt of it runs")                                        \
	X(IS_CACHED, "cached", "a result of the same work stood in the store")                   \
	X(IS_SHARED, "made-by-other", "another task of this run did the same work")              \
	X(IS_FAILED, "failed", "its attempts failed")                                            \
	X(IS_REFUSED, "not-started", "it failed before any attempt: inputs, parameters, or lost "\
	                             "too often")                                                \
	X(IS_BLOCKED, "blocked", "what makes its input failed")                                  \
	X(IS_SKIPPED, "skipped", "its plugin found nothing to do")                               \
	X(IS_TOLERATED, "failed-skipped", "its attempts failed, and on_failure=skip")            \
	X(IS_SKIPPED_INPUT, "input-skipped", "what makes its input was skipped")                 \
	X(IS_OFF, "off", "its when is false")                                                    \
	X(IS_OFF_INPUT, "input-off", "what makes its input is off")                              \
	X(IS_OFF_HINT, "only-a-hint", "only tasks that are done would want it, and as a hint")   \
	X(IS_CANCELLED, "cancelled", "the run ended it")                                         \
	X(IS_LOST, "lost", "the engine ended while it ran")                                      \
	X(IS_GONE, "gone", "the workflow does not have it any more")
enum reason_id {
#define X(symbol, word, text) symbol,
	REASONS(X)
#undef X
	REASON_COUNT
};
const char *reason_word(int id);
/* What it means, as in the manual. */
const char *reason_meaning(int id);
/* The id of a word, or -1. */
int reason_parse(const char *word);

/* One reason of a task. */
struct reason {
	int id;
	char *name;       /* what it is about: a parameter, a port, a task; or NULL */
	char *then, *now; /* values, where they are known; or NULL */
	char *text;       /* for people, without the task's name */
};
/* Zero-initialise; reasons_free. */
struct reasons {
	struct reason *v;
	size_t count, cap;
};
/* Append one; the strings are copied, each may be NULL. */
void reasons_add(struct reasons *r, int id, const char *name, const char *then,
                 const char *now, const char *format, ...)
	__attribute__((format(printf, 6, 7)));
/* The texts, joined by "; ". Caller frees. */
char *reasons_text(const struct reasons *r);
/* [{"reason":WORD,"name":..,"then":..,"now":..,"text":..}, ...] */
js *reasons_json(const struct reasons *r);
void reasons_free(struct reasons *r);

#endif
