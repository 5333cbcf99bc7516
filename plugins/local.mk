# SPDX-License-Identifier: Apache-2.0
# Stage plugins. They see the public header and their own helpers, nothing of the engine.
plugin_cppflags = \
	-I$(top_srcdir)/engine/include -I$(top_srcdir)/plugins
plugin_cflags = $(AM_CFLAGS) -fvisibility=hidden
plugin_ldflags = \
	$(AM_LDFLAGS) -module -avoid-version -shared \
	-export-symbols-regex '^af2_plugin_entry$$' $(PLUGIN_LDFLAGS)

noinst_LTLIBRARIES += plugins/libcommon.la
plugins_libcommon_la_SOURCES = $(plugin_common_sources)
plugins_libcommon_la_CPPFLAGS = $(plugin_cppflags)
plugins_libcommon_la_CFLAGS = $(plugin_cflags)

#: plugins/common/*.[ch]
plugin_common_sources = \
	plugins/common/dates.c \
	plugins/common/dates.h \
	plugins/common/fasta.c \
	plugins/common/fasta.h \
	plugins/common/fault.c \
	plugins/common/fault.h \
	plugins/common/hhr.c \
	plugins/common/hhr.h \
	plugins/common/json_text.c \
	plugins/common/json_text.h \
	plugins/common/msa.c \
	plugins/common/msa.h \
	plugins/common/neff.c \
	plugins/common/neff.h \
	plugins/common/npz.c \
	plugins/common/npz.h \
	plugins/common/ports.c \
	plugins/common/ports.h \
	plugins/common/residues.c \
	plugins/common/residues.h \
	plugins/common/sha256sum.c \
	plugins/common/sha256sum.h \
	plugins/common/stockholm.c \
	plugins/common/stockholm.h \
	plugins/common/stockholm_query.c \
	plugins/common/stockholm_walk.h \
	plugins/common/stockholm_write.c \
	plugins/common/text.c \
	plugins/common/text.h \
	plugins/common/tool.c \
	plugins/common/tool.h \
	plugins/common/words.c \
	plugins/common/words.h

pluginexec_LTLIBRARIES += \
	plugins/assemble_features.la \
	plugins/chain_features.la \
	plugins/command.la \
	plugins/compile.la \
	plugins/features.la \
	plugins/instance.la \
	plugins/models.la \
	plugins/msa_hhblits.la \
	plugins/msa_jackhmmer.la \
	plugins/padded_length.la \
	plugins/pick.la \
	plugins/precomputed_msas.la \
	plugins/predict.la \
	plugins/programs.la \
	plugins/rank.la \
	plugins/relax.la \
	plugins/templates.la \
	plugins/templates_hmmsearch.la

#: plugins/assemble_features*.[ch] plugins/python_stage.[ch]
plugins_assemble_features_la_SOURCES = \
	plugins/assemble_features.c \
	plugins/python_stage.c \
	plugins/python_stage.h

plugins_assemble_features_la_CPPFLAGS = $(plugin_cppflags)
plugins_assemble_features_la_CFLAGS = $(plugin_cflags)
plugins_assemble_features_la_LDFLAGS = $(plugin_ldflags)
plugins_assemble_features_la_LIBADD = plugins/libcommon.la -lm

#: plugins/chain_features*.[ch] plugins/python_stage.[ch]
plugins_chain_features_la_SOURCES = \
	plugins/chain_features.c \
	plugins/python_stage.c \
	plugins/python_stage.h

plugins_chain_features_la_CPPFLAGS = $(plugin_cppflags)
plugins_chain_features_la_CFLAGS = $(plugin_cflags)
plugins_chain_features_la_LDFLAGS = $(plugin_ldflags)
plugins_chain_features_la_LIBADD = plugins/libcommon.la -lm

#: plugins/command*.[ch]
plugins_command_la_SOURCES = \
	plugins/command.c \
	plugins/command.h \
	plugins/command_words.c

plugins_command_la_CPPFLAGS = $(plugin_cppflags)
plugins_command_la_CFLAGS = $(plugin_cflags)
plugins_command_la_LDFLAGS = $(plugin_ldflags)
plugins_command_la_LIBADD = plugins/libcommon.la -lm

