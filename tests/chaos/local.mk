# SPDX-License-Identifier: Apache-2.0
# What goes wrong around a run. A bounded part belongs to `make check`, all of it to `make chaos`.
check_DATA += tests/chaos/faults.so
CLEANFILES += tests/chaos/faults.so
TESTS += tests/chaos/faults.py tests/chaos/faults_room.py
EXTRA_DIST += tests/chaos/faults.c tests/chaos/faults.dot tests/chaos/faults.py \
	tests/chaos/faults_lib.py tests/chaos/faults_room.py

chaos-faults: all $(check_DATA)
	$(AM_TESTS_ENVIRONMENT) AF2_CHAOS=long $(PYTHON3) $(top_srcdir)/tests/unittest_tap.py \
		$(top_srcdir)/tests/chaos/faults.py
chaos: chaos-faults
.PHONY: chaos chaos-faults
# Processes killed at random, and every moment of a power loss.

#: tests/chaos/*.bats
chaos_tests = \
	tests/chaos/kills.bats \
	tests/chaos/powerloss.bats

TESTS += $(chaos_tests)
check_DATA += tests/chaos/recorder.so
CLEANFILES += tests/chaos/recorder.so
EXTRA_DIST += \
	$(chaos_tests) tests/chaos/chaoslib.py tests/chaos/kills tests/chaos/powerloss \
	tests/chaos/recorder.c tests/chaos/step.sh

# AF2_CHAOS_KILLS and AF2_CHAOS_STATES bound it; 0 states: all of them.
AF2_CHAOS_KILLS = 500
AF2_CHAOS_STATES = 0
chaos: all $(check_DATA)
	@$(AM_TESTS_ENVIRONMENT) \
	$(PYTHON3) $(top_srcdir)/tests/chaos/kills --kills $(AF2_CHAOS_KILLS) && \
	$(PYTHON3) $(top_srcdir)/tests/chaos/powerloss --states $(AF2_CHAOS_STATES)
.PHONY: chaos
