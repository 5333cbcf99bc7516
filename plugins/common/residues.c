/* SPDX-License-Identifier: Apache-2.0
 *
 * Letters of amino acids as numbers, and the species in a UniProt name.
 */
#include "residues.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

int
residue_msa_id(char letter)
{
	/* A to Z */
	static const signed char ids[26] = {0,  2,  1, 2,  3,  4,  5,  6,  7,
					    20, 8,  9, 10, 11, 20, 12, 13, 14,
					    15, 16, 1, 17, 18, 20, 19, 3};
	if (letter == '-')
		return 21;
	return letter >= 'A' && letter <= 'Z' ? ids[letter - 'A'] : -1;
}

int
residue_aatype(char letter)
{
	static const char order[] = "ARNDCQEGHILKMFPSTWYV";
	const char *found = letter ? strchr(order, letter) : NULL;
	return found ? (int)(found - order) : 20;
}

/* Length of the letters and digits at `text`, no more than `most`. */
static size_t
alnum_length(const char *text, size_t most)
{
	size_t n = 0;
	while (n < most && isalnum((unsigned char)text[n]))
		n++;
	return n;
}

/*
 * What AlphaFold2 takes for a UniProt name, up to the first '/':
 *     (tr|sp) '|' [A-Za-z0-9]{6,10} (_ digit)? '|' [A-Za-z0-9]+ _ ([A-Za-z0-9]{1,5})
 *     (_ digits)? end
 */
void
residue_species(const char *name, char *species)
{
	species[0] = '\0';
	if (strncmp(name, "tr|", 3) != 0 && strncmp(name, "sp|", 3) != 0)
		return;
	const char *p = name + 3;
	size_t n = alnum_length(p, 11);
	if (n < 6 || n > 10)
		return;
	p += n;
	if (p[0] == '_' && isdigit((unsigned char)p[1]))
		p += 2;
	if (*p++ != '|')
		return;
	n = alnum_length(p, (size_t)-1);
	if (n == 0 || p[n] != '_')
		return;
	p += n + 1;
	n = alnum_length(p, 6);
	if (n == 0 || n > 5)
		return;
	const char *end = p + n;
	if (*end == '_' && isdigit((unsigned char)end[1]))
		end += 1 + strspn(end + 1, "0123456789");
	if (*end != '\0' && *end != '/')
		return;
	memcpy(species, p, n);
	species[n] = '\0';
}