#: plugins/compile*.[ch] plugins/python_stage.[ch]
plugins_compile_la_SOURCES = \
	plugins/compile.c \
	plugins/python_stage.c \
	plugins/python_stage.h

plugins_compile_la_CPPFLAGS = $(plugin_cppflags)
plugins_compile_la_CFLAGS = $(plugin_cflags)
plugins_compile_la_LDFLAGS = $(plugin_ldflags)
plugins_compile_la_LIBADD = plugins/libcommon.la -lm

#: plugins/features*.[ch]
plugins_features_la_SOURCES = \
	plugins/features.c

plugins_features_la_CPPFLAGS = $(plugin_cppflags)
plugins_features_la_CFLAGS = $(plugin_cflags)
plugins_features_la_LDFLAGS = $(plugin_ldflags)
plugins_features_la_LIBADD = plugins/libcommon.la -lm

#: plugins/instance*.[ch]
plugins_instance_la_SOURCES = \
	plugins/instance.c

plugins_instance_la_CPPFLAGS = $(plugin_cppflags)
plugins_instance_la_CFLAGS = $(plugin_cflags)
plugins_instance_la_LDFLAGS = $(plugin_ldflags)
plugins_instance_la_LIBADD = plugins/libcommon.la -lm

#: plugins/models*.[ch]
plugins_models_la_SOURCES = \
	plugins/models.c

plugins_models_la_CPPFLAGS = $(plugin_cppflags)
plugins_models_la_CFLAGS = $(plugin_cflags)
plugins_models_la_LDFLAGS = $(plugin_ldflags)
plugins_models_la_LIBADD = plugins/libcommon.la -lm

#: plugins/msa_hhblits*.[ch]
plugins_msa_hhblits_la_SOURCES = \
	plugins/msa_hhblits.c

plugins_msa_hhblits_la_CPPFLAGS = $(plugin_cppflags)
plugins_msa_hhblits_la_CFLAGS = $(plugin_cflags)
plugins_msa_hhblits_la_LDFLAGS = $(plugin_ldflags)
plugins_msa_hhblits_la_LIBADD = plugins/libcommon.la -lm

#: plugins/msa_jackhmmer*.[ch]
plugins_msa_jackhmmer_la_SOURCES = \
	plugins/msa_jackhmmer.c

plugins_msa_jackhmmer_la_CPPFLAGS = $(plugin_cppflags)
plugins_msa_jackhmmer_la_CFLAGS = $(plugin_cflags)
plugins_msa_jackhmmer_la_LDFLAGS = $(plugin_ldflags)
plugins_msa_jackhmmer_la_LIBADD = plugins/libcommon.la -lm

#: plugins/padded_length*.[ch] plugins/python_stage.[ch]
plugins_padded_length_la_SOURCES = \
	plugins/padded_length.c \
	plugins/python_stage.c \
	plugins/python_stage.h

plugins_padded_length_la_CPPFLAGS = $(plugin_cppflags)
plugins_padded_length_la_CFLAGS = $(plugin_cflags)
plugins_padded_length_la_LDFLAGS = $(plugin_ldflags)
plugins_padded_length_la_LIBADD = plugins/libcommon.la -lm

#: plugins/pick*.[ch] plugins/rank.h plugins/rank_lddt.[ch] plugins/rank_models.c
plugins_pick_la_SOURCES = \
	plugins/pick.c \
	plugins/rank.h \
	plugins/rank_lddt.c \
	plugins/rank_lddt.h \
	plugins/rank_models.c

plugins_pick_la_CPPFLAGS = $(plugin_cppflags)
plugins_pick_la_CFLAGS = $(plugin_cflags)
plugins_pick_la_LDFLAGS = $(plugin_ldflags)
plugins_pick_la_LIBADD = plugins/libcommon.la -lm

#: plugins/precomputed_msas*.[ch]
plugins_precomputed_msas_la_SOURCES = \
	plugins/precomputed_msas.c

plugins_precomputed_msas_la_CPPFLAGS = $(plugin_cppflags)
plugins_precomputed_msas_la_CFLAGS = $(plugin_cflags)
plugins_precomputed_msas_la_LDFLAGS = $(plugin_ldflags)
plugins_precomputed_msas_la_LIBADD = plugins/libcommon.la -lm

