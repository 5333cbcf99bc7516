/* SPDX-License-Identifier: Apache-2.0 */
/* The display of a run: plain lines in a pipe, and on a terminal a block that a small
 * terminal emulator below plays back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "view/progress.h"

#define ROWS 40
#define COLUMNS 120

/* --- a terminal ------------------------------------------------------------------- */

/* Rows of one byte a column (tests that look at rows draw ASCII). */
struct screen {
	char cell[ROWS][COLUMNS + 1];
	unsigned row, column, width;
	int colours;
};

static void
screen_clear(struct screen *s, unsigned width)
{
	memset(s, 0, sizeof *s);
	for (unsigned r = 0; r < ROWS; r++)
		memset(s->cell[r], ' ', width);
	s->width = width;
}

static const char *
screen_escape(struct screen *s, const char *p)
{
	unsigned n = 0;

	assert_int_equal(*p, '[');
	for (p++; *p >= '0' && *p <= '9'; p++)
		n = n * 10 + (unsigned)(*p - '0');
	switch (*p) {
	case 'A':
		assert_true(n >= 1 && n <= s->row); /* never past the top */
		s->row -= n;
		break;
	case 'J':
		for (unsigned r = s->row + 1; r < ROWS; r++)
			memset(s->cell[r], ' ', s->width);
		/* fallthrough */
	case 'K':
		memset(s->cell[s->row] + s->column, ' ', s->width - s->column);
		break;
	case 'm':
		s->colours++;
		break;
	default:
		fail_msg("unknown sequence \\033[%u%c", n, *p);
	}
	return p;
}

static void
screen_play(struct screen *s, const char *p)
{
	for (; *p; p++) {
		if (*p == '\033') {
			p = screen_escape(s, p + 1);
		} else if (*p == '\r') {
			s->column = 0;
		} else if (*p == '\n') {
			s->column = 0;
			s->row++;
			assert_true(s->row < ROWS);
		} else {
			if (s->column == s->width) {
				s->column = 0;
				s->row++;
			}
			s->cell[s->row][s->column++] = *p;
		}
	}
}

static const char *
row(struct screen *s, unsigned r)
{
	unsigned n = s->width;

	while (n > 0 && s->cell[r][n - 1] == ' ')
		n--;
	s->cell[r][n] = '\0'; /* rows are looked at once, at the end */
	return s->cell[r];
}

/* --- what was written ------------------------------------------------------------- */

struct output {
	FILE *file;
	struct progress *p;
	char text[16384];
};

static void
begin(struct output *o, int is_tty, int colour, int utf8, unsigned width,
      unsigned height)
{
	struct progress_style style = {.is_tty = is_tty, .colour = colour, .utf8 = utf8,
	                               .width = width, .height = height};

	o->file = tmpfile();
	assert_non_null(o->file);
	style.fd = fileno(o->file);
	o->p = progress_new(&style);
}

/* What was written since the last call. */
static const char *
written(struct output *o)
{
	ssize_t n;
	off_t end = lseek(fileno(o->file), 0, SEEK_CUR);

	n = pread(fileno(o->file), o->text, sizeof o->text - 1, 0);
	assert_true(n >= 0 && n == end);
	o->text[n] = '\0';
	assert_int_equal(ftruncate(fileno(o->file), 0), 0);
	lseek(fileno(o->file), 0, SEEK_SET);
	return o->text;
}

static void
end(struct output *o)
{
	progress_free(o->p);
	fclose(o->file);
}

static void
two_stages(struct output *o)
{
	const struct progress_counts search = {.total = 4, .done = 2, .cached = 1, .running = 1};
	const struct progress_counts predict = {.total = 5, .running = 2, .failed = 1,
	                                        .waiting = 2};

	progress_title(o->p, "af2");
	progress_stage(o->p, "search", &search);
	progress_stage(o->p, "predict", &predict);
}

/* --- tests ------------------------------------------------------------------------ */

static void
nothing_known(void **state)
{
	struct screen s;
	struct output o;

	(void)state;
	begin(&o, 1, 0, 0, 60, 20);
	progress_redraw(o.p, 5);
	screen_clear(&s, 60);
	screen_play(&s, written(&o));
	assert_non_null(strstr(row(&s, 0), "0 of 0 tasks"));
	end(&o);
	progress_free(NULL);
}

