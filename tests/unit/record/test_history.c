/* SPDX-License-Identifier: Apache-2.0 */
/* history: states and attempts from a journal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "helpers.h"
#include "record/history.h"
#include "record/journal.h"
#include "record/rundir.h"

/* Append events given as JSON texts, NULL-terminated. */
static void
append(const char *folder, const char *const *events)
{
	char *path = path_join(folder, "journal");
	struct journal *j = journal_open(path, NULL);

	assert_non_null(j);
	for (; *events; events++) {
		struct error e = {0};
		js *event = js_parse(*events, strlen(*events), &e);

		assert_string_equal(e.text, "");
		journal_add(j, event);
	}
	journal_close(j);
	free(path);
}

static struct history *
history_of(const char *folder)
{
	struct error e = {0};
	struct history *h = history_read(folder, &e);

	assert_string_equal(e.text, "");
	assert_non_null(h);
	return h;
}

#define START "{\"event\":\"run-start\",\"pid\":42,\"host\":\"node1\",\"tasks\":3}"
#define BEGIN(task, n)                                                                 \
	"{\"event\":\"start\",\"task\":\"" task "\",\"attempt\":" #n                   \
	",\"cpus\":2,\"gpus\":1,\"cpu_list\":\"0-1\",\"gpu_ids\":\"3\"}"
#define END(task, n, outcome, rest)                                                    \
	"{\"event\":\"end\",\"task\":\"" task "\",\"attempt\":" #n                     \
	",\"outcome\":\"" outcome "\"" rest "}"

static void
nothing_is_an_empty_history(void **state)
{
	struct history *h = history_of(*state);
	struct error e = {0};
	char *journal = path_join(*state, "journal");

	assert_int_equal(h->task_count, 0);
	assert_int_equal(h->exit, -1);
	assert_int_equal(h->runs, 0);
	assert_null(history_task(h, "a"));
	assert_int_equal(history_last_attempt(h, "a"), 0);
	history_free(h);
	history_free(NULL);
	assert_int_equal(mkdir(journal, 0755), 0);
	assert_null(history_read(*state, &e));
	assert_non_null(strstr(e.text, journal));
	free(journal);
}

static void
a_run_that_ended(void **state)
{
	const char *const events[] = {
		START,
		BEGIN("predict[model=3,seed=1]", 1),
		END("predict[model=3,seed=1]", 1, "failed",
		    ",\"class\":\"signal\",\"message\":\"killed\",\"signal\":9,"
		    "\"seconds\":1.5"),
		"{\"event\":\"retry\",\"task\":\"predict[model=3,seed=1]\",\"attempt\":"
		"2,\"delay\":90}",
		BEGIN("predict[model=3,seed=1]", 2),
		END("predict[model=3,seed=1]", 2, "ok",
		    ",\"seconds\":2,\"cpu_seconds\":4.5,\"max_rss\":1000,\"key\":"
		    "\"abc\""),
		"{\"event\":\"state\",\"task\":\"rank\",\"state\":\"blocked\",\"why\":"
		"\"relax failed\"}",
		"{\"event\":\"state\",\"task\":\"old\",\"state\":\"cached\",\"key\":"
		"\"def\"}",
		"{\"event\":\"something new\",\"task\":\"rank\",\"x\":[1]}",
		"{\"event\":\"states\",\"state\":\"cached\",\"tasks\":[\"many[k=1]\","
		"\"many[k=2]\"]}",
		"{\"event\":\"state\",\"why\":\"no task\"}",
		"{\"no\":\"event\"}",
		"{\"event\":\"run-end\",\"exit\":1,\"reason\":\"failed\"}",
		NULL,
	};
	const struct history_task *t;
	struct history *h;

	append(*state, events);
	h = history_of(*state);
	assert_int_equal(h->task_count, 5);
	assert_int_equal(h->runs, 1);
	assert_int_equal(h->exit, 1);
	assert_string_equal(h->reason, "failed");
	assert_string_equal(h->engine_host, "node1");
	assert_int_equal(h->engine_pid, 42);
	assert_true(h->started > 0 && h->ended >= h->started);
	t = history_task(h, "predict[model=3,seed=1]");
	assert_ptr_equal(t, &h->tasks[0]);
	assert_string_equal(t->node, "predict");
	assert_string_equal(t->branch, "model=3,seed=1");
	assert_string_equal(t->state, "done");
	assert_string_equal(t->key, "abc");
	assert_int_equal(t->attempt_count, 2);
	assert_string_equal(t->attempts[0].outcome, "failed");
	assert_string_equal(t->attempts[0].cls, "signal");
	assert_string_equal(t->attempts[0].message, "killed");
	assert_int_equal(t->attempts[0].signal, 9);
	assert_true(t->attempts[0].seconds == 1.5);
	assert_string_equal(t->attempts[1].outcome, "ok");
	assert_int_equal(t->attempts[1].cpus, 2);
	assert_string_equal(t->attempts[1].gpu_ids, "3");
	assert_int_equal(t->attempts[1].max_rss, 1000);
	assert_int_equal(history_last_attempt(h, t->label), 2);
	t = history_task(h, "rank");
	assert_string_equal(t->state, "blocked");
	assert_string_equal(t->why, "relax failed");
	assert_string_equal(t->branch, "");
	t = history_task(h, "many[k=2]");
	assert_string_equal(t->state, "cached");
	assert_string_equal(t->branch, "k=2");
	t = history_task(h, "old");
	assert_string_equal(t->state, "cached");
	assert_string_equal(t->key, "def");
	history_free(h);
}

