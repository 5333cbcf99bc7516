/* SPDX-License-Identifier: Apache-2.0 */
/* The file `waiting` of a run directory: what the tasks in the queue lack just now. The journal
 * tells what happened; why a task does not start is known to the engine alone, and changes with
 * every slot. So it is no event, but one small file, replaced at most twice a second and only
 * when it differs:
 *     {"pid":N,                       of the engine: of another one it is not believed
 *      "classes":[{"cpus":N,"gpus":N,"memory":N,   of requests: as sched/sched.h has them
 *                  "waiting":N,        tasks that ask for this
 *                  "head":LABEL,"since":UNIX TIME,"why":TEXT}, ...]}
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "record/rundir.h"

enum { LARGEST = 1024 * 1024 };

void
rundir_write_waiting(const struct rundir *d, const js *waiting)
{
	char *path = path_join(d->path, "waiting");

	if (waiting) {
		char *text = js_dump(waiting, 0);
		(void)fs_write_file(path, text, strlen(text), 0, NULL);
		free(text);
	} else {
		(void)unlink(path);
	}
	free(path);
}

js *
rundir_waiting(const struct rundir *d, int pid)
{
	char *path = path_join(d->path, "waiting");
	size_t len = 0;
	char *text = fs_read_file(path, LARGEST, &len, NULL);
	js *waiting = text ? js_parse(text, len, NULL) : NULL;

	free(text);
	free(path);
	if (waiting && js_get_int(waiting, "pid", 0) == pid)
		return waiting;
	js_free(waiting);
	return NULL;
}
