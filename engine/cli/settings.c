/* SPDX-License-Identifier: Apache-2.0
 * settings: the command line that a run directory stands for.
 */
#include <unistd.h>

#include "base/mem.h"
#include "cli/cli.h"

void
cli_settings_of_run(struct cli *o, const js *meta, const char *copy)
{
	const js *params = js_get(meta, "params");
	void *it = NULL;
	const char *name;
	js *v;

	while (params && (v = js_next(params, &it, &name))) {
		o->settings = xrealloc(o->settings, o->setting_count + 1, sizeof *o->settings);
		o->settings[o->setting_count++] =
			(struct param_setting){xstrdup(name), js_as_text(v, "")};
	}
	o->c.settings = o->settings;
	o->c.setting_count = o->setting_count;
	o->c.workflow = js_get_text(meta, "workflow", "");
	if (access(o->c.workflow, R_OK) < 0)
		o->c.workflow = copy; /* it has moved: the run's own copy */
	o->c.cwd = js_get_text(meta, "cwd", NULL);
	if (!o->c.store)
		o->c.store = js_get_text(meta, "store", NULL);
}