static void
an_engine_that_lives_or_not(void **state)
{
	const char *const events[] = {START, BEGIN("a", 1), NULL};
	struct rundir d;
	struct error e = {0};
	struct history *h;

	assert_int_equal(rundir_open(&d, *state, &e), 0);
	append(*state, events);
	h = history_of(*state);
	assert_string_equal(history_task(h, "a")->state, "running");
	assert_string_equal(history_task(h, "a")->attempts[0].outcome, "running");
	assert_int_equal(history_task(h, "a")->lost_in_a_row, 0);
	history_free(h);
	rundir_close(&d);
	h = history_of(*state);
	assert_string_equal(history_task(h, "a")->state, "lost");
	assert_string_equal(history_task(h, "a")->attempts[0].outcome, "lost");
	assert_int_equal(history_task(h, "a")->lost_in_a_row, 1);
	history_free(h);
}

static void
lost_attempts_in_a_row(void **state)
{
	const char *const lost[] = {START, BEGIN("a", 1), START, BEGIN("a", 2), NULL};
	const char *const then_cancelled[] = {START, BEGIN("a", 3),
					      END("a", 3, "cancelled", ""), NULL};
	struct history *h;

	append(*state, lost);
	h = history_of(*state);
	assert_int_equal(h->runs, 2);
	assert_int_equal(history_task(h, "a")->lost_in_a_row, 2);
	assert_int_equal(history_last_attempt(h, "a"), 2);
	history_free(h);
	append(*state, then_cancelled);
	h = history_of(*state);
	assert_int_equal(history_task(h, "a")->lost_in_a_row, 0);
	assert_string_equal(history_task(h, "a")->state, "cancelled");
	assert_string_equal(history_task(h, "a")->attempts[0].outcome, "lost");
	history_free(h);
}

static void
a_new_start_sets_failures_back(void **state)
{
	const char *const events[] = {
		START,         BEGIN("a", 1),         END("a", 1, "failed", ""),
		BEGIN("b", 1), END("b", 1, "ok", ""), START,
		NULL,
	};
	struct history *h;

	append(*state, events);
	h = history_of(*state);
	assert_string_equal(history_task(h, "a")->state, "waiting");
	assert_string_equal(history_task(h, "a")->attempts[0].outcome, "failed");
	assert_string_equal(history_task(h, "b")->state, "done");
	assert_true(h->ended == 0);
	history_free(h);
}

/* Lines may be missing or of odd types. */
static void
gaps_and_odd_members(void **state)
{
	const char *const events[] = {
		START,
		END("a", 4, "ok", ",\"seconds\":5"),
		"{\"event\":\"start\",\"task\":7,\"attempt\":\"x\"}",
		"{\"event\":\"end\",\"task\":\"b\",\"attempt\":\"x\",\"outcome\":3}",
		"{\"event\":\"state\",\"task\":\"[\",\"state\":\"off\"}",
		"{\"event\":\"start\",\"task\":\"]\"}",
		"{\"event\":5}",
		NULL,
	};
	char *journal = path_join(*state, "journal");
	struct history *h;

	append(*state, events);
	h = history_of(*state);
	assert_string_equal(history_task(h, "a")->state, "done");
	assert_int_equal(history_last_attempt(h, "a"), 4);
	assert_true(history_task(h, "a")->attempts[0].started > 0);
	assert_string_equal(history_task(h, "b")->state, "failed");
	assert_string_equal(history_task(h, "[")->state, "off");
	assert_int_equal(h->damaged, 0);
	history_free(h);
	flip_bit(journal, 15);
	h = history_of(*state);
	assert_int_equal(h->damaged, 1);
	assert_string_equal(history_task(h, "a")->state, "done");
	history_free(h);
	free(journal);
}

static void
many_tasks(void **state)
{
	enum { TASKS = 3000 };
	char *path = path_join(*state, "journal"), label[32];
	struct journal *j = journal_open(path, NULL);
	struct history *h;

	for (int i = 0; i < 3 * TASKS; i++) {
		js *event = js_object();

		snprintf(label, sizeof label, "n[i=%d]", i % TASKS);
		js_set_text(event, "event", i < 2 * TASKS ? "start" : "end");
		js_set_text(event, "task", label);
		js_set_int(event, "attempt", i / TASKS + (i < 2 * TASKS));
		js_set_text(event, "outcome", "ok");
		journal_add(j, event);
	}
	journal_close(j);
	h = history_of(*state);
	assert_int_equal(h->task_count, TASKS);
	for (int i = 0; i < TASKS; i++) {
		assert_int_equal(h->tasks[i].attempt_count, 2);
		assert_string_equal(h->tasks[i].state, "done");
		assert_string_equal(h->tasks[i].attempts[0].outcome, "lost");
		assert_string_equal(h->tasks[i].attempts[1].outcome, "ok");
	}
	history_free(h);
	free(path);
}

