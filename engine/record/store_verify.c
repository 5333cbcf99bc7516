/* SPDX-License-Identifier: Apache-2.0 */
/* store verify: objects by several threads, then segments, then what does not belong
 * there.
 *
 * The calling thread walks the store, feeds the others through a short queue, and hands
 * on what they find; nothing else of the engine knows threads. An object is read in full:
 * result.json's own digest, and the digest of each output. A damaged one is moved aside,
 * as a look-up does that meets it, so the next run makes it again. What vanishes or is
 * replaced while it is read (by gc, or an engine that met the damage first) is no
 * finding. What is being published has no name in objects/ yet.
 */
#include "record/store_verify.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "record/store_verify_private.h"

enum { QUEUE = 256, NEWS_MS = 200 };

struct job {
	char name[OBJECT_NAME];
	struct digest key;
};

/* A finding on its way to the calling thread. */
struct news {
	struct news *next;
	enum verify_kind kind;
	char key[DIGEST_HEX + 1];
	char *plugin, *path, *file, *what, *moved;
};

struct crew {
	struct store *s;
	const struct verify_options *o;
	struct verify_report *out; /* under the mutex while threads run */
	size_t all;
	pthread_mutex_t mutex;
	pthread_cond_t job, room; /* there is a job or an end; there is room or news */
	struct job queue[QUEUE];
	size_t head, count;
	int ended;
	unsigned running; /* threads */
	struct news *news, **news_end;
	struct timespec told; /* progress */
};

/* --- the threads ------------------------------------------------------------------ */

static void
free_news(struct news *n)
{
	free(n->plugin);
	free(n->path);
	free(n->file);
	free(n->what);
	free(n->moved);
	free(n);
}

static struct news *
make_news(struct store *s, const struct job *j, const struct object_state *o)
{
	struct news *n = xcalloc(1, sizeof *n);
	js *made = o->result ? result_made(o->result) : NULL;

	n->kind = o->finding == DAMAGED ? VERIFY_DAMAGED : VERIFY_UNREADABLE;
	digest_hex(&j->key, n->key);
	n->plugin = xstrdup(js_get_text(made, "plugin", ""));
	n->path = path_join(s->objects, j->name);
	n->file = xstrdup(o->file);
	n->what = xstrdup(o->why.text);
	return n;
}

/* NULL: sound, or gone. *bytes: of its outputs. */
static struct news *
verify_object(struct store *s, const struct job *j, uint64_t *bytes)
{
	ino_t before = object_inode(s, j->name);
	struct object_state o;
	struct news *n = NULL;

	object_check(s, &j->key, j->name, 1, &o);
	*bytes = 0;
	for (size_t i = 0; o.result && i < o.result->output_count; i++)
		*bytes += o.result->outputs[i].size;
	if (o.finding != SOUND && before && object_inode(s, j->name) == before) {
		n = make_news(s, j, &o);
		if (o.finding == DAMAGED)
			(void)object_move_aside(s, j->name, before, &n->moved);
	}
	result_free(o.result);
	return n;
}

static void
hand_in(struct crew *c, struct news *n, uint64_t bytes)
{
	c->out->objects++;
	c->out->bytes += bytes;
	if (!n)
		return;
	*c->news_end = n;
	c->news_end = &n->next;
	pthread_cond_signal(&c->room);
}

static void *
work(void *arg)
{
	struct crew *c = arg;
	struct news *n;
	uint64_t bytes;
	struct job j;

	pthread_mutex_lock(&c->mutex);
	for (;;) {
		while (c->count == 0 && !c->ended)
			pthread_cond_wait(&c->job, &c->mutex);
		if (c->count == 0)
			break;
		j = c->queue[c->head];
		c->head = (c->head + 1) % QUEUE;
		if (c->count-- == QUEUE)
			pthread_cond_signal(&c->room);
		pthread_mutex_unlock(&c->mutex);
		n = verify_object(c->s, &j, &bytes);
		pthread_mutex_lock(&c->mutex);
		hand_in(c, n, bytes);
	}
	c->running--;
	pthread_cond_signal(&c->room);
	pthread_mutex_unlock(&c->mutex);
	return NULL;
}

/* --- the calling thread ----------------------------------------------------------- */

static void
tell(const struct verify_options *o, const struct verify_finding *f,
     struct verify_report *out)
{
	out->damaged += f->kind == VERIFY_DAMAGED;
	out->unreadable += f->kind == VERIFY_UNREADABLE;
	out->strays += f->kind == VERIFY_STRAY;
	if (o->found)
		o->found(o->arg, f);
}

