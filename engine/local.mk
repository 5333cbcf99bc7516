# SPDX-License-Identifier: Apache-2.0
# The engine: one library of all layers, linked into the two programs and the unit tests.
# build-aux/update-lists keeps the lists below a "#:" line.
noinst_LTLIBRARIES += engine/libengine.la
engine_libengine_la_SOURCES = \
	$(base_sources) $(model_sources) $(sched_sources) $(record_sources) \
	$(exec_sources) $(run_sources) $(view_sources)
engine_libengine_la_CPPFLAGS = $(engine_cppflags)

#: engine/base/*.[ch]
base_sources = \
	engine/base/crc.c \
	engine/base/digest.c \
	engine/base/digest.h \
	engine/base/digest_tree.c \
	engine/base/error.c \
	engine/base/error.h \
	engine/base/fs.c \
	engine/base/fs.h \
	engine/base/fs_real.c \
	engine/base/fs_remove.c \
	engine/base/fs_sync.c \
	engine/base/fs_trust.c \
	engine/base/ini.c \
	engine/base/ini.h \
	engine/base/json.c \
	engine/base/json.h \
	engine/base/json_write.c \
	engine/base/locks.c \
	engine/base/locks.h \
	engine/base/log.c \
	engine/base/log.h \
	engine/base/loop.c \
	engine/base/loop.h \
	engine/base/map.c \
	engine/base/map.h \
	engine/base/mem.c \
	engine/base/mem.h \
	engine/base/parse.c \
	engine/base/path.c \
	engine/base/secret.c \
	engine/base/secret.h \
	engine/base/str.c \
	engine/base/str.h

#: engine/model/*.[ch]
model_sources = \
	engine/model/affinity.h \
	engine/model/attributes.c \
	engine/model/attributes.h \
	engine/model/check.c \
	engine/model/check.h \
	engine/model/check_files.c \
	engine/model/check_files.h \
	engine/model/config.c \
	engine/model/config.h \
	engine/model/config_paths.c \
	engine/model/config_paths.h \
	engine/model/dot_feed.c \
	engine/model/dot_feed.h \
	engine/model/dot_lint.c \
	engine/model/dot_place.c \
	engine/model/dot_read.c \
	engine/model/dot_read.h \
	engine/model/dot_token.c \
	engine/model/dot_token.h \
	engine/model/expand.c \
	engine/model/expand.h \
	engine/model/expand_analyse.c \
	engine/model/expand_parse.c \
	engine/model/graph.c \
	engine/model/graph.h \
	engine/model/graph_group.c \
	engine/model/graph_private.h \
	engine/model/graph_task.c \
	engine/model/inputs.c \
	engine/model/join.c \
	engine/model/options.c \
	engine/model/order.c \
	engine/model/param_value.c \
	engine/model/param_value.h \
	engine/model/params.c \
	engine/model/plugin_settings.c \
	engine/model/plugin_settings.h \
	engine/model/ports.c \
	engine/model/reasons.c \
	engine/model/reasons.h \
	engine/model/retry_on.c \
	engine/model/retry_on.h \
	engine/model/scope.c \
	engine/model/stage.c \
	engine/model/stage.h \
	engine/model/stage_json.c \
	engine/model/stage_parts.h \
	engine/model/static_values.c \
	engine/model/static_values.h \
	engine/model/substitute.c \
	engine/model/substitute.h \
	engine/model/task_param.h \
	engine/model/wf_nodes.c \
	engine/model/wf_params.c \
	engine/model/wf_ports.c \
	engine/model/workflow.c \
	engine/model/workflow.h \
	engine/model/workflow_parts.h \
	engine/model/wrap.c \
	engine/model/wrap.h

#: engine/sched/*.[ch]
sched_sources = \
	engine/sched/cores.c \
	engine/sched/cores.h \
	engine/sched/machine.c \
	engine/sched/machine.h \
	engine/sched/machine_cut.c \
	engine/sched/machine_internal.h \
	engine/sched/machine_system.c \
	engine/sched/queue.c \
	engine/sched/queue.h \
	engine/sched/resources.c \
	engine/sched/resources.h \
	engine/sched/sched.c \
	engine/sched/sched.h \
	engine/sched/sched_internal.h \
	engine/sched/sched_warm.c \
	engine/sched/sched_why.c \
	engine/sched/slot.c

