/* SPDX-License-Identifier: Apache-2.0 */
/* The attributes retry_on and when: small languages of their own. */
#include "model/retry_on.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "model/workflow_parts.h"

static int
class_retryable(int cls)
{
	return cls > AF2_CLASS_NONE && cls < AF2_CLASS_COUNT &&
	       cls != AF2_CLASS_PERMANENT && cls != AF2_CLASS_CANCELLED;
}

static void
clear(struct task_options *o)
{
	o->retry_on = 0;
	memset(o->retry_exit, 0, sizeof o->retry_exit);
	o->retry_signal = 0;
}

static void
add_any(struct task_options *o)
{
	for (int i = 0; i < AF2_CLASS_COUNT; i++)
		if (class_retryable(i))
			o->retry_on |= 1u << i;
}

void
retry_on_default(struct task_options *o)
{
	clear(o);
	add_any(o);
}

static int
signal_number(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} signals[] = {
		{"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT},
		{"ILL", SIGILL},   {"TRAP", SIGTRAP}, {"ABRT", SIGABRT},
		{"BUS", SIGBUS},   {"FPE", SIGFPE},   {"KILL", SIGKILL},
		{"USR1", SIGUSR1}, {"SEGV", SIGSEGV}, {"USR2", SIGUSR2},
		{"PIPE", SIGPIPE}, {"ALRM", SIGALRM}, {"TERM", SIGTERM},
		{"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ}, {"SYS", SIGSYS},
	};
	int64_t number;

	if (starts_with(name, "SIG"))
		name += 3;
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		if (strcmp(signals[i].name, name) == 0)
			return signals[i].number;
	return parse_int(name, &number) == 0 && number >= 1 && number < 64 ? (int)number
									   : -1;
}

static int
add_word(struct task_options *o, const char *word, struct error *e)
{
	int cls = class_parse(word), sig;
	int64_t status;

	if (strcmp(word, "any") == 0) {
		add_any(o);
	} else if (starts_with(word, "exit:")) {
		if (parse_int(word + 5, &status) < 0 || status < 1 || status > 255)
			return error_set(
				e,
				"'retry_on': '%s': a status is a number from 1 to 255",
				word);
		o->retry_exit[status / 8] |= (unsigned char)(1u << (status % 8));
	} else if (starts_with(word, "signal:")) {
		sig = signal_number(word + 7);
		if (sig < 0)
			return error_set(e, "'retry_on': '%s': no such signal", word);
		o->retry_signal |= (uint64_t)1 << sig;
	} else if (class_retryable(cls)) {
		o->retry_on |= 1u << cls;
	} else if (cls > AF2_CLASS_NONE) {
		return error_set(
			e, "'retry_on': a failure of class '%s' is never tried again",
			word);
	} else {
		error_set(e, "'retry_on': '%s' is no class of failure", word);
		return error_hint(
			e, "classes are exit signal timeout memory spawn plugin-crash "
			   "output-missing output-limit unavailable transient; exit:N, "
			   "signal:NAME, any");
	}
	return 0;
}

int
retry_on_parse(const char *text, struct task_options *o, struct error *e)
{
	clear(o);
	for (const char *p = text; *(p += strspn(p, " \t\n,"));) {
		size_t n = strcspn(p, " \t\n,");
		char word[64];

		if (n >= sizeof word)
			return error_set(
				e, "'retry_on': '%.60s' is no class of failure", p);
		memcpy(word, p, n);
		word[n] = '\0';
		if (add_word(o, word, e) < 0)
			return -1;
		p += n;
	}
	return 0;
}

int
retry_wanted(const struct task_options *o, int cls, int status, int signal)
{
	if (!class_retryable(cls))
		return 0;
	if (cls == AF2_CLASS_UNAVAILABLE && !o->has_retry_values)
		return 0;
	if (o->retry_on & (1u << cls))
		return 1;
	/* What ended for want of memory ended so all the same. */
	if ((cls == AF2_CLASS_EXIT || cls == AF2_CLASS_MEMORY) && status >= 0 &&
	    status < 256 && (o->retry_exit[status / 8] >> (status % 8) & 1))
		return 1;
	return (cls == AF2_CLASS_SIGNAL || cls == AF2_CLASS_MEMORY) && signal > 0 &&
	       signal < 64 && (o->retry_signal >> signal & 1);
}

/* --- when ------------------------------------------------------------------------- */

int
when_parse(const char *text, char name[128], int *op, const char **value,
	   struct error *e)
{
	const char *p = text + strspn(text, " \t"), *end;
	size_t n;

	end = starts_with(p, "${") ? strchr(p, '}') : NULL;
	n = end ? (size_t)(end - p - 2) : 0;
	if (n == 0 || n >= 128)
		goto bad;
	memcpy(name, p + 2, n);
	name[n] = '\0';
	if (!is_name(name))
		goto bad;
	p = end + 1 + strspn(end + 1, " \t");
	*value = p;
	*op = 0;
	if (!*p)
		return 0;
	if (!starts_with(p, "==") && !starts_with(p, "!="))
		goto bad;
	*op = *p;
	p += 2 + strspn(p + 2, " \t");
	n = strlen(p);
	/* One word: the comparison is with all that follows. */
	if (n == 0 || strcspn(p, " \t") != n || strstr(p, "${"))
		goto bad;
	*value = p;
	return 0;
bad:
	error_set(e, "'when' cannot be '%s'", text);
	return error_hint(e, "write \"${x}\", \"${x} == value\" or \"${x} != value\"");
}