/* With the mutex, which is given back meanwhile: callbacks may take their time. */
static void
hand_on(struct crew *c)
{
	struct news *n = c->news, *next;
	struct verify_report copy = *c->out;
	struct timespec now;
	int64_t ms;

	c->news = NULL;
	c->news_end = &c->news;
	pthread_mutex_unlock(&c->mutex);
	for (; n; n = next) {
		next = n->next;
		tell(c->o,
		     &(struct verify_finding){n->kind, n->key, n->plugin, n->path,
					      n->file, n->what,
					      n->moved ? n->moved : ""},
		     &copy);
		free_news(n);
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (int64_t)(now.tv_sec - c->told.tv_sec) * 1000 +
	     (now.tv_nsec - c->told.tv_nsec) / 1000000;
	if (c->o->progress && ms >= NEWS_MS) {
		c->o->progress(c->o->arg, &copy, c->all);
		c->told = now;
	}
	pthread_mutex_lock(&c->mutex);
	/* Only this thread counts these. */
	c->out->damaged = copy.damaged;
	c->out->unreadable = copy.unreadable;
	c->out->strays = copy.strays;
}

/* Sleep until there is room or news, or it is time for progress. */
static void
wait_a_little(struct crew *c)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += NEWS_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	pthread_cond_timedwait(&c->room, &c->mutex, &until);
}

static int
feed(void *arg, const char *name, const struct digest *key)
{
	struct crew *c = arg;
	struct job *j;

	pthread_mutex_lock(&c->mutex);
	while (c->count == QUEUE) {
		wait_a_little(c);
		hand_on(c);
	}
	j = &c->queue[(c->head + c->count++) % QUEUE];
	memcpy(j->name, name, OBJECT_NAME);
	j->key = *key;
	pthread_cond_signal(&c->job);
	pthread_mutex_unlock(&c->mutex);
	return 0;
}

static void
stray(void *arg, const char *path, const char *what)
{
	struct crew *c = arg;

	pthread_mutex_lock(&c->mutex);
	tell(c->o, &(struct verify_finding){VERIFY_STRAY, "", "", path, "", what, ""},
	     c->out);
	pthread_mutex_unlock(&c->mutex);
}

static int
count_one(void *arg, const char *name, const struct digest *key)
{
	(void)name;
	(void)key;
	++*(size_t *)arg;
	return 0;
}

/* No more comes: wait for what is under way. */
static void
finish(struct crew *c, pthread_t *threads, unsigned count)
{
	pthread_mutex_lock(&c->mutex);
	c->ended = 1;
	pthread_cond_broadcast(&c->job);
	while (c->running > 0) {
		wait_a_little(c);
		hand_on(c);
	}
	hand_on(c);
	pthread_mutex_unlock(&c->mutex);
	for (unsigned i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
}

static int
verify_objects(struct crew *c, struct error *e)
{
	pthread_t *threads = xcalloc(c->o->threads + 1, sizeof *threads);
	unsigned n = 0;
	int rc = -1, err = 0;

	while (n < c->o->threads && !err) {
		pthread_mutex_lock(&c->mutex);
		err = pthread_create(&threads[n], NULL, work, c);
		n += !err;
		c->running += !err;
		pthread_mutex_unlock(&c->mutex);
	}
	errno = err;
	if (n == 0)
		error_set(e, "cannot start a thread:");
	else if (walk_objects(c->s, count_one, NULL, &c->all, e) == 0)
		rc = walk_objects(c->s, feed, stray, c, e);
	finish(c, threads, n);
	free(threads);
	return rc;
}

/* --- leftovers -------------------------------------------------------------------- */

static int
verify_tmp(struct crew *c, struct error *e)
{
	struct words names = {0};
	struct engine_id id;
	int rc = walk_names(c->s, "tmp", &names, e);

	for (size_t i = 0; i < names.count; i++) {
		char *path = xasprintf("%s/tmp/%s", c->s->path, names.v[i]);

		if (starts_with(names.v[i], "damaged-"))
			; /* told when it was put there */
		else if (engine_parse(names.v[i], &id) < 0)
			stray(c, path, "no engine has such a name");
		else if (store_engine_dead(c->s, names.v[i]) == 1)
			stray(c, path, "left by an engine that died: store gc removes it");
		free(path);
	}
	words_free(&names);
	return rc;
}

int
store_verify(struct store *s, const struct verify_options *o, struct verify_report *out,
	     struct error *e)
{
	struct crew *c = xcalloc(1, sizeof *c);
	int rc;

	*out = (struct verify_report){0};
	c->s = s;
	c->o = o;
	c->out = out;
	c->news_end = &c->news;
	pthread_mutex_init(&c->mutex, NULL);
	pthread_cond_init(&c->job, NULL);
	pthread_cond_init(&c->room, NULL);
	rc = verify_objects(c, e);
	if (rc == 0)
		rc = verify_tmp(c, e);
	if (rc == 0)
		rc = verify_segments(s, o, out, e);
	pthread_cond_destroy(&c->room);
	pthread_cond_destroy(&c->job);
	pthread_mutex_destroy(&c->mutex);
	free(c);
	return rc;
}