#: plugins/predict*.[ch] plugins/python_stage.[ch]
plugins_predict_la_SOURCES = \
	plugins/predict.c \
	plugins/predict.h \
	plugins/predict_alphafold.c \
	plugins/predict_promod3.c \
	plugins/python_stage.c \
	plugins/python_stage.h

plugins_predict_la_CPPFLAGS = $(plugin_cppflags)
plugins_predict_la_CFLAGS = $(plugin_cflags)
plugins_predict_la_LDFLAGS = $(plugin_ldflags)
plugins_predict_la_LIBADD = plugins/libcommon.la -lm

#: plugins/programs*.[ch] plugins/python_stage.[ch]
plugins_programs_la_SOURCES = \
	plugins/programs.c \
	plugins/python_stage.c \
	plugins/python_stage.h

plugins_programs_la_CPPFLAGS = $(plugin_cppflags)
plugins_programs_la_CFLAGS = $(plugin_cflags)
plugins_programs_la_LDFLAGS = $(plugin_ldflags)
plugins_programs_la_LIBADD = plugins/libcommon.la -lm

#: plugins/rank*.[ch]
plugins_rank_la_SOURCES = \
	plugins/rank.c \
	plugins/rank.h \
	plugins/rank_lddt.c \
	plugins/rank_lddt.h \
	plugins/rank_models.c \
	plugins/rank_write.c

plugins_rank_la_CPPFLAGS = $(plugin_cppflags)
plugins_rank_la_CFLAGS = $(plugin_cflags)
plugins_rank_la_LDFLAGS = $(plugin_ldflags)
plugins_rank_la_LIBADD = plugins/libcommon.la -lm

#: plugins/relax*.[ch] plugins/python_stage.[ch]
plugins_relax_la_SOURCES = \
	plugins/python_stage.c \
	plugins/python_stage.h \
	plugins/relax.c

plugins_relax_la_CPPFLAGS = $(plugin_cppflags)
plugins_relax_la_CFLAGS = $(plugin_cflags)
plugins_relax_la_LDFLAGS = $(plugin_ldflags)
plugins_relax_la_LIBADD = plugins/libcommon.la -lm

#: plugins/templates.[ch]
plugins_templates_la_SOURCES = \
	plugins/templates.c

plugins_templates_la_CPPFLAGS = $(plugin_cppflags)
plugins_templates_la_CFLAGS = $(plugin_cflags)
plugins_templates_la_LDFLAGS = $(plugin_ldflags)
plugins_templates_la_LIBADD = plugins/libcommon.la -lm

#: plugins/templates_hmmsearch*.[ch]
plugins_templates_hmmsearch_la_SOURCES = \
	plugins/templates_hmmsearch.c

plugins_templates_hmmsearch_la_CPPFLAGS = $(plugin_cppflags)
plugins_templates_hmmsearch_la_CFLAGS = $(plugin_cflags)
plugins_templates_hmmsearch_la_LDFLAGS = $(plugin_ldflags)
plugins_templates_hmmsearch_la_LIBADD = plugins/libcommon.la -lm

#: plugins/python/*.py plugins/python/*.txt
dist_pluginpy_DATA = \
	plugins/python/af2flow_worker.py \
	plugins/python/alphafold-requirements-gpu.txt \
	plugins/python/alphafold-requirements.txt \
	plugins/python/alphafold_batches.py \
	plugins/python/alphafold_config.py \
	plugins/python/alphafold_memory.py \
	plugins/python/alphafold_network.py \
	plugins/python/alphafold_outputs.py \
	plugins/python/alphafold_programs.py \
	plugins/python/alphafold_versions.py \
	plugins/python/compile_alphafold.py \
	plugins/python/features_alphafold.py \
	plugins/python/features_read.py \
	plugins/python/features_rules.py \
	plugins/python/padded_length.py \
	plugins/python/predict_alphafold.py \
	plugins/python/predict_promod3.py \
	plugins/python/programs_alphafold.py \
	plugins/python/relax_bounds.py \
	plugins/python/relax_openmm.py \
	plugins/python/relax_violations.py

