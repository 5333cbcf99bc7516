/* SPDX-License-Identifier: Apache-2.0 */
/* locks: which file systems' locks are trusted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/vfs.h>

#include <cmocka.h>

#include "base/locks.h"

static void
by_type(void **state)
{
	static const uint64_t local[] = {0xEF53 /* ext4 */, 0x58465342 /* xfs */,
					 0x9123683E /* btrfs */, 0x01021994 /* tmpfs */,
					 0x794c7630 /* overlay */};
	static const uint64_t shared[] = {0x6969 /* NFS */, 0x0BD00BD0 /* Lustre */,
					  0x47504653 /* GPFS */, 0x19830326 /* BeeGFS */,
					  0x65735546 /* FUSE */, 0xFF534D42 /* CIFS */,
					  /* with its sign, from a 32-bit field */
					  0xFFFFFFFFFF534D42};

	(void)state;
	for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
		assert_int_equal(locks_trusted_on(local[i]), 1);
	for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++)
		assert_int_equal(locks_trusted_on(shared[i]), 0);
}

static void
by_switch(void **state)
{
	struct statfs fs;

	(void)state;
	assert_int_equal(locks_by_lease(LOCKS_FILE, "/tmp"), 0);
	assert_int_equal(locks_by_lease(LOCKS_LEASE, "/tmp"), 1);
	assert_int_equal(statfs("/tmp", &fs), 0);
	assert_int_equal(locks_by_lease(LOCKS_AUTO, "/tmp"),
			 !locks_trusted_on((uint64_t)fs.f_type));
	assert_int_equal(locks_by_lease(LOCKS_AUTO, "/nonexistent"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_type),
		cmocka_unit_test(by_switch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
