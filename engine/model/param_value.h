/* SPDX-License-Identifier: Apache-2.0
 * param_value: the text of a parameter in the form that a plugin gets, checked by its
 * type.
 */
#ifndef MODEL_PARAM_VALUE_H
#define MODEL_PARAM_VALUE_H

#include "base/error.h"
#include "base/mem.h"
#include "model/stage.h"

/* Is it a type whose text names files, folders or programs? */
int param_is_path(int type);
/* The form for the plugin of a text that is not empty (plugin.h, af2_param_type);
 * relative paths are put behind `base`. In the arena, or `text` itself. NULL with the
 * error set. */
const char *param_value(const struct stage_param *def, const char *text,
			const char *base, struct arena *a, struct error *e);
/* "2x", "1.5x": a factor for every further attempt. 0 if it is one. */
int factor_parse(const char *text, double *factor);
/* The value in plugin form times factor^power; numbers, sizes and durations only.
 * NULL with the error set. */
const char *param_multiply(const struct stage_param *def, const char *value,
			   double factor, int power, struct arena *a, struct error *e);

#endif
