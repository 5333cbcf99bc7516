/* SPDX-License-Identifier: Apache-2.0 */
/* proto: the frames between the engine and a host, over one stream socket.
 *
 * A frame is a header of 8 bytes (u32 size of the payload, u16 protocol version, u16
 * type) and the payload: numbers little-endian, texts as u32 length, bytes, a NUL.
 * Every field is read with its bounds checked; the first bad one makes the reader
 * bad for good.
 *
 *   engine -> host   RUN, FINGERPRINT   one at a time; answered by RESULT, PRINTS
 *                    CANCEL             end what runs (TERM to its programs)
 *                    end of file        end, with all descendants
 *   host -> engine   PHASE, LOG, PROGRESS, OVER, PEAK, then RESULT or PRINTS
 */
#ifndef EXEC_PROTO_H
#define EXEC_PROTO_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define PROTO_VERSION 3
#define PROTO_HEADER 8
#define PROTO_LIMIT (64u << 20) /* largest payload, bytes */
/* Folders of attempt_dir that hosts make, NODE/BRANCH/attempt-N; what they are in is the
 * engine's to make, once. */
#define PROTO_ATTEMPT_DEPTH 3

enum proto_type {
	PROTO_RUN = 1, /* a task, see task_put in local_wire.c */
	PROTO_FINGERPRINT =
		2,           /* the same fields; only parameters and work_dir matter */
	PROTO_CANCEL = 3,    /* u32 serial of the task */
	PROTO_PHASE = 16,    /* u32 enum proto_phase: what the host begins now */
	PROTO_LOG = 17,      /* u32 level, text */
	PROTO_PROGRESS = 18, /* f64 fraction, text */
	PROTO_OVER = 19,     /* u32 serial, u32 class, u64 bytes: over max_output
			      * (output-limit) or memory_limit (memory) */
	PROTO_RESULT = 20,   /* see result_get in local_wire.c */
	PROTO_PRINTS = 21,   /* fingerprint: u32 serial, u32 class, error, text, u32 n,
			      * n files */
	PROTO_PEAK = 22      /* u32 serial, u64 bytes: the most memory so far */
};

/* How far a host came: for the message when it crashes. */
enum proto_phase { PHASE_START, PHASE_LOAD, PHASE_SETUP, PHASE_RUN };

/* --- writing ---------------------------------------------------------------------- */

/* Begin a frame at the end of `b`; returns the place to hand to proto_end. */
size_t proto_begin(struct str *b, enum proto_type type);
/* Fill in the size. -1 if the payload is over PROTO_LIMIT (the frame is taken back). */
int proto_end(struct str *b, size_t begin);
void put_u32(struct str *b, uint32_t v);
void put_u64(struct str *b, uint64_t v);
void put_f64(struct str *b, double v);
/* NULL is written as "". */
void put_text(struct str *b, const char *s);
void put_bytes(struct str *b, const void *p, size_t n);

/* --- reading ---------------------------------------------------------------------- */

/* A payload being read. Texts point into it: it must outlive them. */
struct reader {
	const unsigned char *p, *end;
	int bad; /* a field did not fit: every later get gives 0 or "" */
};
uint32_t get_u32(struct reader *r);
uint64_t get_u64(struct reader *r);
double get_f64(struct reader *r);
/* A text inside the payload, NUL-terminated, without NULs in it; "" if bad. */
const char *get_text(struct reader *r);
/* `n` raw bytes inside the payload, NULL if bad. */
const void *get_bytes(struct reader *r, size_t n);
/* A count of things that take at least `each` bytes (>= 1): bad if they cannot fit
 * in what is left, so that a count may be used to allocate. */
size_t get_count(struct reader *r, size_t each);
/* Read to the very end, and nothing was bad? */
int reader_done(const struct reader *r);

/* The frame at the start of `data`: 1 and *type, *payload set, *used bytes to drop;
 * 0: more bytes are needed; -1: not a frame of this protocol, or too large. */
int proto_next(const void *data, size_t len, size_t limit, unsigned *type,
	       struct reader *payload, size_t *used);

#endif
