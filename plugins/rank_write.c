/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of a ranking: see rank.c for their layout.
 */
#include "rank.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCORE_TEXT                                                                     \
	"consensus CA-lDDT among the models, 0 to 100: how far they agree. "           \
	"It is not pLDDT and says nothing about a model that stands alone"
#define SCORE_REMARK                                                                   \
	"REMARK   6 B FACTORS: CONSENSUS CA-LDDT AMONG THE MODELS, 0-100. NOT "        \
	"PLDDT.\n"
/* What predict writes into files whose B factors are still empty. */
#define EMPTY_REMARK "REMARK   6 THE B-FACTOR"

static void
put_json_string(FILE *f, const char *text)
{
	putc('"', f);
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if (*p == '"' || *p == '\\')
			fprintf(f, "\\%c", *p);
		else if (*p < 0x20)
			fprintf(f, "\\u%04x", *p);
		else
			putc(*p, f);
	putc('"', f);
}

/* The score as JSON or table cell. */
static const char *
score_text(const struct ranking *r, const struct rank_entry *e, const char *none,
	   char text[32])
{
	if (!e->scored)
		return none;
	/* What the network gave is given on as it is. */
	snprintf(text, 32, r->confidence ? "%.15g" : "%.4f", e->score);
	return text;
}

static void
write_debug(const struct ranking *r, FILE *f)
{
	char text[32];

	fprintf(f, "{\n    \"%s\": {", r->label);
	for (size_t i = 0; i < r->count; i++) {
		fputs(i ? ",\n        " : "\n        ", f);
		put_json_string(f, r->entries[i].name);
		fprintf(f, ": %s", score_text(r, &r->entries[i], "null", text));
	}
	fputs("\n    },\n    \"order\": [", f);
	for (size_t i = 0; i < r->count; i++) {
		fputs(i ? ",\n        " : "\n        ", f);
		put_json_string(f, r->entries[i].name);
	}
	fputs("\n    ]", f);
	if (!r->confidence) {
		fputs(",\n    \"score\": ", f);
		put_json_string(f, SCORE_TEXT);
	}
	fputs("\n}\n", f);
}

static void
write_metrics(const struct ranking *r, FILE *f)
{
	const char *between = "";

	putc('{', f);
	for (size_t i = 0; i < r->count; i++) {
		const struct rank_entry *e = &r->entries[i];
		if (!e->violations || *e->violations != '[' || !e->violation_count)
			continue;
		fprintf(f, "%s\n    ", between);
		put_json_string(f, e->name);
		fprintf(f,
			": {\n        \"remaining_violations\": %s,\n"
			"        \"remaining_violations_count\": %.1f\n    }",
			e->violations, strtod(e->violation_count, NULL));
		between = ",";
	}
	fputs(*between ? "\n}\n" : "}\n", f);
}

static void
write_table(const struct ranking *r, FILE *f)
{
	char text[32];

	fprintf(f, "rank\tmodel\t%s\trelaxed\ttemplate\tfile\n", r->label);
	for (size_t i = 0; i < r->count; i++) {
		const struct rank_entry *e = &r->entries[i];
		fprintf(f, "%zu\t%s\t%s\t%s\t%s\tranked_%zu.pdb\n", i, e->name,
			score_text(r, e, "-", text), e->relaxed ? "yes" : "no",
			e->template, i);
	}
}

/* One line of a model's file, its B factor replaced; 0 for a residue without a CA. */
static void
write_line(const struct lddt_model *m, const char *line, size_t length, FILE *f)
{
	int is_atom = !strncmp(line, "ATOM  ", 6) || !strncmp(line, "HETATM", 6);

	while (length && (line[length - 1] == '\n' || line[length - 1] == '\r'))
		length--;
	if (!is_atom || length < 54) {
		fprintf(f, "%.*s\n", (int)length, line);
		return;
	}
	const struct lddt_ca *ca = lddt_find(m, line + 21);
	size_t head = length < 60 ? length : 60;
	fprintf(f, "%-60.*s%6.2f", (int)head, line, ca ? ca->score : 0.0);
	fprintf(f, "%.*s\n", length > 66 ? (int)(length - 66) : 0,
		length > 66 ? line + 66 : "");
}

/* Copy `from` to `to` with the consensus as B factors. 0, or -1 with errno. */
static int
write_ranked(const struct ranking *r, const struct rank_entry *e, FILE *from, FILE *to)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t got;
	int header = 1, consensus = !r->confidence && r->count > 1;

	while ((got = getline(&line, &room, from)) >= 0) {
		if (!consensus) {
			fwrite(line, 1, (size_t)got, to);
			continue;
		}
		if (!strncmp(line, EMPTY_REMARK, strlen(EMPTY_REMARK)))
			continue;
		if (header && strncmp(line, "EXPDTA", 6) &&
		    strncmp(line, "REMARK", 6)) {
			fputs(SCORE_REMARK, to);
			header = 0;
		}
		write_line(e->model, line, (size_t)got, to);
	}
	free(line);
	return ferror(from) || ferror(to) ? -1 : 0;
}

/* Close a written file: its path enters the message of a failure. */
static af2_outcome
close_written(const struct ranking *r, FILE *f, const char *path)
{
	int bad = ferror(f);

	if (fclose(f) || bad)
		return r->host->retry(r->task, "cannot write '%s': %s", path,
				      strerror(errno));
	return AF2_OK;
}

/* Write `dir`/`name` (name NULL: `dir` itself) with one of the writers above. */
static af2_outcome
write_with(const struct ranking *r, const char *dir, const char *name,
	   void (*writer)(const struct ranking *, FILE *))
{
	char path[4400];

	snprintf(path, sizeof(path), name ? "%s/%s" : "%s", dir, name);
	FILE *f = fopen(path, "we");
	if (!f)
		return r->host->retry(r->task, "cannot write '%s': %s", path,
				      strerror(errno));
	writer(r, f);
	return close_written(r, f, path);
}

static af2_outcome
write_model(const struct ranking *r, size_t i, const char *dir)
{
	char path[4400];
	const struct rank_entry *e = &r->entries[i];

	snprintf(path, sizeof(path), "%s/ranked_%zu.pdb", dir, i);
	FILE *from = fopen(e->path, "re");
	if (!from)
		return r->host->retry(r->task, "cannot open '%s': %s", e->path,
				      strerror(errno));
	FILE *to = fopen(path, "we");
	int rc = to ? write_ranked(r, e, from, to) : -1;
	int error = errno;
	fclose(from);
	if (to && !rc)
		return close_written(r, to, path);
	if (to)
		fclose(to);
	return r->host->retry(r->task, "cannot write '%s': %s", path, strerror(error));
}

af2_outcome
rank_write(const struct ranking *r)
{
	const char *dir = r->host->output(r->task, "ranking", NULL, NULL);
	const char *table = r->host->output(r->task, "table", NULL, "ranking.tsv");

	if (!dir || !table)
		return r->host->fail(r->task, AF2_CLASS_PERMANENT,
				     "an output is refused");
	af2_outcome outcome = write_with(r, table, NULL, write_table);
	if (!outcome)
		outcome = write_with(r, dir, "ranking_debug.json", write_debug);
	if (!outcome && strcmp(r->host->param(r->task, "models_to_relax"), "none"))
		outcome = write_with(r, dir, "relax_metrics.json", write_metrics);
	for (size_t i = 0; !outcome && i < r->count; i++)
		outcome = write_model(r, i, dir);
	return outcome;
}
