/* SPDX-License-Identifier: Apache-2.0
 *
 * HH-suite's result files; the format is described in hhr.h.
 */
#include "hhr.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum place { IN_HEAD, IN_TABLE, IN_BLOCKS };

struct parse {
	struct line_reader lines;
	struct hhr *hhr;
	struct fault *fault;
	enum place place;
	size_t blocks; /* begun so far */
};

static int
refuse(struct parse *p, const char *what)
{
	return fault_set(p->fault, AF2_CLASS_PERMANENT, "%s:%zu: %s", p->lines.path,
			 p->lines.number, what);
}

static int
add_table_line(struct parse *p)
{
	char *rest;
	unsigned long number = strtoul(p->lines.line, &rest, 10);
	if (number != p->hhr->count + 1)
		return refuse(p, "the table's numbers do not run 1, 2, 3");
	struct hhr_hit *hits =
		realloc(p->hhr->hits, (p->hhr->count + 1) * sizeof(*hits));
	if (!hits)
		return fault_memory(p->fault, "reading template hits");
	p->hhr->hits = hits;
	hits[p->hhr->count] = (struct hhr_hit){.table = strdup(rest)};
	return hits[p->hhr->count++].table
		       ? 0
		       : fault_memory(p->fault, "reading template hits");
}

static int
start_block(struct parse *p)
{
	char *end;
	unsigned long number = strtoul(p->lines.line + 3, &end, 10);
	if (number != p->blocks + 1 || number > p->hhr->count)
		return refuse(p, "the blocks do not follow the table");
	p->blocks++;
	p->place = IN_BLOCKS;
	return 0;
}

/* "Probab=100.00  E-value=8.4e-86 ...": the number behind `name`, -1 if it is absent.
 */
static double
number_after(const char *line, const char *name)
{
	const char *found = strstr(line, name);
	return found ? strtod(found + strlen(name), NULL) : -1;
}

static int
take_numbers(struct parse *p, struct hhr_hit *hit)
{
	const char *line = p->lines.line;
	hit->probability = number_after(line, "Probab=");
	hit->e_value = number_after(line, "E-value=");
	hit->score = number_after(line, "Score=");
	hit->aligned_columns = (int)number_after(line, "Aligned_cols=");
	hit->sum_probs = number_after(line, "Sum_probs=");
	if (hit->e_value < 0 || hit->aligned_columns <= 0)
		return refuse(p, "a hit without E-value or Aligned_cols");
	return 0;
}

/* "Q name start LETTERS end (length)", also "T ...". */
static int
take_row(struct parse *p, struct hhr_hit *hit)
{
	char *fields[5], *save = NULL;
	char *copy = strdup(p->lines.line);
	size_t n = 0;
	if (!copy)
		return fault_memory(p->fault, "reading template hits");
	for (char *w = strtok_r(copy, " \t", &save); w && n < 5;
	     w = strtok_r(NULL, " \t", &save))
		fields[n++] = w;
	int is_query = copy[0] == 'Q', rc = 0;
	struct text *row = is_query ? &hit->query_row : &hit->hit_row;
	long *start = is_query ? &hit->query_start : &hit->hit_start;
	if (n >= 2 &&
	    (strcmp(fields[1], "Consensus") == 0 || strncmp(fields[1], "ss_", 3) == 0 ||
	     strncmp(fields[1], "sa_", 3) == 0)) {
		free(copy);
		return 0;
	}
	if (n < 5 || !isdigit((unsigned char)fields[2][0]) ||
	    !isdigit((unsigned char)fields[4][0])) {
		rc = refuse(p, "a row that is not 'name start letters end'");
	} else {
		if (row->size == 0)
			*start = strtol(fields[2], NULL, 10);
		for (char *c = fields[3]; *c && rc == 0; c++) {
			if (!isalpha((unsigned char)*c) && *c != '-')
				rc = refuse(
					p,
					"a row with a character that is no amino acid");
			text_add_char(row, (char)toupper((unsigned char)*c));
		}
	}
	free(copy);
	return rc;
}

