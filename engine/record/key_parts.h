/* SPDX-License-Identifier: Apache-2.0
 * key_parts: what a key was made of, in words. It stands with the result (result.json, member
 * "from"), so that a later plan can say what has changed since. Nothing that runs decides by it.
 *
 * An object; members that would be empty are left out:
 *     {"plugin":ID,"version":N,
 *      "params":{NAME:VALUE},          long ones are cut
 *      "files":{NAME:"DIGEST base"},   NAME is the parameter; of a list "PARAMETER/FILE"
 *      "prints":{NAME:VALUE},          the fingerprint; null: not known, nor is the key then
 *      "inputs":{PORT:[DIGEST,N,{LABEL:DIGEST}]},   of all that the port adds to the key, the
 *                                      number of its items, and the first ones by their makers
 *      "vars":{NAME:VALUE},"run":ID}   of a task that is never shared
 * A DIGEST is 16 hex digits: enough to see a change.
 *
 * All functions that add do nothing if `parts` is NULL.
 */
#ifndef RECORD_KEY_PARTS_H
#define RECORD_KEY_PARTS_H

#include "base/digest.h"
#include "base/json.h"
#include "model/reasons.h"

js *key_parts_new(const char *plugin_id, unsigned result_version);
void key_parts_param(js *parts, const char *name, const char *value);
/* `file` NULL: the parameter's only file or database, at `path`; else one of its list. */
void key_parts_file(js *parts, const char *name, const char *file, const char *path,
                    const struct digest *d);
/* Lines "NAME=VALUE"; NULL: it is not known. */
void key_parts_fingerprint(js *parts, const char *text);
/* A port and the digest of all that it adds to the key, then its items. */
void key_parts_port(js *parts, const char *port, const struct digest *all, size_t count);
/* Does item `i` of a port still go in? A large gather stays small. */
int key_parts_wants_item(const js *parts, size_t i);
/* An item: who made it, and the digests of file and values (all zero: none). */
void key_parts_item(js *parts, const char *port, const char *label, const struct digest *file,
                    const struct digest *values);
void key_parts_variable(js *parts, const char *name, const char *value);
void key_parts_private(js *parts, const char *run_id);

/* What differs: reasons WHY_PLUGIN to WHY_OWN_RUN, none if nothing that was recorded does. A
 * fingerprint that is not known makes no difference. */
void key_parts_diff(const js *then, const js *now, struct reasons *out);

#endif
