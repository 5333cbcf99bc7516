# SPDX-License-Identifier: Apache-2.0
# Every test speaks TAP, whatever it is written in.
TEST_EXTENSIONS = .bats .py .sh
tap = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
LOG_DRIVER = $(tap)
LOG_COMPILER = $(SHELL) $(top_srcdir)/tests/cmocka_tap
SH_LOG_DRIVER = $(tap)
PY_LOG_DRIVER = $(tap)
BATS_LOG_DRIVER = $(tap)
SH_LOG_COMPILER = timeout -k 10 3600 $(SHELL)
PY_LOG_COMPILER = timeout -k 10 900 $(PYTHON3) $(top_srcdir)/tests/unittest_tap.py
BATS_LOG_COMPILER = timeout -k 10 1800 $(BATS) --formatter tap

# Tests of AlphaFold2's real network need a Python that has it, $AF2_ALPHAFOLD_PYTHON: as set for
# make, else for configure, else what ./quickstart alphafold has made; empty: they are skipped.
alphafold_env = PYTHON3='$(PYTHON3)' $(SHELL) $(source_root)/build-aux/alphafold-env
# Tests write below $AF2_BUILDDIR/tests/tmp or a temporary folder, never into the sources.
AM_TESTS_ENVIRONMENT = \
	PYTHONDONTWRITEBYTECODE=1; export PYTHONDONTWRITEBYTECODE; \
	AF2_SRCDIR='$(source_root)'; export AF2_SRCDIR; \
	AF2_BUILDDIR='$(abs_top_builddir)'; export AF2_BUILDDIR; \
	AF2_ASAN='$(asan)'; export AF2_ASAN; \
	AF2_CC='$(CC)'; export AF2_CC; AF2_CXX='$(CXX_FOR_TESTS)'; export AF2_CXX; \
	BATS='$(BATS)'; export BATS; \
	AF2FLOW_HOST='$(abs_top_builddir)/af2flow-host'; export AF2FLOW_HOST; \
	AF2FLOW_DATA_DIR='$(source_root)/plugins/python'; export AF2FLOW_DATA_DIR; \
	AF2FLOW_PLUGIN_PATH='$(abs_top_builddir)/plugins/.libs'; export AF2FLOW_PLUGIN_PATH; \
	AF2_ALPHAFOLD_PYTHON="$${AF2_ALPHAFOLD_PYTHON-$$($(alphafold_env) find '$(ALPHAFOLD_PYTHON)')}"; \
	export AF2_ALPHAFOLD_PYTHON; \
	XDG_CACHE_HOME='$(abs_top_builddir)/tests/tmp/cache'; export XDG_CACHE_HOME; \
	PATH="/usr/bin:/bin:$$PATH"; export PATH;
if ASAN
asan = yes
else
asan =
endif

# --- unit tests and tests of the stage plugins ------------------------------------------
test_cppflags = \
	-I$(top_srcdir)/plugins -I$(top_srcdir)/tests/unit/model \
	-DFIXTURES='"$(source_root)/tests/fixtures"' \
	-DPLUGIN_DIR='"$(abs_top_builddir)/plugins/.libs"' \
	-DHARNESS_DATA_DIR='"$(source_root)/plugins/python"' \
	-DTEST_PLUGINS='"$(abs_top_builddir)/tests/fixtures/plugins"' \
	-DHOST_PROGRAM='"$(abs_top_builddir)/af2flow-host"'

