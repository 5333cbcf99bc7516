# SPDX-License-Identifier: Apache-2.0
#: docs/*.1
dist_man1_MANS += \
	docs/af2flow.1

#: docs/*.md
dist_doc_DATA += \
	docs/alphafold2.md \
	docs/benchmarks.md \
	docs/design.md \
	docs/durability.md \
	docs/features.md \
	docs/plugins.md \
	docs/workflows.md

#: docs/*.svg
EXTRA_DIST += \
	docs/demo-run.svg \
	docs/demo.svg
