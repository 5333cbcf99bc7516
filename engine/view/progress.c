/* SPDX-License-Identifier: Apache-2.0 */
/* Events and the drawing of the block in its place.
 *
 * A drawing is one write: up to the first line of the old block, the new lines over the
 * old ones, each cleared behind its end, and the rest of the screen cleared. So nothing
 * flickers. When the terminal became narrower, old lines cover more rows than before;
 * the way up counts them by the new width. The block is lower than the terminal, or the
 * way up would be cut off.
 */
#include "view/progress_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

#define INTERVAL 0.1 /* seconds between drawings */

static int
locale_is_utf8(void)
{
	const char *names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

	for (size_t i = 0; i < 3; i++) {
		const char *v = getenv(names[i]);

		if (v && *v)
			return strcasestr(v, "utf-8") || strcasestr(v, "utf8");
	}
	return 0;
}

struct progress_style
progress_style_for(int fd)
{
	const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
	struct progress_style s = {.fd = fd, .utf8 = locale_is_utf8()};

	s.is_tty = isatty(fd) && !(term && strcmp(term, "dumb") == 0);
	s.colour = s.is_tty && !(no_colour && *no_colour);
	return s;
}

struct progress *
progress_new(const struct progress_style *style)
{
	struct progress *p = xcalloc(1, sizeof *p);

	p->style = *style;
	p->title = xstrdup("");
	return p;
}

void
progress_free(struct progress *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->stage_count; i++)
		free(p->stages[i].name);
	free(p->stages);
	free(p->title);
	free(p->drawn);
	map_free(&p->by_name);
	words_free(&p->failures);
	words_free(&p->events);
	free(p);
}

void
progress_title(struct progress *p, const char *title)
{
	free(p->title);
	p->title = xstrdup(title);
}

void
progress_stage(struct progress *p, const char *name, const struct progress_counts *c)
{
	int added;
	uint64_t *i = map_puts(&p->by_name, name, &added);

	if (added) {
		*i = p->stage_count;
		GROW(p->stages, p->stage_count, p->stage_cap);
		p->stages[p->stage_count++].name = xstrdup(name);
	}
	p->stages[*i].c = *c;
}

static void
write_line(struct progress *p, const char *text)
{
	struct str b = {0};

	add_plain(&b, text, 0);
	str_addc(&b, '\n');
	fs_write_all(p->style.fd, b.s, b.len);
	str_free(&b);
}

void
progress_event(struct progress *p, const char *text)
{
	if (p->style.is_tty)
		words_add(&p->events, text);
	else
		write_line(p, text);
}

void
progress_failure(struct progress *p, const char *text)
{
	if (p->style.is_tty)
		words_add(&p->failures, text);
	else
		write_line(p, text);
}

/* --- the block -------------------------------------------------------------------- */

static void
terminal_size(const struct progress *p, unsigned *width, unsigned *height)
{
	struct winsize w = {0};

	*width = p->style.width;
	*height = p->style.height;
	if (*width && *height)
		return;
	if (ioctl(p->style.fd, TIOCGWINSZ, &w))
		w.ws_col = w.ws_row = 0;
	if (!*width)
		*width = w.ws_col ? w.ws_col : 80;
	if (!*height)
		*height = w.ws_row ? w.ws_row : 24;
}

/* To the first column of the first line of the block on the screen. */
static void
add_way_up(struct str *out, const struct progress *p, unsigned width)
{
	unsigned rows = 0;

	for (size_t i = 0; i < p->drawn_count; i++)
		rows += p->drawn[i] > 0 ? (p->drawn[i] - 1) / width + 1 : 1;
	str_addc(out, '\r');
	if (rows > 0)
		str_printf(out, "\033[%uA", rows);
}

static void
add_events(struct str *out, struct progress *p)
{
	for (size_t i = 0; i < p->events.count; i++) {
		add_plain(out, p->events.v[i], 0);
		str_add(out, "\033[K\n");
	}
	words_free(&p->events);
}

static void
draw(struct progress *p)
{
	struct block b = {0};
	struct str out = {0};
	unsigned width, height;

	terminal_size(p, &width, &height);
	block_make(&b, p, width, height);
	add_way_up(&out, p, width);
	/* A long event wraps over old lines, of which "clear to the end" may leave
	 * parts. */
	if (p->events.count > 0)
		str_add(&out, "\033[J");
	add_events(&out, p);
	for (size_t i = 0; i < b.lines.count; i++) {
		str_add(&out, b.lines.v[i]);
		str_add(&out, "\033[K\n");
	}
	str_add(&out, "\033[J");
	fs_write_all(p->style.fd, out.s, out.len);
	str_free(&out);
	free(p->drawn);
	p->drawn = b.columns;
	p->drawn_count = b.lines.count;
	b.columns = NULL;
	block_free(&b);
}

static void
set_clock(struct progress *p, double now)
{
	if (!p->clock_runs)
		p->first = now;
	p->clock_runs = 1;
	p->last = now;
}

void
progress_redraw(struct progress *p, double now)
{
	int due = !p->clock_runs || now - p->last >= INTERVAL || now < p->last;

	if (!due)
		return;
	set_clock(p, now);
	if (p->style.is_tty)
		draw(p);
}

void
progress_finish(struct progress *p, double now)
{
	set_clock(p, now);
	if (p->style.is_tty)
		draw(p);
	p->drawn_count = 0;
}

void
progress_clear(struct progress *p)
{
	struct str out = {0};
	unsigned width, height;

	if (!p->style.is_tty)
		return;
	terminal_size(p, &width, &height);
	add_way_up(&out, p, width);
	str_add(&out, "\033[J");
	add_events(&out, p);
	fs_write_all(p->style.fd, out.s, out.len);
	str_free(&out);
	p->drawn_count = 0;
}
