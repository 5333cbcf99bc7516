/* SPDX-License-Identifier: Apache-2.0 */
/* `af2flow-host --scan FILE`: load a plugin and print its descriptor as JSON on
 * stdout. Whatever the plugin prints while it is loaded goes to stderr. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "host/host.h"

static int
print_text(int fd, const char *text)
{
	return fs_write_all(fd, text, strlen(text)) == 0 &&
			       fs_write_all(fd, "\n", 1) == 0
		       ? 0
		       : -1;
}

int
scan_main(const char *path)
{
	struct host h = {.socket = -1};
	struct error e = {0};
	char *absolute = path_absolute(NULL, path), *text;
	int out = fcntl(1, F_DUPFD_CLOEXEC, HOST_FD_BASE), rc;
	js *v;

	if (out < 0 && (out = fcntl(1, F_DUPFD_CLOEXEC, 10)) < 0) {
		fprintf(stderr, "cannot keep stdout: %s\n", strerror(errno));
		return 1;
	}
	dup2(2, 1);
	host_set_self(&h);
	if (plugin_load(&h, absolute, &e) < 0) {
		print_text(out, e.text);
		return 1;
	}
	v = stage_to_json(h.stage);
	text = js_dump(v, 0);
	rc = print_text(out, text);
	free(text);
	js_free(v);
	stage_free(h.stage);
	free(h.plugin_path);
	free(h.data_dir);
	free(absolute);
	fflush(stdout);
	return rc < 0 ? 1 : 0;
}
