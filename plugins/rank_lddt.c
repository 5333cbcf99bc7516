/* SPDX-License-Identifier: Apache-2.0
 *
 * CA atoms from PDB files, and their consensus. All models are laid on one list of
 * residues (the union of theirs), so that a pair of models is two arrays of points.
 */
#include "rank_lddt.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RADIUS 15.0

static int
by_key(const void *a, const void *b)
{
	return memcmp(((const struct lddt_ca *)a)->key,
		      ((const struct lddt_ca *)b)->key, LDDT_KEY);
}

/* Eight columns of a coordinate; 0 if they hold a finite number. */
static int
coordinate(const char *columns, double *value)
{
	char text[9], *end;

	memcpy(text, columns, 8);
	text[8] = '\0';
	*value = strtod(text, &end);
	while (*end == ' ')
		end++;
	return end == text || *end || !isfinite(*value) ? -1 : 0;
}

/* 1 and *ca filled for the ATOM line of a CA; 0 for others; -1 for a damaged one. */
static int
parse_line(const char *line, size_t length, struct lddt_ca *ca)
{
	if (length < 16 || memcmp(line, "ATOM  ", 6) || memcmp(line + 12, " CA ", 4))
		return 0;
	if (length < 54)
		return -1;
	memcpy(ca->key, line + 21, LDDT_KEY);
	ca->score = 0;
	for (int i = 0; i < 3; i++)
		if (coordinate(line + 30 + 8 * i, &ca->at[i]))
			return -1;
	return 1;
}

static int
append(struct lddt_model *m, size_t *room, const struct lddt_ca *ca)
{
	if (m->count == *room) {
		size_t more = *room ? *room * 2 : 256;
		struct lddt_ca *grown = realloc(m->residues, more * sizeof(*grown));
		if (!grown)
			return -1;
		m->residues = grown;
		*room = more;
	}
	m->residues[m->count++] = *ca;
	return 0;
}

static int
by_key_and_line(const void *a, const void *b)
{
	size_t x = ((const struct lddt_ca *)a)->line,
	       y = ((const struct lddt_ca *)b)->line;
	int order = by_key(a, b);

	return order ? order : (x > y) - (x < y);
}

/* Sort; of a residue's alternate locations the first in the file stays. */
static void
sort_unique(struct lddt_model *m)
{
	size_t kept = 0;

	qsort(m->residues, m->count, sizeof(*m->residues), by_key_and_line);
	for (size_t i = 0; i < m->count; i++)
		if (!kept || by_key(&m->residues[kept - 1], &m->residues[i]))
			m->residues[kept++] = m->residues[i];
	m->count = kept;
}

/* Read the lines of an open file. 0 or -1. */
static int
read_lines(struct lddt_model *m, FILE *f, const char *path, char *error, size_t size)
{
	char *line = NULL;
	size_t length = 0, room = 0, number = 0;
	ssize_t got;
	int rc = 0;

	while (!rc && (got = getline(&line, &length, f)) >= 0) {
		struct lddt_ca ca = {0};
		number++;
		if (!strncmp(line, "ENDMDL", 6))
			break;
		int is_ca = parse_line(line, (size_t)got, &ca);
		ca.line = number;
		if (is_ca < 0) {
			snprintf(error, size, "damaged ATOM line %zu in '%s'", number,
				 path);
			rc = -1;
		} else if (is_ca && append(m, &room, &ca)) {
			snprintf(error, size, "out of memory reading '%s'", path);
			rc = -1;
		}
	}
	if (!rc && ferror(f)) {
		snprintf(error, size, "cannot read '%s': %s", path, strerror(errno));
		rc = -1;
	}
	free(line);
	return rc;
}

int
lddt_read(struct lddt_model *m, const char *path, char *error, size_t size)
{
	FILE *f = fopen(path, "re");

	*m = (struct lddt_model){0};
	if (!f) {
		snprintf(error, size, "cannot open '%s': %s", path, strerror(errno));
		return -1;
	}
	int rc = read_lines(m, f, path, error, size);
	fclose(f);
	if (!rc && m->count == 0) {
		snprintf(error, size, "no CA atom in '%s'", path);
		rc = -1;
	}
	if (rc)
		lddt_free(m);
	else
		sort_unique(m);
	return rc;
}

void
lddt_free(struct lddt_model *m)
{
	free(m->residues);
	m->residues = NULL;
	m->count = 0;
}

const struct lddt_ca *
lddt_find(const struct lddt_model *m, const char *key)
{
	struct lddt_ca wanted;

	memcpy(wanted.key, key, LDDT_KEY);
	return m->count
		       ? bsearch(&wanted, m->residues, m->count, sizeof(wanted), by_key)
		       : NULL;
}

/* The union of all models' residues: sum[i * length + a] belongs to residue a of model
 * i, place likewise points at its atom or is NULL. */
struct grid {
	size_t models, length;
	struct lddt_ca **place;
};

/* For residue a of two models: pairs within the radius in one, and how much of them the
 * other keeps, in quarters. */