static void
plain_lines_in_a_pipe(void **state)
{
	struct output o;

	(void)state;
	begin(&o, 0, 0, 0, 0, 0);
	two_stages(&o);
	progress_redraw(o.p, 0);
	progress_event(o.p, "predict started");
	assert_string_equal(written(&o), "predict started\n");
	progress_failure(o.p, "bad\nnews\033[2J\x9b \xff\xc3\xa9");
	assert_string_equal(written(&o), "bad news?[2J? ?\xc3\xa9\n");
	progress_redraw(o.p, 10);
	progress_finish(o.p, 20);
	progress_clear(o.p);
	assert_string_equal(written(&o), "");
	end(&o);
}

static void
the_block(void **state)
{
	struct screen s;
	struct output o;

	(void)state;
	begin(&o, 1, 0, 0, 70, 20);
	two_stages(&o);
	progress_redraw(o.p, 100);
	progress_failure(o.p, "predict[model=3]: exit: the program died");
	progress_redraw(o.p, 225);
	screen_clear(&s, 70);
	screen_play(&s, written(&o));
	assert_int_equal(s.row, 4);
	assert_int_equal(s.colours, 0);
	assert_non_null(strstr(row(&s, 0), "af2  3 of 9 tasks, 3 running, 1 failed, 1 cached"));
	assert_string_equal(s.cell[0] + strlen(s.cell[0]) - 5, "2m05s");
	assert_string_equal(row(&s, 1), " search   =======###############>>>>>>>>  3/4"
	                                "  1 running, 1 cached");
	assert_string_equal(row(&s, 2), " predict  !!!!!!>>>>>>>>>>>>............  0/5"
	                                "  2 running, 1 failed");
	assert_string_equal(row(&s, 3), " ! predict[model=3]: exit: the program died");
	assert_string_equal(row(&s, 4), "");
	end(&o);
}

static void
events_go_above(void **state)
{
	struct screen s;
	struct output o;

	(void)state;
	begin(&o, 1, 0, 0, 70, 20);
	two_stages(&o);
	progress_redraw(o.p, 1);
	progress_event(o.p, "first thing");
	progress_redraw(o.p, 1.05); /* too early */
	screen_clear(&s, 70);
	screen_play(&s, written(&o));
	assert_int_equal(s.row, 3);
	progress_redraw(o.p, 1.2);
	progress_event(o.p, "second thing");
	progress_redraw(o.p, 1.4);
	screen_play(&s, written(&o));
	assert_int_equal(s.row, 5);
	assert_string_equal(row(&s, 0), "first thing");
	assert_string_equal(row(&s, 1), "second thing");
	assert_non_null(strstr(row(&s, 2), "af2  3 of 9 tasks"));
	assert_non_null(strstr(row(&s, 4), " predict "));
	end(&o);
}

static void
cleared(void **state)
{
	struct screen s;
	struct output o;

	(void)state;
	begin(&o, 1, 0, 0, 70, 20);
	two_stages(&o);
	progress_redraw(o.p, 1);
	progress_event(o.p, "late");
	progress_clear(o.p);
	screen_clear(&s, 70);
	screen_play(&s, written(&o));
	assert_int_equal(s.row, 1);
	assert_string_equal(row(&s, 0), "late");
	for (unsigned r = 1; r < 6; r++)
		assert_string_equal(row(&s, r), "");
	/* A finished block stays: what comes next goes below it. */
	progress_redraw(o.p, 2);
	progress_finish(o.p, 2);
	progress_clear(o.p);
	screen_clear(&s, 70);
	screen_play(&s, written(&o));
	assert_int_equal(s.row, 3);
	assert_non_null(strstr(row(&s, 2), " predict "));
	end(&o);
}

static void
never_drawn_too_often(void **state)
{
	struct output o;
	int drawn = 0;

	(void)state;
	begin(&o, 1, 0, 0, 70, 20);
	two_stages(&o);
	for (int i = 0; i < 1000; i++) {
		progress_redraw(o.p, i * 0.001);
		drawn += *written(&o) != '\0';
	}
	assert_in_range(drawn, 9, 11);
	progress_redraw(o.p, -5); /* a clock that was set back */
	assert_string_not_equal(written(&o), "");
	end(&o);
}

