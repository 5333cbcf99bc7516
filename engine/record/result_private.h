/* SPDX-License-Identifier: Apache-2.0
 * result_private: what result.c and result_read.c share.
 */
#ifndef RECORD_RESULT_PRIVATE_H
#define RECORD_RESULT_PRIVATE_H

#include "record/result.h"

#define RESULT_FORMAT 1
#define RESULT_HEAD "{\"sha256\":\""

/* Members that few readers ask for: their texts, and what became of them. */
struct result_later {
	char *measures, *made;
	js *measures_value, *made_value;
};

#endif
