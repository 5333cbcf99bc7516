/* SPDX-License-Identifier: Apache-2.0 */
/* What a power loss leaves of a synced result: all of it, and all names on the way to it.
 *
 * Its files are synced before it is put in its place. Then these folders are, so that their
 * names are: objects/ab, which holds the object; objects/, which holds ab, once for each ab
 * (another engine, or an unsynced result, may have made it); the store and all above it,
 * once. For a record: segments/ once, and the store likewise. */
#include <stdlib.h>

#include "base/fs.h"
#include "record/store_private.h"

/* The store's own parts and path. */
static int
sync_store(struct store *s, struct error *e)
{
	if (!s->store_synced)
		s->store_synced = fs_sync_up(s->path, e) == 0;
	return s->store_synced ? 0 : -1;
}

static unsigned
shard_number(const char *name)
{
	char hex[3] = {name[0], name[1], '\0'};

	return (unsigned)strtoul(hex, NULL, 16);
}

int
store_sync_object(struct store *s, const char *name, struct error *e)
{
	unsigned char *synced = &s->shards_synced[shard_number(name)];
	char *place = path_join(s->objects, name), *shard = path_dir(place);
	int rc = fs_sync_dir(shard, e);

	if (rc == 0 && !*synced) {
		rc = fs_sync_dir(s->objects, e);
		*synced = rc == 0;
	}
	free(shard);
	free(place);
	return rc == 0 ? sync_store(s, e) : -1;
}

int
store_sync_segment(struct store *s, struct error *e)
{
	char *folder;

	if (!s->segment_synced) {
		folder = path_join(s->path, "segments");
		s->segment_synced = fs_sync_dir(folder, e) == 0;
		free(folder);
	}
	return s->segment_synced ? sync_store(s, e) : -1;
}
