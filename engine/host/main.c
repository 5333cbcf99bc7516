/* SPDX-License-Identifier: Apache-2.0 */
/* af2flow-host: the process in which plugin code runs. Started by the engine with
 *
 *     0 /dev/null   1, 2 write ends of the capture pipes   3 the engine's socket
 *     4, 5 read ends of the same pipes (non-blocking)
 *
 * as `af2flow-host --serve [CGROUP]` (the group that is its own), or as `af2flow-host
 * --scan FILE` to read a plugin's descriptor: JSON on stdout and status 0, or one line
 * that says what is wrong and status 1. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "exec/proc.h"
#include "host/host.h"

/* A plugin thread gets the stack that compute libraries expect of a main thread, and
 * more. */
enum { PLUGIN_STACK = 64 << 20 };
static const double SCAN_PATIENCE = 2; /* seconds for descendants of a scan to die */

void __gcov_dump(void) __attribute__((weak));

static struct host *self;

struct host *
host_self(void)
{
	return self;
}

void
host_set_self(struct host *h)
{
	self = h;
}

double
host_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void
host_exit(int status)
{
	if (__gcov_dump)
		__gcov_dump();
	_exit(status);
}

/* TERM is our parent-death signal: control reads it; no thread dies of it. */
static void
block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int
start_plugin_thread(struct host *h)
{
	pthread_attr_t attr;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, PLUGIN_STACK);
	rc = pthread_create(&h->thread, &attr, job_thread, h);
	pthread_attr_destroy(&attr);
	return rc;
}

static int
serve(const char *group)
{
	struct host *h = xcalloc(1, sizeof(*h));
	int out, err, rc;
	int type;
	socklen_t size = sizeof(type);

	if (getsockopt(3, SOL_SOCKET, SO_TYPE, &type, &size) < 0) {
		log_error("descriptor 3 is not the engine's socket: %s",
			  strerror(errno));
		return EXIT_USAGE;
	}
	h->socket = proc_fd_high(3, HOST_FD_BASE);
	out = proc_fd_high(4, HOST_FD_BASE);
	err = proc_fd_high(5, HOST_FD_BASE);
	if (h->socket < 0 || out < 0 || err < 0) {
		log_error("cannot move descriptors: %s", strerror(errno));
		return EXIT_USAGE;
	}
	host_set_self(h);
	h->worker.host = h;
	h->group = group;
	oom_open(&h->oom, "");
	pthread_mutex_init(&h->send_lock, NULL);
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->changed, NULL);
	capture_init(&h->capture, out, err);
	block_signals();
	proc_prompt();
	proc_subreaper();
	if ((rc = start_plugin_thread(h)) != 0) {
		log_error("cannot start the plugin thread: %s", strerror(rc));
		return EXIT_FAILED;
	}
	control_run(h);
}

/* What the plugin started while it was loaded does not stay either. */
static void
scan(const char *path)
{
	int status;

	proc_subreaper();
	status = scan_main(path);
	proc_sweep(NULL, NULL, SCAN_PATIENCE);
	host_exit(status);
}

int
main(int argc, char **argv)
{
	log_program("af2flow-host");
	if ((argc == 2 || argc == 3) && strcmp(argv[1], "--serve") == 0)
		return serve(argv[2]);
	if (argc == 3 && strcmp(argv[1], "--scan") == 0)
		scan(argv[2]);
	fprintf(stderr, "usage: af2flow-host --scan FILE\n"
			"af2flow starts this program itself to run plugins.\n");
	return EXIT_USAGE;
}
