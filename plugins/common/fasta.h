/* SPDX-License-Identifier: Apache-2.0
 *
 * Checked protein sequences from a FASTA file, as people really write them.
 *
 * A record is a line that starts with '>' (name, blank, description) and the lines
 * behind it up to the next '>'. Taken as it is meant: a byte order mark, CR LF, blank
 * lines, blanks inside a sequence, lower case (made upper case), one '*' (stop) at the
 * end. Refused, with the line: text before the first '>', an empty record, NUL bytes
 * and other binary data, '*' elsewhere, '-' and '.' (an alignment), digits, any other
 * character that is no letter, a sequence over `max_length`, and one that can only be
 * nucleotides.
 */
#ifndef PLUGINS_COMMON_FASTA_H
#define PLUGINS_COMMON_FASTA_H

#include <stddef.h>

#include "fault.h"

struct fasta_record {
	char *name;        /* first word of the header; may be "" */
	char *description; /* the rest of the header; may be "" */
	char *sequence;    /* upper case letters A-Z */
	size_t length;
	size_t line;     /* of the header, from 1 */
	size_t uncommon; /* letters other than the 20 amino acids */
};

struct fasta {
	struct fasta_record *records;
	size_t count;
};

struct fasta_limits {
	size_t max_length;     /* residues a record; 0: no limit */
	size_t max_records;    /* 0: no limit */
	int allow_nucleotides; /* accept a sequence of only A C G T U N */
};

/* Sequences shorter than this are never taken for nucleotides. */
#define FASTA_NUCLEOTIDE_LENGTH 12

/* Read a file. -1 with the fault set, "FILE:LINE: what" for its contents. The caller
 * frees `fasta` with fasta_free() in any case; zero-initialise it. */
int fasta_read(struct fasta *fasta, const char *path, const struct fasta_limits *limits,
	       struct fault *fault);
void fasta_free(struct fasta *fasta);
/* Number of lines of a file that start with '>'; -1 with the fault set. Reads no more
 * than it must to find `enough` of them. */
int fasta_count(const char *path, size_t enough, struct fault *fault);
/* 0 if the file has just one record, as a search by `tool` needs it; else -1 with the fault
 * set, permanent. (hhblits would take several records as one alignment.) */
int fasta_one_query(const char *path, const char *tool, struct fault *fault);

#endif
