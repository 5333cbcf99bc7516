/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets: references, values, masks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/secret.h"

static void
references(void **state)
{
	(void)state;
	assert_true(secret_is_reference("env:TOKEN"));
	assert_true(secret_is_reference("file:/etc/token"));
	assert_true(secret_is_reference("file:token"));
	assert_false(secret_is_reference(""));
	assert_false(secret_is_reference("hunter2"));
	assert_false(secret_is_reference("env:"));
	assert_false(secret_is_reference("env:A B"));
	assert_false(secret_is_reference("file:"));
}

/* The error of a read that must fail; it must not tell the secret. */
static void
refused(const char *reference, const char *why)
{
	struct error e = {0};

	assert_null(secret_read(reference, &e));
	assert_non_null(strstr(e.text, why));
	assert_null(strstr(e.text, "hunter2"));
}

static void
values(void **state)
{
	char path[] = "/tmp/af2flow-secret-XXXXXX", reference[64], *value;
	struct error e = {0};
	int fd = mkstemp(path);

	(void)state;
	setenv("AF2_TEST_SECRET", "hunter2 ", 1);
	value = secret_read("env:AF2_TEST_SECRET", &e);
	assert_string_equal(value, "hunter2 ");
	free(value);
	unsetenv("AF2_TEST_SECRET");
	refused("env:AF2_TEST_SECRET", "'AF2_TEST_SECRET' is not set");
	refused("hunter2", "env:NAME or file:PATH");
	assert_true(fd >= 0);
	snprintf(reference, sizeof reference, "file:%s", path);
	assert_int_equal(write(fd, "hunter2\r\n", 9), 9);
	value = secret_read(reference, &e);
	assert_string_equal(value, "hunter2");
	free(value);
	assert_int_equal(write(fd, "\0x", 2), 2);
	refused(reference, "NUL");
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	refused(reference, "65536");
	unlink(path);
	refused(reference, "No such file");
	close(fd);
}

static void
masks(void **state)
{
	char text[] = "a hunter2hunter2 \"q\\\"uote\" q\"uote hunter", nul[] = "\0hunter2";
	struct words secrets = {0};

	(void)state;
	assert_int_equal(secret_mask(&secrets, text, strlen(text)), 0);
	secret_add(&secrets, "abc"); /* too short */
	assert_int_equal(secret_longest(&secrets), 0);
	secret_add(&secrets, "hunter2");
	secret_add(&secrets, "q\"uote");
	assert_int_equal(secret_longest(&secrets), 7);
	assert_int_equal(secret_mask(&secrets, text, strlen(text)), 7 + 7 + 6 + 7);
	assert_string_equal(text, "a ************** \"*******\" ****** hunter");
	assert_int_equal(secret_mask(&secrets, nul, 8), 7);
	assert_memory_equal(nul, "\0*******", 8);
	words_free(&secrets);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references),
		cmocka_unit_test(values),
		cmocka_unit_test(masks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
