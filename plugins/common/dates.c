/* SPDX-License-Identifier: Apache-2.0
 *
 * Release dates of PDB entries; the format is described in dates.h.
 */
#include "dates.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

int
date_is_valid(const char *text)
{
	for (int i = 0; i < 10; i++)
		if (i == 4 || i == 7 ? text[i] != '-'
				     : !isdigit((unsigned char)text[i]))
			return 0;
	int year = atoi(text), month = atoi(text + 5), day = atoi(text + 8);
	int is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	return text[10] == '\0' && month >= 1 && month <= 12 && day >= 1 &&
	       day <= days[month - 1] + (month == 2 && is_leap);
}

static int
by_id(const void *a, const void *b)
{
	return strcmp(((const struct dated *)a)->id, ((const struct dated *)b)->id);
}

static void
copy_lower(char *to, size_t size, const char *from)
{
	size_t i = 0;
	for (; from[i] && i + 1 < size; i++)
		to[i] = (char)tolower((unsigned char)from[i]);
	to[i] = '\0';
}

static int
add_line(struct dates *dates, struct line_reader *lines, struct fault *fault)
{
	char *save = NULL;
	lines->line[strcspn(lines->line, "#")] = '\0';
	const char *id = strtok_r(lines->line, " \t,", &save);
	const char *date = id ? strtok_r(NULL, " \t,", &save) : NULL;
	if (!id)
		return 0;
	if (!date || !date_is_valid(date) || strlen(id) >= sizeof(dates->list->id) ||
	    strtok_r(NULL, " \t,", &save))
		return fault_set(fault, AF2_CLASS_PERMANENT,
				 "%s:%zu: not an id and a date (4gel 2012-08-15)",
				 lines->path, lines->number);
	if (dates->count == dates->room) {
		size_t room = dates->room ? 2 * dates->room : 256;
		struct dated *list = realloc(dates->list, room * sizeof(*list));
		if (!list)
			return fault_memory(fault, "reading release dates");
		dates->list = list;
		dates->room = room;
	}
	struct dated *d = &dates->list[dates->count++];
	copy_lower(d->id, sizeof(d->id), id);
	memcpy(d->date, date, DATE_SIZE);
	return 0;
}

int
dates_read(struct dates *dates, const char *path, struct fault *fault)
{
	struct line_reader lines;
	int rc = line_open(&lines, path, fault), more = 0;
	while (rc == 0 && (more = line_next(&lines, fault)) == 1)
		rc = add_line(dates, &lines, fault);
	line_close(&lines);
	if (rc == 0 && dates->count > 1)
		qsort(dates->list, dates->count, sizeof(*dates->list), by_id);
	return more < 0 ? -1 : rc;
}

const char *
dates_find(const struct dates *dates, const char *id)
{
	struct dated key;
	if (dates->count == 0)
		return NULL;
	copy_lower(key.id, sizeof(key.id), id);
	struct dated *found =
		bsearch(&key, dates->list, dates->count, sizeof(*dates->list), by_id);
	return found ? found->date : NULL;
}

void
dates_free(struct dates *dates)
{
	free(dates->list);
	*dates = (struct dates){0};
}
