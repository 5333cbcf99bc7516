# SPDX-License-Identifier: Apache-2.0
workflowsdir = $(pkgdatadir)/workflows
demodir = $(workflowsdir)/demo

#: workflows/*.dot workflows/*.ini
dist_workflows_DATA = \
	workflows/alphafold2.dot \
	workflows/demo.dot \
	workflows/demo_databases.dot

#: workflows/demo/*.py workflows/demo/*.fasta workflows/demo/*.sh
dist_demo_DATA = \
	workflows/demo/clusters_to_hhsuite.py \
	workflows/demo/hhsuite_db.py \
	workflows/demo/random_params.py \
	workflows/demo/structures.py \
	workflows/demo/swissprot.py \
	workflows/demo/zucchini.fasta \
	workflows/demo/zucchini_piece.fasta

