/* SPDX-License-Identifier: Apache-2.0
 *
 * Faults of the helpers: class and text.
 */
#include "fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
fault_set(struct fault *fault, af2_class cls, const char *format, ...)
{
	int saved = errno;
	va_list ap;
	va_start(ap, format);
	fault->cls = cls;
	vsnprintf(fault->text, sizeof(fault->text), format, ap);
	va_end(ap);
	errno = saved;
	return -1;
}

static af2_class
class_of_errno(int number)
{
	switch (number) {
	case ENOMEM:
		return AF2_CLASS_MEMORY;
	/* May be over when the attempt is repeated. */
	case ENOSPC:
	case EDQUOT:
	case EIO:
	case ESTALE:
	case EMFILE:
	case ENFILE:
	case EAGAIN:
	case EINTR:
		return AF2_CLASS_TRANSIENT;
	default:
		return AF2_CLASS_PERMANENT;
	}
}

int
fault_errno(struct fault *fault, const char *verb, const char *path)
{
	int number = errno;
	fault_set(fault, class_of_errno(number), "%s '%s': %s", verb, path,
		  strerror(number));
	errno = number;
	return -1;
}

int
fault_memory(struct fault *fault, const char *doing)
{
	return fault_set(fault, AF2_CLASS_MEMORY, "out of memory while %s", doing);
}