#define WAIT(task, rest)                                                               \
	"{\"event\":\"wait\",\"task\":\"" task "\",\"for\":\"key\",\"key\":\"ab\"" rest "}"

/* Tasks that wait for another engine, until something happens to them. */
static void
waiting_for_another_engine(void **state)
{
	static const char *const events[] = {
		START,
		WAIT("a", ",\"holder\":{\"host\":\"node2\",\"pid\":7,\"since\":5}"),
		WAIT("b", ""),
		WAIT("c", ",\"holder\":{\"host\":\"node2\",\"pid\":7}"),
		WAIT("d", ",\"holder\":{\"host\":\"node2\",\"pid\":7}"),
		BEGIN("c", 1),
		"{\"event\":\"state\",\"task\":\"d\",\"state\":\"cached\","
		"\"why\":\"made by another run\"}",
		NULL,
	};
	static const char *const again[] = {START, NULL};
	const struct history_task *t;
	struct history *h;

	append(*state, events);
	h = history_of(*state);
	t = history_task(h, "a");
	assert_string_equal(t->state, "waiting");
	assert_string_equal(t->wait.what, "key");
	assert_string_equal(t->wait.host, "node2");
	assert_int_equal(t->wait.pid, 7);
	assert_true(t->wait.since > 0);
	assert_string_equal(t->why, "another run, pid 7 on node2, is at this work");
	t = history_task(h, "b");
	assert_string_equal(t->wait.what, "key");
	assert_string_equal(t->wait.host, "");
	assert_int_equal(t->wait.pid, 0);
	assert_string_equal(t->why, "another run is at this work");
	for (const char *label = "c"; label; label = *label == 'c' ? "d" : NULL) {
		t = history_task(h, label);
		assert_string_equal(t->wait.what, "");
		assert_string_equal(t->wait.host, "");
		assert_int_equal(t->wait.pid, 0);
	}
	assert_string_equal(t->state, "cached");
	assert_string_equal(t->why, "made by another run");
	history_free(h);
	append(*state, again);
	h = history_of(*state);
	assert_string_equal(history_task(h, "a")->wait.what, "");
	assert_string_equal(history_task(h, "a")->why, "");
	history_free(h);
}

/* Why attempts were made, what became of tasks since when: for explain. */
static void
reasons_and_times(void **state)
{
	const char *const events[] = {
		START,
		BEGIN("a", 1),
		END("a", 1, "ok", ",\"key\":\"abc\""),
		"{\"event\":\"start\",\"task\":\"a\",\"attempt\":2,\"reason\":"
		"\"parameter\",\"why\":\"parameter 'e' changed: 1 -> 2\"}",
		BEGIN("b", 1),
		END("b", 1, "failed", ",\"class\":\"exit\""),
		"{\"event\":\"retry\",\"task\":\"b\",\"attempt\":2,\"delay\":90}",
		"{\"event\":\"state\",\"task\":\"c\",\"state\":\"failed\",\"class\":"
		"\"permanent\",\"why\":\"too few\"}",
		NULL,
	};
	const struct history_task *t;
	struct history *h;

	append(*state, events);
	h = history_of(*state);
	t = history_task(h, "a");
	assert_string_equal(t->attempts[0].key, "abc");
	assert_string_equal(t->attempts[0].reason, "");
	assert_string_equal(t->attempts[1].reason, "parameter");
	assert_string_equal(t->attempts[1].reason_text, "parameter 'e' changed: 1 -> 2");
	assert_string_equal(t->attempts[1].key, "");
	assert_true(t->since >= h->started && t->until == 0);
	t = history_task(h, "b");
	assert_true(t->until == t->since + 90);
	t = history_task(h, "c");
	assert_string_equal(t->cls, "permanent");
	history_free(h);
	/* The next start of the engine forgets delays and failures. */
	append(*state, (const char *const[]){START, NULL});
	h = history_of(*state);
	assert_true(history_task(h, "b")->until == 0);
	assert_string_equal(history_task(h, "c")->cls, "");
	history_free(h);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_an_empty_history),
		TEST(a_run_that_ended),
		TEST(an_engine_that_lives_or_not),
		TEST(lost_attempts_in_a_row),
		TEST(a_new_start_sets_failures_back),
		TEST(gaps_and_odd_members),
		TEST(waiting_for_another_engine),
		TEST(reasons_and_times),
		TEST(many_tasks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