#: -.c tests/unit/*/test_*.c
unit_tests = \
	tests/unit/base/test_crc \
	tests/unit/base/test_digest \
	tests/unit/base/test_error \
	tests/unit/base/test_fs \
	tests/unit/base/test_fs_real \
	tests/unit/base/test_fs_sync \
	tests/unit/base/test_fs_trust \
	tests/unit/base/test_ini \
	tests/unit/base/test_json \
	tests/unit/base/test_locks \
	tests/unit/base/test_log \
	tests/unit/base/test_loop \
	tests/unit/base/test_map \
	tests/unit/base/test_mem \
	tests/unit/base/test_parse \
	tests/unit/base/test_path \
	tests/unit/base/test_secret \
	tests/unit/base/test_str \
	tests/unit/exec/test_cgroup \
	tests/unit/exec/test_leftovers \
	tests/unit/exec/test_local \
	tests/unit/exec/test_local_bad \
	tests/unit/exec/test_local_ends \
	tests/unit/exec/test_local_memory \
	tests/unit/exec/test_oom \
	tests/unit/exec/test_plugins \
	tests/unit/exec/test_proc \
	tests/unit/exec/test_proto \
	tests/unit/exec/test_tree_memory \
	tests/unit/model/test_check \
	tests/unit/model/test_config \
	tests/unit/model/test_dot_read \
	tests/unit/model/test_expand \
	tests/unit/model/test_fixtures \
	tests/unit/model/test_reasons \
	tests/unit/model/test_stage \
	tests/unit/model/test_workflow \
	tests/unit/model/test_wrap \
	tests/unit/record/test_engine_note \
	tests/unit/record/test_engine_watch \
	tests/unit/record/test_history \
	tests/unit/record/test_journal \
	tests/unit/record/test_key \
	tests/unit/record/test_key_lock \
	tests/unit/record/test_key_parts \
	tests/unit/record/test_lines \
	tests/unit/record/test_result \
	tests/unit/record/test_run_names \
	tests/unit/record/test_rundir \
	tests/unit/record/test_rundir_crash \
	tests/unit/record/test_rundir_lock \
	tests/unit/record/test_rundir_results \
	tests/unit/record/test_rundir_waiting \
	tests/unit/record/test_store \
	tests/unit/record/test_store_damage \
	tests/unit/record/test_store_digests \
	tests/unit/record/test_store_du \
	tests/unit/record/test_store_engines \
	tests/unit/record/test_store_faults \
	tests/unit/record/test_store_gc \
	tests/unit/record/test_store_runs \
	tests/unit/record/test_store_segments \
	tests/unit/record/test_store_stamp \
	tests/unit/record/test_store_story \
	tests/unit/record/test_store_sync \
	tests/unit/record/test_store_verify \
	tests/unit/sched/test_machine \
	tests/unit/sched/test_machine_system \
	tests/unit/sched/test_queue \
	tests/unit/sched/test_resources \
	tests/unit/sched/test_sched \
	tests/unit/sched/test_sched_warm \
	tests/unit/view/test_graph_dot \
	tests/unit/view/test_graph_draw \
	tests/unit/view/test_progress

#: -.c tests/plugins/test_*.c
plugin_tests = \
	tests/plugins/test_chain_features \
	tests/plugins/test_command \
	tests/plugins/test_common \
	tests/plugins/test_compile \
	tests/plugins/test_features \
	tests/plugins/test_instance \
	tests/plugins/test_models \
	tests/plugins/test_msa_hhblits \
	tests/plugins/test_msa_jackhmmer \
	tests/plugins/test_padded_length \
	tests/plugins/test_pick \
	tests/plugins/test_precomputed_msas \
	tests/plugins/test_predict \
	tests/plugins/test_predict_network \
	tests/plugins/test_programs \
	tests/plugins/test_rank \
	tests/plugins/test_relax \
	tests/plugins/test_templates \
	tests/plugins/test_templates_hmmsearch

#: tests/plugins/[!t]*.[ch] tests/unit/*/[!t]*.[ch]
harness_sources = \
	tests/plugins/harness.c \
	tests/plugins/harness.h \
	tests/plugins/harness_host.c \
	tests/plugins/harness_internal.h \
	tests/plugins/harness_proc.c \
	tests/plugins/harness_util.c \
	tests/plugins/small_db.c \
	tests/plugins/small_db.h \
	tests/unit/exec/attempt.c \
	tests/unit/exec/attempt.h \
	tests/unit/model/stages.h \
	tests/unit/record/helpers.h

#: tests/plugins/[!t]*.py
python_helpers = \
	tests/plugins/features_data.py \
	tests/plugins/features_pdb.py \
	tests/plugins/features_world.py \
	tests/plugins/relax_models.py

#: tests/plugins/test_*.py
python_tests = \
	tests/plugins/test_alphafold_config.py \
	tests/plugins/test_alphafold_memory.py \
	tests/plugins/test_alphafold_outputs.py \
	tests/plugins/test_alphafold_programs.py \
	tests/plugins/test_alphafold_versions.py \
	tests/plugins/test_demo_scripts.py \
	tests/plugins/test_features_alphafold.py \
	tests/plugins/test_features_pdb.py \
	tests/plugins/test_features_read.py \
	tests/plugins/test_features_rules.py \
	tests/plugins/test_features_workflow.py \
	tests/plugins/test_predict_alphafold.py \
	tests/plugins/test_predict_promod3.py \
	tests/plugins/test_random_params.py \
	tests/plugins/test_relax_alphafold.py \
	tests/plugins/test_relax_bounds.py \
	tests/plugins/test_relax_openmm.py \
	tests/plugins/test_worker.py

#: -.c tests/fuzz/*.c
fuzz_tests = \
	tests/fuzz/fuzz_dot