static int
take_block_line(struct parse *p)
{
	struct hhr_hit *hit = &p->hhr->hits[p->blocks - 1];
	const char *line = p->lines.line;
	text_add(&hit->block, line, p->lines.length);
	text_add_char(&hit->block, '\n');
	if (hit->block.failed)
		return fault_memory(p->fault, "reading template hits");
	if (line[0] == '>' && !hit->name) {
		size_t n = strcspn(line + 1, " \t");
		const char *rest = line + 1 + n;
		hit->name = strndup(line + 1, n);
		hit->description = strdup(rest + strspn(rest, " \t"));
		if (!hit->name || !hit->description)
			return fault_memory(p->fault, "reading template hits");
		return n > 0 ? 0 : refuse(p, "a hit without a name");
	}
	if (strncmp(line, "Probab=", 7) == 0)
		return take_numbers(p, hit);
	if (strncmp(line, "Q ", 2) == 0 || strncmp(line, "T ", 2) == 0)
		return take_row(p, hit);
	return 0;
}

static int
take_line(struct parse *p)
{
	const char *line = p->lines.line;
	if (strncmp(line, "No ", 3) == 0 && p->place != IN_HEAD)
		return start_block(p);
	switch (p->place) {
	case IN_HEAD:
		text_add(&p->hhr->head, line, p->lines.length);
		text_add_char(&p->hhr->head, '\n');
		if (strncmp(line, " No Hit", 7) == 0)
			p->place = IN_TABLE;
		return 0;
	case IN_TABLE:
		return line[strspn(line, " \t")] ? add_table_line(p) : 0;
	default:
		return strncmp(line, "Done!", 5) == 0 ? 0 : take_block_line(p);
	}
}

static int
check_hits(struct parse *p)
{
	if (p->place == IN_HEAD)
		return fault_set(p->fault, AF2_CLASS_PERMANENT,
				 "%s: no .hhr file: the table of hits is missing",
				 p->lines.path);
	if (p->blocks != p->hhr->count)
		return fault_set(
			p->fault, AF2_CLASS_PERMANENT,
			"%s: %zu hits in the table, %zu blocks: it is truncated",
			p->lines.path, p->hhr->count, p->blocks);
	for (size_t i = 0; i < p->hhr->count; i++) {
		const struct hhr_hit *h = &p->hhr->hits[i];
		if (!h->name || h->aligned_columns <= 0 || h->query_row.size == 0 ||
		    h->query_row.size != h->hit_row.size)
			return fault_set(p->fault, AF2_CLASS_PERMANENT,
					 "%s: hit %zu is incomplete", p->lines.path,
					 i + 1);
	}
	return 0;
}

int
hhr_read(struct hhr *hhr, const char *path, struct fault *fault)
{
	struct parse p = {.hhr = hhr, .fault = fault};
	int rc = line_open(&p.lines, path, fault), more = 0;
	while (rc == 0 && (more = line_next(&p.lines, fault)) == 1)
		rc = take_line(&p);
	if (rc == 0)
		rc = more < 0 ? -1 : check_hits(&p);
	line_close(&p.lines);
	return rc;
}

void
hhr_free(struct hhr *hhr)
{
	for (size_t i = 0; i < hhr->count; i++) {
		struct hhr_hit *h = &hhr->hits[i];
		free(h->name);
		free(h->description);
		free(h->table);
		text_free(&h->query_row);
		text_free(&h->hit_row);
		text_free(&h->block);
	}
	free(hhr->hits);
	text_free(&hhr->head);
	*hhr = (struct hhr){0};
}

int
hhr_write(const struct hhr *hhr, const char *path, const unsigned char *keep,
	  const char *command, struct fault *fault)
{
	FILE *out = out_open(path, fault);
	if (!out)
		return -1;
	for (const char *line = hhr->head.data; line && *line;) {
		int n = (int)strcspn(line, "\n");
		if (strncmp(line, "Command ", 8) == 0)
			fprintf(out, "Command       %s\n", command);
		else if (strncmp(line, "Date ", 5) != 0)
			fprintf(out, "%.*s\n", n, line);
		line += n + (line[n] == '\n');
	}
	for (size_t i = 0, number = 0; i < hhr->count; i++)
		if (keep[i])
			fprintf(out, "%3zu%s\n", ++number, hhr->hits[i].table);
	fputc('\n', out);
	for (size_t i = 0, number = 0; i < hhr->count; i++)
		if (keep[i])
			fprintf(out, "No %zu\n%s", ++number, hhr->hits[i].block.data);
	fputs("Done!\n", out);
	return out_close(out, path, fault);
}
