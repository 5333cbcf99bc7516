/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of the block, cut to the terminal.
 *
 * Where not all stages fit, those that run or failed come first, and one line counts
 * the rest. A line never fills the last column: terminals differ in what they do there.
 */
#include "view/progress_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define MAX_FAILURES 8 /* lines of failures */
#define MAX_NAME 24
#define MAX_BAR 30

#define RED "31"
#define GREEN "32"
#define YELLOW "33"
#define CYAN "36"
#define DIM "2"
#define BOLD "1"

/* A line being made. */
struct line {
	const struct progress_style *style;
	struct str text;
	unsigned columns, limit;
};

unsigned
add_plain(struct str *out, const char *text, unsigned columns)
{
	const char *end = text + strlen(text);
	unsigned count = 0;

	while (text < end && (columns == 0 || count < columns)) {
		size_t n = utf8_length(text, (size_t)(end - text));

		if (*text == '\n' || *text == '\t')
			str_addc(out, ' ');
		else if (n == 0 || (unsigned char)*text < ' ' || *text == 0x7f ||
		         !is_clean_utf8(text, n))
			str_addc(out, '?');
		else
			str_addn(out, text, n);
		text += n > 0 ? n : 1;
		count++;
	}
	return count;
}

/* Append text to a line as far as there is room. `colour` may be NULL. */
static void
put(struct line *l, const char *colour, const char *text)
{
	if (l->columns >= l->limit || !*text)
		return;
	if (colour && l->style->colour)
		str_printf(&l->text, "\033[%sm", colour);
	l->columns += add_plain(&l->text, text, l->limit - l->columns);
	if (colour && l->style->colour)
		str_add(&l->text, "\033[0m");
}

static void
put_number(struct line *l, const char *colour, const char *before, size_t n,
           const char *after)
{
	char *text = xasprintf("%s%zu%s", before, n, after);

	put(l, colour, text);
	free(text);
}

static void
pad_to(struct line *l, unsigned columns)
{
	while (l->columns < columns && l->columns < l->limit)
		put(l, NULL, " ");
}

static void
end_line(struct block *b, struct line *l)
{
	GROW(b->columns, b->lines.count, b->cap);
	b->columns[b->lines.count] = l->columns;
	words_add(&b->lines, l->text.s ? l->text.s : "");
	str_reset(&l->text);
	l->columns = 0;
}

/* --- a stage ---------------------------------------------------------------------- */

static void
put_cells(struct line *l, const char *colour, const char *utf8, const char *ascii,
          unsigned n)
{
	struct str b = {0};

	while (n-- > 0)
		str_add(&b, l->style->utf8 ? utf8 : ascii);
	put(l, colour, b.s ? b.s : "");
	str_free(&b);
}

/* The states a bar shows, in order. */
struct part {
	size_t count;
	const char *colour, *utf8, *ascii;
};

/* Cells that end where so many of all tasks do: rounded down, so that only a finished
 * stage fills its bar. */
static unsigned
cells_until(size_t count, size_t total, unsigned width)
{
	return total > 0 ? (unsigned)((double)count / (double)total * width) : 0;
}

static void
put_bar(struct line *l, const struct progress_counts *c, unsigned width)
{
	const struct part parts[] = {
		{c->failed, RED, "×", "!"},
		{c->cached, CYAN, "█", "="},
		{c->done, GREEN, "█", "#"},
		{c->skipped, YELLOW, "·", "-"},
		{c->off + c->blocked, DIM, "·", "-"},
		{c->running, YELLOW, "▒", ">"},
	};
	size_t sum = 0;
	unsigned used = 0;

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		unsigned end;

		sum += parts[i].count;
		end = cells_until(sum < c->total ? sum : c->total, c->total, width);
		/* A failure is never too small to be seen. */
		if (i == 0 && c->failed > 0 && end == 0)
			end = 1;
		if (end > used) {
			put_cells(l, parts[i].colour, parts[i].utf8, parts[i].ascii,
			          end - used);
			used = end;
		}
	}
	put_cells(l, DIM, "░", ".", width - used);
}

static size_t
finished(const struct progress_counts *c)
{
	return c->done + c->cached;
}

/* "2 running, 1 failed" */
static void
put_counts(struct line *l, const struct progress_counts *c, const char *separator)
{
	const struct {
		size_t n;
		const char *colour, *word;
	} v[] = {
		{c->running, YELLOW, " running"}, {c->failed, RED, " failed"},
		{c->cached, CYAN, " cached"},     {c->skipped, YELLOW, " skipped"},
		{c->blocked, DIM, " blocked"},    {c->off, DIM, " off"},
	};

	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		if (v[i].n == 0)
			continue;
		put(l, NULL, separator);
		put_number(l, v[i].colour, "", v[i].n, v[i].word);
		separator = ", ";
	}
}

static unsigned
digits(size_t n)
{
	unsigned d = 1;

	while (n >= 10) {
		n /= 10;
		d++;
	}
	return d;
}

/* Widths that all stage lines share. */
struct columns {
	unsigned name, bar, number;
};

static unsigned
text_columns(const char *text)
{
	struct str b = {0};
	unsigned n = add_plain(&b, text, 0);

	str_free(&b);
	return n;
}