#: tests/system/*.bats
system_tests = \
	tests/system/affinity.bats \
	tests/system/alphafold.bats \
	tests/system/alphafold_env.bats \
	tests/system/alphafold_failures.bats \
	tests/system/alphafold_precomputed.bats \
	tests/system/asking.bats \
	tests/system/bad_input.bats \
	tests/system/containers.bats \
	tests/system/damage.bats \
	tests/system/demo.bats \
	tests/system/explain.bats \
	tests/system/failures.bats \
	tests/system/hints.bats \
	tests/system/install.bats \
	tests/system/leaks.bats \
	tests/system/leftovers.bats \
	tests/system/locks.bats \
	tests/system/machine.bats \
	tests/system/memory.bats \
	tests/system/names.bats \
	tests/system/outputs.bats \
	tests/system/plan.bats \
	tests/system/plugins.bats \
	tests/system/processes.bats \
	tests/system/reruns.bats \
	tests/system/run.bats \
	tests/system/secrets.bats \
	tests/system/semantics.bats \
	tests/system/store.bats \
	tests/system/trust.bats \
	tests/system/views.bats

#: tests/lint/*.py
lint_tests = \
	tests/lint/interface.py \
	tests/lint/layers.py \
	tests/lint/lengths.py \
	tests/lint/manpage.py \
	tests/lint/reasons.py \
	tests/lint/scripts.py

# Minutes to hours: `make check-long`.
#: tests/long/*.bats
long_tests = \
	tests/long/alphafold.bats

#: tests/bench/*
bench_files = \
	tests/bench/alphafold \
	tests/bench/alphafold.dot \
	tests/bench/alphafold_cold.py \
	tests/bench/overhead \
	tests/bench/store \
	tests/bench/store_fill.c

#: tests/system/*.sh
system_variants = \
	tests/system/user_022.sh \
	tests/system/user_077.sh

if HAVE_CMOCKA
check_PROGRAMS += $(unit_tests) $(plugin_tests) $(fuzz_tests)
TESTS += $(unit_tests) $(plugin_tests) $(fuzz_tests)
check_LTLIBRARIES += tests/libharness.la
else
check-local:
	@echo "the unit tests need cmocka (Debian: libcmocka-dev); then configure again" >&2
	@exit 1
endif
TESTS += $(python_tests) $(lint_tests) $(system_tests) $(system_variants)
tests_libharness_la_SOURCES = $(harness_sources)
# The plugins' own helpers come before the engine's library, which has some names too.
tests_plugins_test_common_LDADD = plugins/libcommon.la $(LDADD)

# Made by `make bench-store` alone.
EXTRA_PROGRAMS = tests/bench/store_fill
tests_bench_store_fill_LDADD = engine/libengine.la $(engine_libs)
CLEANFILES += tests/bench/store_fill

# --- plugins for tests: good and bad ones, loaded by the tests alone -------------------
#: tests/fixtures/plugins/*.c
fixture_plugins = \
	tests/fixtures/plugins/bad.c \
	tests/fixtures/plugins/copy.c \
	tests/fixtures/plugins/crash_load.c \
	tests/fixtures/plugins/mark.c \
	tests/fixtures/plugins/no_entry.c \
	tests/fixtures/plugins/noisy_load.c \
	tests/fixtures/plugins/noop.c \
	tests/fixtures/plugins/probe.c \
	tests/fixtures/plugins/wrong_abi.c

check_DATA = $(fixture_plugins:.c=.so)
CLEANFILES += $(fixture_plugins:.c=.so)
$(fixture_plugins:.c=.so): tests/fixtures/plugins/fixture.h engine/include/af2flow/plugin.h
SUFFIXES = .c .so
.c.so:
	@$(MKDIR_P) $(@D)
	$(AM_V_CC)$(CC) -I$(top_srcdir)/engine/include $(AF2_CFLAGS) -Wno-error $(CFLAGS) \
		-D_GNU_SOURCE -fPIC -shared -o $@ $<

EXTRA_DIST += \
	tests/cmocka_tap tests/unittest_tap.py tests/fixtures $(bench_files) \
	$(long_tests) tests/long/alphafold_equal.py \
	tests/system/helper.bash tests/system/reasons.bash tests/system/as_user.inc \
	tests/system/alphafold.bash tests/system/alphafold_broken.py \
	tests/system/alphafold_data.py tests/system/alphafold_layout.py \
	$(python_helpers) $(python_tests) $(lint_tests) $(system_tests) $(system_variants)

# A part of `make check`; the unit tests need no more than the library and the host.
check-unit: $(hostexec_PROGRAMS) $(check_LTLIBRARIES) $(check_DATA) $(unit_tests) $(fuzz_tests)
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS='$(unit_tests) $(fuzz_tests)'
check-plugins: all $(check_LTLIBRARIES) $(plugin_tests)
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS='$(plugin_tests) $(python_tests)'
check-lint: all
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS='$(lint_tests)'
check-system: all $(check_DATA)
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS='$(system_tests)'
check-long: all $(check_DATA)
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS='$(long_tests)'
.PHONY: check-unit check-plugins check-lint check-system check-long
