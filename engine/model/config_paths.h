/* SPDX-License-Identifier: Apache-2.0
 * config_paths: paths in a settings file are against its folder.
 */
#ifndef MODEL_CONFIG_PATHS_H
#define MODEL_CONFIG_PATHS_H

/* One path, "" for "". Caller frees. */
char *config_absolute_path(const char *file, const char *value);
/* Several, separated by ':'; empty ones are left out. Caller frees. */
char *config_absolute_paths(const char *file, const char *value);

#endif
