/* SPDX-License-Identifier: Apache-2.0 */
/* Programs inside a wrapper, as the configuration of the plugin says. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "host/host.h"
#include "model/wrap.h"

static void
copy_words(struct words *to, const struct words *from)
{
	words_free(to);
	for (size_t i = 0; i < from->count; i++)
		words_add(to, from->v[i]);
}

void
enter_wrap(struct host *h, const af2_task *t)
{
	copy_words(&h->wrap, &t->wrap);
	copy_words(&h->binds, &t->binds);
}

int
command_make(struct host *h, const char *const *argv, struct command *c, struct error *e)
{
	*c = (struct command){.argv = argv};
	if (!h->wrap.count) {
		c->path = service_find_program(argv[0]);
		return c->path ? 0 : error_set(e, "%s", strerror(ENOENT));
	}
	wrap_bind(&h->binds, services_table()->data_dir(), 0);
	if (wrap_command(&h->wrap, &h->binds, argv, &c->words, e) < 0)
		return -1;
	c->program = fs_find_program(c->words.v[0]);
	if (!c->program)
		return error_set(e, "there is no program '%s' to wrap it", c->words.v[0]);
	c->path = c->program;
	c->argv = (const char *const *)c->words.v;
	return 0;
}

void
command_free(struct command *c)
{
	words_free(&c->words);
	free(c->program);
}
