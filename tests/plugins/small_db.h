/* SPDX-License-Identifier: Apache-2.0
 *
 * A small HH-suite database made from a FASTA file, for tests of searches.
 */
#ifndef TESTS_PLUGINS_SMALL_DB_H
#define TESTS_PLUGINS_SMALL_DB_H

#include "harness.h"

/* Write PREFIX_{a3m,cs219}.ff{data,index} into harness_dir(): each sequence of `fasta`
 * is an entry of one row, named 1000_A_0, 1001_A_1, ... Returns the prefix. */
const char *small_db(struct harness *h, const char *prefix, const char *fasta);

/* A shell script in harness_dir() that can be run. Returns its path. */
const char *fake_program(struct harness *h, const char *name, const char *text);

#endif