static struct columns
measure(const struct progress *p, unsigned width)
{
	struct columns c = {.name = 4, .number = 3};
	unsigned taken;

	for (size_t i = 0; i < p->stage_count; i++) {
		unsigned name = text_columns(p->stages[i].name);
		unsigned number = 2 * digits(p->stages[i].c.total) + 1;

		c.name = name > c.name ? name : c.name;
		c.number = number > c.number ? number : c.number;
	}
	c.name = c.name > MAX_NAME ? MAX_NAME : c.name;
	taken = c.name + c.number + 24; /* gaps and some room for words */
	c.bar = width > taken ? width - taken : 0;
	c.bar = c.bar > MAX_BAR ? MAX_BAR : c.bar;
	return c;
}

static void
stage_line(struct block *b, struct line *l, const struct stage *s,
           const struct columns *c)
{
	struct str name = {0};
	unsigned left = 1 + c->name;
	char *number;

	put(l, NULL, " ");
	add_plain(&name, s->name, c->name);
	put(l, s->c.running > 0 ? BOLD : NULL, name.s ? name.s : "");
	str_free(&name);
	pad_to(l, left);
	put(l, NULL, " ");
	if (c->bar >= 4) {
		put(l, NULL, " ");
		put_bar(l, &s->c, c->bar);
		put(l, NULL, " ");
	}
	number = xasprintf(" %*s%zu/%zu", (int)(c->number - digits(finished(&s->c)) -
	                                        digits(s->c.total) - 1),
	                   "", finished(&s->c), s->c.total);
	put(l, NULL, number);
	free(number);
	put_counts(l, &s->c, "  ");
	end_line(b, l);
}

/* --- the whole -------------------------------------------------------------------- */

static void
add_counts(struct progress_counts *sum, const struct progress_counts *c)
{
	sum->total += c->total;
	sum->waiting += c->waiting;
	sum->running += c->running;
	sum->done += c->done;
	sum->cached += c->cached;
	sum->failed += c->failed;
	sum->skipped += c->skipped;
	sum->off += c->off;
	sum->blocked += c->blocked;
}

static void
head_line(struct block *b, struct line *l, const struct progress *p)
{
	struct progress_counts sum = {0};
	char time[32];
	unsigned n;

	for (size_t i = 0; i < p->stage_count; i++)
		add_counts(&sum, &p->stages[i].c);
	put(l, BOLD, p->title);
	put_number(l, NULL, *p->title ? "  " : "", finished(&sum), " of ");
	put_number(l, NULL, "", sum.total, sum.total == 1 ? " task" : " tasks");
	put_counts(l, &sum, ", ");
	format_duration(p->last - p->first, time);
	n = (unsigned)strlen(time);
	put(l, NULL, "  ");
	if (l->limit > n && l->columns < l->limit - n && l->limit <= 100)
		pad_to(l, l->limit - n);
	put(l, NULL, time);
	end_line(b, l);
}

/* 0: to be seen first. */
static int
importance(const struct progress_counts *c)
{
	if (c->running > 0 || c->failed > 0)
		return 0;
	return finished(c) > 0 && finished(c) < c->total ? 1 : 2;
}

/* Mark the `room` most important stages, in the order of the file among equals. */
static void
choose_stages(const struct progress *p, size_t room, char *shown)
{
	for (int level = 0; level <= 2; level++) {
		for (size_t i = 0; i < p->stage_count && room > 0; i++) {
			if (importance(&p->stages[i].c) == level) {
				shown[i] = 1;
				room--;
			}
		}
	}
}

static void
stage_lines(struct block *b, struct line *l, const struct progress *p, size_t room,
            unsigned width)
{
	struct columns c = measure(p, width);
	char *shown = xcalloc(p->stage_count + 1, 1);
	size_t complete = 0, hidden = 0;

	choose_stages(p, p->stage_count > room ? room - 1 : room, shown);
	for (size_t i = 0; i < p->stage_count; i++) {
		const struct progress_counts *k = &p->stages[i].c;

		if (shown[i]) {
			stage_line(b, l, &p->stages[i], &c);
			continue;
		}
		hidden++;
		complete += finished(k) == k->total;
	}
	free(shown);
	if (hidden == 0)
		return;
	put_number(l, DIM, " and ", hidden, " more");
	put_number(l, DIM, ", ", complete, " of them complete");
	end_line(b, l);
}

static void
failure_lines(struct block *b, struct line *l, const struct progress *p, size_t room)
{
	size_t count = p->failures.count, first = count > room ? count - room + 1 : 0;

	if (first > 0 && room > 0) {
		put_number(l, RED, " ", first, " earlier failures");
		end_line(b, l);
	}
	for (size_t i = room > 0 ? first : count; i < count; i++) {
		put(l, RED, l->style->utf8 ? " ✗ " : " ! ");
		put(l, NULL, p->failures.v[i]);
		end_line(b, l);
	}
}

void
block_make(struct block *b, const struct progress *p, unsigned width, unsigned height)
{
	struct line l = {.style = &p->style, .limit = width > 1 ? width - 1 : 1};
	size_t room = height > 4 ? height - 2 : 2; /* but the head and the cursor's line */
	size_t failures = p->failures.count;

	if (failures > MAX_FAILURES)
		failures = MAX_FAILURES;
	if (failures > room / 2)
		failures = room / 2;
	head_line(b, &l, p);
	stage_lines(b, &l, p, room - failures, width);
	failure_lines(b, &l, p, failures);
	str_free(&l.text);
}

void
block_free(struct block *b)
{
	words_free(&b->lines);
	free(b->columns);
	memset(b, 0, sizeof *b);
}