/* More stages and failures than rows: what runs is shown, the rest is counted. */
static void
a_low_terminal(void **state)
{
	struct progress_counts c = {.total = 1, .done = 1};
	struct screen s;
	struct output o;
	char name[32];

	(void)state;
	begin(&o, 1, 0, 0, 60, 10);
	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof name, "stage%d", i);
		c.done = i != 20;
		c.running = i == 20;
		progress_stage(o.p, name, &c);
		progress_failure(o.p, name);
	}
	progress_redraw(o.p, 0);
	progress_redraw(o.p, 1);
	screen_clear(&s, 60);
	screen_play(&s, written(&o));
	assert_int_equal(s.row, 9);
	assert_non_null(strstr(row(&s, 3), "stage20 "));
	assert_string_equal(row(&s, 4), " and 27 more, 27 of them complete");
	assert_string_equal(row(&s, 5), " 27 earlier failures");
	assert_string_equal(row(&s, 8), " ! stage29");
	end(&o);
}

/* No line reaches the last column, however narrow the terminal is. */
static void
any_width_holds(void **state)
{
	(void)state;
	for (unsigned width = 1; width <= 110; width++) {
		struct screen s;
		struct output o;

		begin(&o, 1, 0, 0, width, 20);
		two_stages(&o);
		progress_stage(o.p, "a_stage_with_an_uncommonly_long_name_of_forty",
		               &(struct progress_counts){.total = 123456, .done = 77});
		progress_failure(o.p, "a failure with a text that is longer than most "
		                      "terminals are wide, and then some more of it, "
		                      "to be safe");
		progress_redraw(o.p, 0);
		progress_redraw(o.p, 1);
		screen_clear(&s, width);
		screen_play(&s, written(&o));
		assert_int_equal(s.row, 5);
		for (unsigned r = 0; r < 5 && width > 1; r++)
			assert_int_equal(s.cell[r][width - 1], ' ');
		end(&o);
	}
}

static void
colours_and_blocks(void **state)
{
	struct output o;
	const char *text;

	(void)state;
	begin(&o, 1, 1, 1, 70, 20);
	two_stages(&o);
	progress_redraw(o.p, 0);
	text = written(&o);
	assert_non_null(strstr(text, "\033[32m███████████████\033[0m"));
	assert_non_null(strstr(text, "\033[31m××××××\033[0m"));
	assert_non_null(strstr(text, "▒"));
	end(&o);
}

static void
style_by_environment(void **state)
{
	struct progress_style s;
	FILE *f = tmpfile();

	(void)state;
	assert_non_null(f);
	unsetenv("LC_ALL");
	unsetenv("LC_CTYPE");
	setenv("LANG", "de_DE.UTF-8", 1);
	s = progress_style_for(fileno(f));
	assert_int_equal(s.is_tty, 0);
	assert_int_equal(s.colour, 0);
	assert_int_equal(s.utf8, 1);
	setenv("LC_ALL", "C", 1);
	assert_int_equal(progress_style_for(fileno(f)).utf8, 0);
	setenv("LC_ALL", "en_GB.utf8", 1);
	assert_int_equal(progress_style_for(fileno(f)).utf8, 1);
	unsetenv("LC_ALL");
	unsetenv("LANG");
	assert_int_equal(progress_style_for(fileno(f)).utf8, 0);
	fclose(f);
}

/* A real terminal: a pseudo-terminal's other end. */
static void
style_of_a_terminal(void **state)
{
	int master = posix_openpt(2 /* O_RDWR */);

	(void)state;
	if (master < 0 || grantpt(master) || unlockpt(master))
		skip();
	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	assert_int_equal(progress_style_for(master).is_tty, 1);
	assert_int_equal(progress_style_for(master).colour, 1);
	setenv("NO_COLOR", "1", 1);
	assert_int_equal(progress_style_for(master).is_tty, 1);
	assert_int_equal(progress_style_for(master).colour, 0);
	setenv("TERM", "dumb", 1);
	assert_int_equal(progress_style_for(master).is_tty, 0);
	close(master);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_known),
		cmocka_unit_test(plain_lines_in_a_pipe),
		cmocka_unit_test(the_block),
		cmocka_unit_test(events_go_above),
		cmocka_unit_test(cleared),
		cmocka_unit_test(never_drawn_too_often),
		cmocka_unit_test(a_low_terminal),
		cmocka_unit_test(any_width_holds),
		cmocka_unit_test(colours_and_blocks),
		cmocka_unit_test(style_by_environment),
		cmocka_unit_test(style_of_a_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
