/* SPDX-License-Identifier: Apache-2.0
 *
 * A command line, split into words as a POSIX shell quotes them, without a shell.
 */
#include "words.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

int
words_add(struct words *words, const char *word)
{
	if (words->count + 2 > words->room) {
		size_t room = words->room ? 2 * words->room : 16;
		char **list = realloc(words->list, room * sizeof(*list));
		if (!list)
			return -1;
		words->list = list;
		words->room = room;
	}
	char *copy = strdup(word);
	if (!copy)
		return -1;
	words->list[words->count++] = copy;
	words->list[words->count] = NULL;
	return 0;
}

void
words_free(struct words *words)
{
	for (size_t i = 0; i < words->count; i++)
		free(words->list[i]);
	free(words->list);
	*words = (struct words){0};
}

/* Copy the quoted part that starts at *p (a quote mark) into `word`, leave *p behind
 * its closing mark. -1: it is not closed. */
static int
add_quoted(struct text *word, const char **p)
{
	char mark = *(*p)++;
	for (; **p != mark; (*p)++) {
		if (**p == '\0')
			return -1;
		if (mark == '"' && **p == '\\' && (*p)[1] &&
		    strchr("\"\\$`\n", (*p)[1]))
			if (*++*p == '\n')
				continue;
		text_add_char(word, **p);
	}
	(*p)++;
	return 0;
}

int
words_split(struct words *words, const char *text, const char *subject,
	    struct fault *fault)
{
	struct text word = {0};
	int rc = 0;
	for (const char *p = text; rc == 0;) {
		p += strspn(p, " \t\n\r");
		if (*p == '\0')
			break;
		text_clear(&word);
		text_add(&word, "", 0);
		while (rc == 0 && *p && !strchr(" \t\n\r", *p)) {
			if (*p == '\'' || *p == '"') {
				if (add_quoted(&word, &p) != 0)
					rc = fault_set(fault, AF2_CLASS_PERMANENT,
						       "a quote is not closed in %s",
						       subject);
			} else if (*p != '\\') {
				text_add_char(&word, *p++);
			} else if (p[1] == '\0') {
				rc = fault_set(fault, AF2_CLASS_PERMANENT,
					       "%s ends with a backslash", subject);
			} else {
				if (p[1] != '\n')
					text_add_char(&word, p[1]);
				p += 2;
			}
		}
		if (rc == 0 && (word.failed || words_add(words, word.data) != 0))
			rc = fault_memory(fault, "splitting a command line");
	}
	text_free(&word);
	return rc;
}
