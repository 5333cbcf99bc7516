/* SPDX-License-Identifier: Apache-2.0
 *
 * Letters of amino acids as the numbers of AlphaFold2's features, and the species in a
 * UniProt name.
 */
#ifndef PLUGINS_COMMON_RESIDUES_H
#define PLUGINS_COMMON_RESIDUES_H

/* HHBLITS_AA_TO_ID: A C D E F G H I K L M N P Q R S T V W Y X - are 0..21; B is D, J
 * and O are X, U is C, Z is E. -1 for anything else. */
int residue_msa_id(char letter);
/* restype order A R N D C Q E G H I L K M F P S T W Y V, 20 for any other letter. */
int residue_aatype(char letter);
/* The species code of "tr|ACCESSION|NAME_SPECIES/1-99": "" if the name is no such one.
 * `species` holds at least 6 bytes. */
void residue_species(const char *name, char *species);

#endif
