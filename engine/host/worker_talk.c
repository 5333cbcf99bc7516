/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of workers: a little-endian u32 length and that many bytes of JSON. */
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "host/host.h"

enum { LARGEST_FRAME = 64 << 20, NO_PIDFD_POLL = 50 /* ms */ };

int
worker_is_dead(const af2_process *p)
{
	siginfo_t si = {0};

	return waitid(P_PID, (id_t)p->pid, &si, WEXITED | WNOHANG | WNOWAIT) < 0 ||
	       si.si_pid == p->pid;
}

/* Wait until `fd` is ready. TALK_DIED if the worker ended first (its end may be held
 * open by a process it left behind, so end of file alone is not enough). */
static enum talk
wait_ready(const af2_process *p, int fd, short events)
{
	struct pollfd v[2] = {{.fd = fd, .events = events},
			      {.fd = p->pidfd, .events = POLLIN}};

	int rc;

	do {
		rc = poll(v, 2, p->pidfd < 0 ? NO_PIDFD_POLL : -1);
		if (rc == 0 && worker_is_dead(p)) {
			poll(v, 1, 0);
			break;
		}
	} while (rc == 0 || (rc < 0 && errno == EINTR));
	/* What it wrote before it died still counts. */
	if (v[0].revents & events)
		return TALK_OK;
	return TALK_DIED;
}

static enum talk
write_all(const af2_process *p, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(p->request_fd, data, len);

		if (n < 0 && errno == EAGAIN) {
			if (wait_ready(p, p->request_fd, POLLOUT) != TALK_OK)
				return TALK_DIED;
			continue;
		}
		if (n < 0 && errno != EINTR)
			return TALK_DIED;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return TALK_OK;
}

static enum talk
read_all(const af2_process *p, char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = read(p->reply_fd, data, len);

		if (n < 0 && errno == EAGAIN) {
			if (wait_ready(p, p->reply_fd, POLLIN) != TALK_OK)
				return TALK_DIED;
			continue;
		}
		if (n == 0 || (n < 0 && errno != EINTR))
			return TALK_DIED;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return TALK_OK;
}

enum talk
worker_send(const af2_process *p, js *request)
{
	char *text = js_dump(request, 0);
	uint32_t size = (uint32_t)strlen(text), le = htole32(size);
	enum talk rc = write_all(p, (const char *)&le, sizeof(le));

	if (rc == TALK_OK)
		rc = write_all(p, text, size);
	free(text);
	return rc;
}

enum talk
worker_receive(const af2_process *p, js **reply, struct error *e)
{
	uint32_t le = 0;
	size_t size;
	char *text;
	enum talk rc = read_all(p, (char *)&le, sizeof(le));

	*reply = NULL;
	if (rc != TALK_OK)
		return rc;
	size = le32toh(le);
	if (size > LARGEST_FRAME) {
		error_set(e, "a frame of %zu bytes", size);
		return TALK_BAD;
	}
	text = xmalloc(size + 1);
	rc = read_all(p, text, size);
	if (rc == TALK_OK) {
		*reply = js_parse(text, size, e);
		rc = js_is_object(*reply) ? TALK_OK : TALK_BAD;
	}
	free(text);
	return rc;
}
