# SPDX-License-Identifier: Apache-2.0
# What goes wrong around a run. A bounded part belongs to `make check`, all of it to `make chaos`.
check_DATA += tests/chaos/faults.so
CLEANFILES += tests/chaos/faults.so
TESTS += tests/chaos/faults.py
EXTRA_DIST += tests/chaos/faults.c tests/chaos/faults.dot tests/chaos/faults.py

chaos-faults: all $(check_DATA)
	$(AM_TESTS_ENVIRONMENT) AF2_CHAOS=long $(PYTHON3) $(top_srcdir)/tests/unittest_tap.py \
		$(top_srcdir)/tests/chaos/faults.py
chaos: chaos-faults
.PHONY: chaos chaos-faults
