/* SPDX-License-Identifier: Apache-2.0
 * cmd_store: the parts of `af2flow store`, each with an opened store. They print, and
 * return the exit code.
 */
#ifndef CLI_CMD_STORE_H
#define CLI_CMD_STORE_H

#include "cli/cli.h"
#include "record/store.h"

int store_verify_command(struct store *s, const struct cli *o);
int store_gc_command(struct store *s, const struct cli *o);
int store_du_command(struct store *s, const struct cli *o);

/* "1 result", "2 results": a number with its word. Returns buf. */
char *counted(size_t n, const char *word, char buf[64]);
/* Print a JSON value and drop it. */
void print_js(js *v);

#endif
