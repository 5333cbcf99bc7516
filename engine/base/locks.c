/* SPDX-License-Identifier: Apache-2.0 */
/* Which file systems have locks that can be trusted.
 *
 * On a network file system a lock may be of this machine alone (mounted with nolock or
 * without flock), be lost when a server starts anew, or outlive a client that is gone,
 * so that somebody has to remove it by hand. Where that is possible, leases are used.
 */
#include "base/locks.h"

#include <stddef.h>
#include <sys/vfs.h>

int
locks_trusted_on(uint64_t type)
{
	static const uint32_t doubtful[] = {
		0x00006969, /* NFS */
		0x0BD00BD0, /* Lustre */
		0x47504653, /* GPFS */
		0x19830326, /* BeeGFS */
		0x65735546, /* FUSE: sshfs, GlusterFS and many more */
		0x00C36400, /* Ceph */
		0x01021997, /* 9p */
		0x0000517B, /* SMB */
		0xFF534D42, /* CIFS */
		0xFE534D42, /* SMB 2 */
		0x5346414F, /* AFS */
		0x6B414653, /* the kernel's AFS */
		0x73757245, /* Coda */
		0x20030528, /* OrangeFS */
		0xAAD7AAEA, /* PanFS */
		0x786F4256, /* VirtualBox's shared folders */
	};

	for (size_t i = 0; i < sizeof doubtful / sizeof doubtful[0]; i++)
		if ((uint32_t)type == doubtful[i])
			return 0;
	return 1;
}

int
locks_by_lease(enum locks how, const char *path)
{
	struct statfs fs;

	if (how != LOCKS_AUTO)
		return how == LOCKS_LEASE;
	return statfs(path, &fs) == 0 && !locks_trusted_on((uint64_t)fs.f_type);
}
