/* SPDX-License-Identifier: Apache-2.0
 * key: the hash that identifies a task's work. What enters it, and in which order,
 * is written in key.c; each call adds one tagged, length-prefixed field, so fields
 * cannot run together.
 *
 *     key_begin, key_param..., key_fingerprint, (key_port, key_item...)...,
 *     key_variable..., [key_private], key_end
 */
#ifndef RECORD_KEY_H
#define RECORD_KEY_H

#include <stddef.h>

#include "base/digest.h"

struct key; /* reusable: key_begin starts the next one */
struct key *key_new(void);
void key_free(struct key *k);
void key_begin(struct key *k, const char *plugin_id, unsigned result_version);
/* A parameter that changes the result and is set; in descriptor order. */
void key_param(struct key *k, const char *name, const char *value);
/* One whose content counts: a file, or a database. */
void key_param_digest(struct key *k, const char *name, const struct digest *d);
void key_fingerprint(struct key *k, const char *text);
/* An input port, then its items. `set`: items are sorted by digest, branch values
 * left out. */
void key_port(struct key *k, const char *port, int many, int set);
/* One item: digest of the file, digest of its producer's values (NULL or all zero:
 * none), and in many ports that are not a set the branch values. */
void key_item(struct key *k, const struct digest *file, const struct digest *values,
	      size_t branch_count, const char *const *names,
	      const char *const *values_text);
/* No more items on this port: digest of all that it adds to the key. */
void key_port_end(struct key *k, struct digest *out);
/* A variable that the node's own expand introduces from a range or list. */
void key_variable(struct key *k, const char *name, const char *value);
/* Never shared: id of the run directory, node and branch. */
void key_private(struct key *k, const char *run_id, const char *node,
		 const char *branch);
void key_end(struct key *k, struct digest *out);

#endif
