/* SPDX-License-Identifier: Apache-2.0
 *
 * The helpers of the stage plugins, where the plugins' own tests do not reach.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* cmocka's macro fail() would hide af2_host.fail: it comes last. */
#include "../../plugins/common/dates.h"
#include "../../plugins/common/fasta.h"
#include "../../plugins/common/json_text.h"
#include "../../plugins/common/msa.h"
#include "../../plugins/common/neff.h"
#include "../../plugins/common/npz.h"
#include "../../plugins/common/residues.h"
#include "../../plugins/common/stockholm.h"
#include "../../plugins/common/text.h"

#include <cmocka.h>

static char dir[64];

static int
make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/test_common.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int
remove_dir(void **state)
{
	(void)state;
	char path[128];
	static const char *const names[] = {"in", "out"};
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

static const char *
in_file(const char *text)
{
	static char path[128];
	snprintf(path, sizeof(path), "%s/in", dir);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	return path;
}

static const char *
out_path(void)
{
	static char path[128];
	snprintf(path, sizeof(path), "%s/out", dir);
	return path;
}

static const char *
out_text(void)
{
	static char text[4096];
	FILE *f = fopen(out_path(), "r");
	assert_non_null(f);
	size_t n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	return text;
}

static void
tells_files_that_cannot_be_read(void **state)
{
	(void)state;
	struct fault fault = {0};
	struct msa msa = {0};
	assert_int_equal(msa_read(&msa, "/nonexistent", 0, &fault), -1);
	assert_string_equal(fault.text,
			    "cannot open '/nonexistent': No such file or directory");
	assert_int_equal(msa_read(&msa, "/", 0, &fault), -1);
	assert_string_equal(fault.text, "cannot read '/': Is a directory");
	assert_int_equal(fasta_count("/nonexistent", 2, &fault), -1);
	assert_int_equal(fasta_count("/", 2, &fault), -1);
}

static void
tells_a_full_disk(void **state)
{
	(void)state;
	struct fault fault = {0};
	FILE *f = out_open("/dev/full", &fault);
	assert_non_null(f);
	fputs("x", f);
	assert_int_equal(out_close(f, "/dev/full", &fault), -1);
	assert_int_equal(fault.cls, AF2_CLASS_TRANSIENT);
	assert_non_null(strstr(fault.text, "No space left on device"));
	assert_null(out_open("/nonexistent/x", &fault));
	assert_int_equal(fault.cls, AF2_CLASS_PERMANENT);
	struct npz *z = npz_open("/dev/full", &fault);
	assert_non_null(z);
	npz_add(z, "a", "<i4", 4, 1, (size_t[]){1}, &(int){1});
	assert_int_equal(npz_close(z, &fault), -1);
	assert_int_equal(fault.cls, AF2_CLASS_TRANSIENT);
}

static void
npz_checks_its_shapes(void **state)
{
	(void)state;
	struct fault fault = {0};
	for (size_t n = 1; n <= 3; n++) {
		struct npz *z = npz_open(out_path(), &fault);
		assert_non_null(z);
		npz_add(z, "a", "<i4", 4, 1, &n, (int[]){1, 2, 3});
		npz_begin(z, "b", "<i4", 1, (size_t[]){2});
		npz_write(z, (int[]){1, 2, 3}, n * sizeof(int));
		npz_end(z);
		assert_int_equal(npz_close(z, &fault), n == 2 ? 0 : -1);
	}
	assert_non_null(strstr(fault.text, "an array and its shape disagree"));
}

static void
writes_a3m_as_alphafold2(void **state)
{
	(void)state;
	struct fault fault = {0};
	struct stockholm sto = {0};
	size_t written;
	/* b equals a but for an insertion; d's column is empty once b is gone. */
	const char *path = in_file("# STOCKHOLM 1.0\n#=GS b/1-3 DE second\n"
				   "#=GS a/1-3   DE the first\n#=GS gone/1 DE never\n\n"
				   "query   M-K--\na/1-3   MCR--\nb/1-3   M-R-W\n"
				   "#=GR a/1-3 PP 999..\nc/1 --Kd-\n#=GC RF x.x..\n\n"
				   "query V\na/1-3 -\nb/1-3 -\nc/1 .\n//\n");
	assert_int_equal(stockholm_read(&sto, path, 0, &fault), 0);
	assert_int_equal(sto.count, 4);
	assert_string_equal(sto.rows[1].description, "the first");
	assert_int_equal(stockholm_write_a3m(&sto, out_path(), &written, &fault), 0);
	assert_int_equal(written, 3);
	assert_string_equal(out_text(),
			    ">query \nMKV\n>a/1-3 the first\nMcR-\n>c/1 \n-Kd-\n");
	stockholm_free(&sto);
	sto = (struct stockholm){0};
	assert_int_equal(stockholm_read(&sto, path, 2, &fault), 0);
	assert_int_equal(sto.count, 2);
	assert_string_equal(sto.rows[1].letters, "MCR---");
	stockholm_free(&sto);
}

static void
truncates_line_by_line(void **state)
{
	(void)state;
	struct fault fault = {0};
	size_t kept, total;
	const char *path =
		in_file("# STOCKHOLM 1.0\n#=GF ID x\n\n#=GS b DE second\n"
			"#=GS a DE first\n\nq   MK\na   MR\n#=GR a PP 99\n"
			"b   MM\n#=GC RF  xx\n#=GC PP_cons 99\n\nq V\na -\nb W\n"
			"#=GC RF x\n//\n");
	assert_int_equal(stockholm_truncate(path, out_path(), 2, &kept, &total, &fault),
			 0);
	assert_int_equal(kept, 2);
	assert_int_equal(total, 3);
	assert_string_equal(out_text(),
			    "# STOCKHOLM 1.0\n\n#=GS a DE first\n\nq   MK\na   MR\n"
			    "#=GC RF  xx\n\nq V\na -\n#=GC RF x\n//\n");
	assert_int_equal(stockholm_truncate(path, NULL, 0, &kept, &total, &fault), 0);
	assert_int_equal(kept, 3);
	path = in_file("# STOCKHOLM 1.0\n//\n");
	assert_int_equal(stockholm_truncate(path, out_path(), 2, &kept, &total, &fault),
			 -1);
	assert_non_null(strstr(fault.text, "an alignment without rows"));
	path = in_file("");
	assert_int_equal(stockholm_truncate(path, out_path(), 2, &kept, &total, &fault),
			 -1);
	assert_non_null(strstr(fault.text, "is empty"));
}

static void
many_rows_keep_their_order(void **state)
{
	(void)state;
	struct fault fault = {0};
	struct stockholm sto = {0};
	char path[128], name[32];
	snprintf(path, sizeof(path), "%s/in", dir);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs("# STOCKHOLM 1.0\n", f);
	for (int i = 999; i >= 0; i--)
		fprintf(f, "#=GS row%d DE d%d\n", i, i);
	for (int block = 0; block < 3; block++) {
		fputc('\n', f);
		for (int i = 0; i < 1000; i++)
			fprintf(f, "row%d %s\n", i, block == 1 ? "W" : "MK");
	}
	fputs("//\n", f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(stockholm_read(&sto, path, 700, &fault), 0);
	assert_int_equal(sto.count, 700);
	for (int i = 0; i < 700; i++) {
		snprintf(name, sizeof(name), "row%d", i);
		assert_string_equal(sto.rows[i].name, name);
		assert_string_equal(sto.rows[i].letters, "MKWMK");
		snprintf(name, sizeof(name), "d%d", i);
		assert_string_equal(sto.rows[i].description, name);
	}
	stockholm_free(&sto);
}

static void
knows_residues(void **state)
{
	(void)state;
	const char *letters = "ACDEFGHIKLMNPQRSTVWYX-";
	for (int i = 0; letters[i]; i++)
		assert_int_equal(residue_msa_id(letters[i]), i);
	const char *others = "BJOUZ";
	const int ids[] = {2, 20, 20, 1, 3};
	for (int i = 0; others[i]; i++)
		assert_int_equal(residue_msa_id(others[i]), ids[i]);
	assert_int_equal(residue_msa_id('a'), -1);
	assert_int_equal(residue_msa_id('*'), -1);
	assert_int_equal(residue_aatype('A'), 0);
	assert_int_equal(residue_aatype('V'), 19);
	assert_int_equal(residue_aatype('U'), 20);
	assert_int_equal(residue_aatype('\0'), 20);
}

static void
finds_species(void **state)
{
	(void)state;
	static const struct {
		const char *name, *species;
	} cases[] = {
		{"tr|A0A146SKV9|A0A146SKV9_FUNHE", "FUNHE"},
		{"sp|P0C2L1|A3X1_LOXLA", "LOXLA"},
		{"sp|P0C2L1|A3X1_LOXLA/3-88", "LOXLA"},
		{"tr|A0A146SKV9_1|A0A146SKV9_FUNHE_123/1-2", "FUNHE"},
		{"tr|A0A146SKV9|A0A146SKV9_FUNHEX", ""},
		{"tr|A0A14|X_HUMAN", ""},
		{"tr|A0A146SKV9|_HUMAN", ""},
		{"UniRef90_A0A146SKV9/1-3", ""},
		{"tr|A0A146SKV9|A_HUMAN_x", ""},
		{"", ""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char species[6];
		residue_species(cases[i].name, species);
		assert_string_equal(species, cases[i].species);
	}
}

static void
knows_dates(void **state)
{
	(void)state;
	assert_true(date_is_valid("2020-02-29"));
	assert_true(date_is_valid("2000-02-29"));
	assert_false(date_is_valid("1900-02-29"));
	assert_false(date_is_valid("2020-00-10"));
	assert_false(date_is_valid("2020-01-00"));
	assert_false(date_is_valid("2020-1-1"));
	assert_false(date_is_valid(""));
	struct dates dates = {0};
	struct fault fault = {0};
	assert_null(dates_find(&dates, "4gel"));
	assert_int_equal(dates_read(&dates,
				    in_file("9xyz 2001-01-01\r\n4GEL\t2012-08-15\n"),
				    &fault),
			 0);
	assert_string_equal(dates_find(&dates, "4gel"), "2012-08-15");
	assert_string_equal(dates_find(&dates, "9XYZ"), "2001-01-01");
	assert_null(dates_find(&dates, "4ge"));
	dates_free(&dates);
}

static int
stop(double share)
{
	assert_true(share > 0 && share <= 1);
	return 1;
}

static void
neff_of_many_columns(void **state)
{
	(void)state;
	/* More than 255 x 16 columns: the byte counters must be emptied on the way. */
	enum { COLUMNS = 5003 };
	static char a[COLUMNS + 1], b[COLUMNS + 1], gaps[COLUMNS + 1];
	memset(a, 'A', COLUMNS);
	memset(b, 'A', COLUMNS);
	memset(gaps, '-', COLUMNS);
	memset(b, 'C', COLUMNS / 5);
	const char *rows[] = {a, b, gaps, gaps};
	assert_true(fabs(neff(rows, 2, COLUMNS, 0, NULL) - 1) < 1e-9);
	memset(b, 'C', COLUMNS / 5 + 1);
	assert_true(fabs(neff(rows, 2, COLUMNS, 0, NULL) - 2) < 1e-9);
	assert_true(neff(NULL, 0, 0, 0, NULL) == 0);
	const char *many[64];
	for (int i = 0; i < 64; i++)
		many[i] = a;
	assert_true(neff(many, 64, 100, 0, stop) == -2);
}

static void
escapes_json(void **state)
{
	(void)state;
	FILE *f = fopen(out_path(), "w");
	assert_non_null(f);
	json_text(f, "\"\\\n\x7f \xc3\xa9 \xc0\xaf \xed\xa0\x80 \xf0\x9f\xa7\xac \xf5");
	assert_int_equal(fclose(f), 0);
	assert_string_equal(out_text(),
			    "\\\"\\\\\\u000a\\u007f \xc3\xa9 \\ufffd\\ufffd "
			    "\\ufffd\\ufffd\\ufffd \xf0\x9f\xa7\xac \\ufffd");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_files_that_cannot_be_read),
		cmocka_unit_test(tells_a_full_disk),
		cmocka_unit_test(npz_checks_its_shapes),
		cmocka_unit_test(writes_a3m_as_alphafold2),
		cmocka_unit_test(truncates_line_by_line),
		cmocka_unit_test(many_rows_keep_their_order),
		cmocka_unit_test(knows_residues),
		cmocka_unit_test(finds_species),
		cmocka_unit_test(knows_dates),
		cmocka_unit_test(neff_of_many_columns),
		cmocka_unit_test(escapes_json),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