#: engine/record/*.[ch]
record_sources = \
	engine/record/engine_id.c \
	engine/record/engine_id.h \
	engine/record/engine_note.c \
	engine/record/engine_note.h \
	engine/record/engine_watch.c \
	engine/record/engine_watch.h \
	engine/record/history.c \
	engine/record/history.h \
	engine/record/journal.c \
	engine/record/journal.h \
	engine/record/journal_private.h \
	engine/record/journal_read.c \
	engine/record/json_scan.c \
	engine/record/json_scan.h \
	engine/record/key.c \
	engine/record/key.h \
	engine/record/key_lock.c \
	engine/record/key_lock.h \
	engine/record/key_parts.c \
	engine/record/key_parts.h \
	engine/record/key_parts_diff.c \
	engine/record/lease.c \
	engine/record/lease.h \
	engine/record/levels.c \
	engine/record/levels.h \
	engine/record/lines.c \
	engine/record/lines.h \
	engine/record/lines_each.c \
	engine/record/lines_private.h \
	engine/record/lines_write.c \
	engine/record/own_file.c \
	engine/record/own_file.h \
	engine/record/result.c \
	engine/record/result.h \
	engine/record/result_private.h \
	engine/record/result_read.c \
	engine/record/run_names.c \
	engine/record/run_names.h \
	engine/record/rundir.c \
	engine/record/rundir.h \
	engine/record/rundir_crash.c \
	engine/record/rundir_links.c \
	engine/record/rundir_lock.c \
	engine/record/rundir_private.h \
	engine/record/rundir_results.c \
	engine/record/rundir_stands.c \
	engine/record/rundir_waiting.c \
	engine/record/segment_write.c \
	engine/record/segment_write.h \
	engine/record/store.c \
	engine/record/store.h \
	engine/record/store_database.c \
	engine/record/store_digests.c \
	engine/record/store_du.c \
	engine/record/store_du.h \
	engine/record/store_fingerprints.c \
	engine/record/store_gc.c \
	engine/record/store_gc.h \
	engine/record/store_gc_private.h \
	engine/record/store_gc_rest.c \
	engine/record/store_gc_segments.c \
	engine/record/store_lookup.c \
	engine/record/store_note.c \
	engine/record/store_note.h \
	engine/record/store_private.h \
	engine/record/store_publish.c \
	engine/record/store_runs.c \
	engine/record/store_runs.h \
	engine/record/store_segments.c \
	engine/record/store_stamp.c \
	engine/record/store_stamps.h \
	engine/record/store_story.c \
	engine/record/store_sync.c \
	engine/record/store_verify.c \
	engine/record/store_verify.h \
	engine/record/store_verify_private.h \
	engine/record/store_verify_segments.c \
	engine/record/store_walk.c \
	engine/record/store_walk.h \
	engine/record/tree.c \
	engine/record/tree.h

#: engine/exec/*.[ch]
exec_sources = \
	engine/exec/cgroup.c \
	engine/exec/cgroup.h \
	engine/exec/cgroup_own.c \
	engine/exec/host_notes.c \
	engine/exec/leftovers.c \
	engine/exec/leftovers.h \
	engine/exec/local.c \
	engine/exec/local.h \
	engine/exec/local_attempt.c \
	engine/exec/local_conn.c \
	engine/exec/local_group.c \
	engine/exec/local_memory.c \
	engine/exec/local_obituary.c \
	engine/exec/local_prints.c \
	engine/exec/local_private.h \
	engine/exec/local_settings.c \
	engine/exec/local_wire.c \
	engine/exec/oom.c \
	engine/exec/oom.h \
	engine/exec/plugins.c \
	engine/exec/plugins.h \
	engine/exec/plugins_cache.c \
	engine/exec/plugins_private.h \
	engine/exec/plugins_scan.c \
	engine/exec/proc.c \
	engine/exec/proc.h \
	engine/exec/proc_tree.c \
	engine/exec/proto.c \
	engine/exec/proto.h \
	engine/exec/tree_memory.c \
	engine/exec/tree_memory.h

