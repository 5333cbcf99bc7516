/* SPDX-License-Identifier: Apache-2.0
 *
 * A small HH-suite database made from a FASTA file: ffindex data (entries, each with a
 * NUL) and index (name, offset, size; sorted by name). The column states (cs219) of an
 * entry of one row depend on the letter alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "small_db.h"

static FILE *
create(struct harness *h, const char *prefix, const char *suffix)
{
	FILE *f =
		fopen(harness_path(h, "%s/%s%s", harness_dir(h), prefix, suffix), "w");
	if (!f)
		abort();
	return f;
}

static int
state_of(char letter)
{
	static const char letters[] = "ACDEFGHIKLMNPQRSTVWY";
	static const int states[] = {13, 1,  6, 11, 9, 0,  4,  14, 16, 10,
				     21, 12, 3, 18, 8, 19, 17, 15, 2,  7};
	const char *found = letter ? strchr(letters, letter) : NULL;
	return found ? states[found - letters] : 216;
}

static void
put_entry(FILE *data, FILE *index, const char *name, const char *bytes, size_t n,
	  size_t *offset)
{
	fwrite(bytes, 1, n, data);
	fputc('\0', data);
	fprintf(index, "%s\t%zu\t%zu\n", name, *offset, n + 1);
	*offset += n + 1;
}

const char *
small_db(struct harness *h, const char *prefix, const char *fasta)
{
	FILE *in = fopen(fasta, "r"), *files[] = {create(h, prefix, "_a3m.ffdata"),
						  create(h, prefix, "_a3m.ffindex"),
						  create(h, prefix, "_cs219.ffdata"),
						  create(h, prefix, "_cs219.ffindex")};
	char line[65536], sequence[65536] = "", entry[70000], name[32];
	size_t offsets[2] = {0, 0};
	if (!in)
		abort();
	for (int count = 0, more = 1; more;) {
		more = fgets(line, sizeof(line), in) != NULL;
		line[more ? strcspn(line, "\r\n") : 0] = '\0';
		if (more && line[0] != '>') {
			strcat(sequence, line);
			continue;
		}
		if (*sequence) {
			snprintf(name, sizeof(name), "%d_A_%d", 1000 + count, count);
			int n = snprintf(entry, sizeof(entry), ">%s\n%s\n", name,
					 sequence);
			put_entry(files[0], files[1], name, entry, (size_t)n,
				  &offsets[0]);
			size_t length = strlen(sequence);
			for (size_t i = 0; i < length; i++)
				sequence[i] = (char)state_of(sequence[i]);
			put_entry(files[2], files[3], name, sequence, length,
				  &offsets[1]);
			memset(sequence, 0, length);
			count++;
		}
	}
	fclose(in);
	for (int i = 0; i < 4; i++)
		fclose(files[i]);
	return harness_path(h, "%s/%s", harness_dir(h), prefix);
}

const char *
fake_program(struct harness *h, const char *name, const char *text)
{
	const char *path = harness_file(h, name, text);
	if (chmod(path, 0755) != 0)
		abort();
	return path;
}
