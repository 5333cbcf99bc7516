/* SPDX-License-Identifier: Apache-2.0
 * explain_next: what to do about a failure, by its class.
 */
#include <string.h>

#include "af2flow/plugin.h"
#include "base/error.h"
#include "base/mem.h"
#include "view/explain_private.h"

/* By af2_class. */
static const char *const hints[AF2_CLASS_COUNT] = {
	[AF2_CLASS_EXIT] = "read what it printed; a status that is no failure goes into ok_exit",
	[AF2_CLASS_SIGNAL] = "read what it printed; a program that crashes now and then may do with "
	                     "retries=1",
	[AF2_CLASS_TIMEOUT] = "give it more time or cores: timeout=, cpus=, \"retry.timeout\"=\"2x\"",
	[AF2_CLASS_MEMORY] = "give it more: memory=, or \"retry.memory\"=\"2x\"",
	[AF2_CLASS_SPAWN] = "see that the program is there and may be executed: PATH, its mode, its "
	                    "interpreter",
	[AF2_CLASS_PLUGIN_CRASH] = "a fault of the plugin or its libraries: read what it printed, and "
	                           "tell its author; retries=1 tries it in a fresh process",
	[AF2_CLASS_OUTPUT_MISSING] = "compare the node's outputs with the files that it writes",
	[AF2_CLASS_OUTPUT_LIMIT] = "find out why it writes so much, or raise max_output",
	[AF2_CLASS_UNAVAILABLE] = "run where the device, platform or licence is, or give a retry.NAME "
	                          "that does without",
	[AF2_CLASS_TRANSIENT] = "run again; retries=2 would have",
	[AF2_CLASS_PERMANENT] = "correct the input or the parameters: trying again gives the same",
	[AF2_CLASS_CANCELLED] = "run again: it goes on",
};

char *
explain_next(const struct explain *x, const char *cls, const char *label)
{
	int id = class_parse(cls);
	struct str b = {0};

	if (id < 0 || !hints[id])
		return NULL;
	str_add(&b, hints[id]);
	str_add(&b, " (af2flow log ");
	str_add_quoted(&b, x->dir->path);
	str_addc(&b, ' ');
	str_add_quoted(&b, label);
	str_addc(&b, ')');
	return str_take(&b);
}