struct tally {
	unsigned within[2], kept[2];
};

/* Sorted union of the keys, one residue each; NULL without memory. */
static struct lddt_ca *
union_of(const struct lddt_model *models, size_t n, size_t *length)
{
	struct lddt_model all = {0};

	for (size_t i = 0; i < n; i++)
		all.count += models[i].count;
	all.residues = malloc(all.count * sizeof(*all.residues));
	if (!all.residues)
		return NULL;
	all.count = 0;
	for (size_t i = 0; i < n; i++) {
		memcpy(all.residues + all.count, models[i].residues,
		       models[i].count * sizeof(*all.residues));
		all.count += models[i].count;
	}
	sort_unique(&all);
	*length = all.count;
	return all.residues;
}

static int
make_grid(struct grid *g, struct lddt_model *models, size_t n)
{
	struct lddt_ca *all = union_of(models, n, &g->length);

	g->models = n;
	g->place = all ? calloc(n * g->length, sizeof(*g->place)) : NULL;
	for (size_t i = 0; g->place && i < n; i++)
		for (size_t r = 0, a = 0; r < models[i].count; r++) {
			while (by_key(&all[a], &models[i].residues[r]))
				a++;
			g->place[i * g->length + a] = &models[i].residues[r];
		}
	free(all);
	return g->place ? 0 : -1;
}

static double
distance(const struct lddt_ca *a, const struct lddt_ca *b)
{
	double x = a->at[0] - b->at[0], y = a->at[1] - b->at[1],
	       z = a->at[2] - b->at[2];

	return sqrt(x * x + y * y + z * z);
}

/* How many of the four thresholds a difference of distances meets. */
static unsigned
quarters(double difference)
{
	double d = fabs(difference);

	return (d < 0.5) + (d < 1.0) + (d < 2.0) + (d < 4.0);
}

/* Count the pair of residues a, b in models 0 and 1; both have a. */
static void
count_pair(struct tally *t, struct lddt_ca *const a[2], struct lddt_ca *const b[2])
{
	double d[2] = {INFINITY, INFINITY};

	for (int m = 0; m < 2; m++)
		if (b[m])
			d[m] = distance(a[m], b[m]);
	/* A pair that the other model lacks is lost: infinity meets no threshold. */
	unsigned kept = b[0] && b[1] ? quarters(d[0] - d[1]) : 0;
	for (int m = 0; m < 2; m++)
		if (d[m] < RADIUS) {
			t->within[m]++;
			t->kept[m] += kept;
		}
}

/* Compare models i and j and add to their residues' scores. */
static void
compare(const struct grid *g, size_t i, size_t j, struct tally *tally)
{
	struct lddt_ca **x = g->place + i * g->length, **y = g->place + j * g->length;

	memset(tally, 0, g->length * sizeof(*tally));
	for (size_t a = 0; a < g->length; a++)
		for (size_t b = a + 1; b < g->length; b++) {
			struct lddt_ca *pa[2] = {x[a], y[a]}, *pb[2] = {x[b], y[b]};
			if (pa[0] && pa[1])
				count_pair(&tally[a], pa, pb);
			if (pb[0] && pb[1])
				count_pair(&tally[b], pb, pa);
		}
	for (size_t a = 0; a < g->length; a++) {
		const struct tally *t = &tally[a];
		/* Model 0 is judged by the pairs of model 1, and vice versa. */
		if (x[a] && t->within[1])
			x[a]->score += t->kept[1] / 4.0 / t->within[1];
		if (y[a] && t->within[0])
			y[a]->score += t->kept[0] / 4.0 / t->within[0];
	}
}

/* Turn the residues' sums into means, and those into the model's score. */
static void
finish(struct lddt_model *models, size_t n, size_t length)
{
	for (size_t i = 0; i < n; i++) {
		double sum = 0;
		for (size_t r = 0; r < models[i].count; r++) {
			double *score = &models[i].residues[r].score;
			*score = *score * 100 / (double)(n - 1);
			sum += *score;
		}
		models[i].score = sum / (double)length;
	}
}

int
lddt_consensus(struct lddt_model *models, size_t n, lddt_tick tick, void *arg)
{
	struct grid g = {0};
	struct tally *tally = NULL;
	size_t done = 0, pairs = n * (n - 1) / 2;
	int rc = make_grid(&g, models, n);

	if (!rc && !(tally = malloc(g.length * sizeof(*tally))))
		rc = -1;
	for (size_t i = 0; !rc && i < n; i++)
		for (size_t r = 0; r < models[i].count; r++)
			models[i].residues[r].score = 0;
	for (size_t i = 0; !rc && i < n; i++)
		for (size_t j = i + 1; !rc && j < n; j++) {
			compare(&g, i, j, tally);
			done++;
			rc = tick && tick(arg, (double)done / (double)pairs);
		}
	if (!rc)
		finish(models, n, g.length);
	free(tally);
	free(g.place);
	return rc;
}