#: engine/run/*.[ch]
run_sources = \
	engine/run/run.c \
	engine/run/run.h \
	engine/run/run_ask.c \
	engine/run/run_attempt.c \
	engine/run/run_conclude.c \
	engine/run/run_damage.c \
	engine/run/run_events.c \
	engine/run/run_execute.c \
	engine/run/run_fail.c \
	engine/run/run_finish.c \
	engine/run/run_items.c \
	engine/run/run_key.c \
	engine/run/run_pause.c \
	engine/run/run_plan.c \
	engine/run/run_plan.h \
	engine/run/run_prints.c \
	engine/run/run_private.h \
	engine/run/run_publish.c \
	engine/run/run_recall.c \
	engine/run/run_request.c \
	engine/run/run_resolve.c \
	engine/run/run_share.c \
	engine/run/run_start.c \
	engine/run/run_task.c \
	engine/run/run_timings.c \
	engine/run/run_view.c \
	engine/run/run_waiting.c \
	engine/run/run_wanted.c \
	engine/run/run_why.c \
	engine/run/session.c

#: engine/view/*.[ch]
view_sources = \
	engine/view/explain.c \
	engine/view/explain.h \
	engine/view/explain_end.c \
	engine/view/explain_next.c \
	engine/view/explain_private.h \
	engine/view/explain_tail.c \
	engine/view/explain_wait.c \
	engine/view/graph_dot.c \
	engine/view/graph_dot.h \
	engine/view/graph_draw.c \
	engine/view/graph_draw.h \
	engine/view/graph_draw_spawn.c \
	engine/view/live.c \
	engine/view/live.h \
	engine/view/picture.c \
	engine/view/picture.h \
	engine/view/progress.c \
	engine/view/progress.h \
	engine/view/progress_block.c \
	engine/view/progress_private.h

#: engine/host/*.[ch]
host_sources = \
	engine/host/bind.c \
	engine/host/capture.c \
	engine/host/control.c \
	engine/host/host.h \
	engine/host/job.c \
	engine/host/main.c \
	engine/host/memory.c \
	engine/host/outputs.c \
	engine/host/programs.c \
	engine/host/scan.c \
	engine/host/services.c \
	engine/host/task.c \
	engine/host/tree_bytes.c \
	engine/host/watch.c \
	engine/host/workdir.c \
	engine/host/worker_talk.c \
	engine/host/workers.c \
	engine/host/wrapped.c

#: engine/cli/*.[ch]
cli_sources = \
	engine/cli/cli.h \
	engine/cli/cmd_check.c \
	engine/cli/cmd_explain.c \
	engine/cli/cmd_graph.c \
	engine/cli/cmd_log.c \
	engine/cli/cmd_plan.c \
	engine/cli/cmd_plugins.c \
	engine/cli/cmd_run.c \
	engine/cli/cmd_status.c \
	engine/cli/cmd_store.c \
	engine/cli/cmd_store.h \
	engine/cli/cmd_store_du.c \
	engine/cli/cmd_store_gc.c \
	engine/cli/cmd_store_verify.c \
	engine/cli/main.c \
	engine/cli/options.c \
	engine/cli/settings.c

bin_PROGRAMS += af2flow
af2flow_SOURCES = $(cli_sources)
af2flow_CPPFLAGS = $(engine_cppflags)
af2flow_LDADD = engine/libengine.la $(engine_libs)

# A plugin asks nothing of the host's own symbols: its services come as a table.
hostexec_PROGRAMS += af2flow-host
af2flow_host_SOURCES = $(host_sources)
af2flow_host_CPPFLAGS = $(engine_cppflags)
af2flow_host_LDADD = engine/libengine.la $(engine_libs)

af2includedir = $(includedir)/af2flow
dist_af2include_HEADERS = engine/include/af2flow/plugin.h
pkgconfig_DATA += engine/af2flow.pc
