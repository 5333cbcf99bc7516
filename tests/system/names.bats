#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Nothing that a workflow, a FASTA file or a stage names leaves the run and its store, and no
# symlink that somebody planted there is followed.
load helper

bats_require_minimum_version 1.5.0

# A stage that does what it must not; $STAGES is its folder. "what" says what, "name" how.
stages() {
    STAGES=$BATS_FILE_TMPDIR/stages
    [ ! -e "$STAGES/evil.so" ] || return 0
    mkdir -p "$STAGES"
    cat >"$STAGES/evil.c" <<'C'
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fixture.h>

static const af2_host *af2;

static int
put(const char *path, const char *text)
{
	FILE *f = path ? fopen(path, "w") : NULL;

	if (!f)
		return -1;
	fputs(text, f);
	return fclose(f);
}

static int
make_socket(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (chdir(path) < 0)
		return -1;
	strcpy(a.sun_path, "s");
	return bind(fd, (struct sockaddr *)&a, sizeof a);
}

/* The bytes that a name in the workflow cannot hold. */
static const char *
real_name(const char *name)
{
	static char longest[300];

	memset(longest, 'x', 256);
	return !strcmp(name, "LONG")      ? longest
	       : !strcmp(name, "NEWLINE") ? "a\nb"
	       : !strcmp(name, "CONTROL") ? "a\001b"
	       : !strcmp(name, "LATIN1")  ? "a\344b"
	       : !strcmp(name, "EMPTY")   ? ""
					  : name;
}

/* Plant what must not be in the folder output. */
static int
plant(const char *dir, const char *what, const char *name)
{
	char path[PATH_MAX], other[PATH_MAX];

	snprintf(path, sizeof path, "%s/x", dir);
	snprintf(other, sizeof other, "%s/y", dir);
	if (!strcmp(what, "link"))
		return symlink(name, path);
	if (!strcmp(what, "link-by-link")) /* y is here, so y/.. is outside */
		return symlink(".", other) < 0 ? -1 : symlink("y/../../..", path);
	if (!strcmp(what, "hard"))
		return link(name, path);
	if (!strcmp(what, "fifo"))
		return mkfifo(path, 0600);
	if (!strcmp(what, "socket"))
		return make_socket(dir);
	if (!strcmp(what, "device"))
		return mknod(path, S_IFCHR | 0600, 0x103);
	return put(path, "fine\n");
}

static af2_outcome
run(af2_task *task)
{
	const char *what = af2->param(task, "what"), *name = af2->param(task, "name");
	const char *file = NULL, *path;
	char moved[PATH_MAX];

	if (!strcmp(what, "file")) {
		path = af2->output(task, "o", NULL, real_name(name));
		put(path, "evil\n");
		return AF2_OK;
	}
	put(af2->output(task, "o", NULL, file), "o\n");
	if (!strcmp(what, "element")) {
		put(af2->output(task, "list", real_name(name), NULL), "element\n");
		return AF2_OK;
	}
	path = af2->output(task, "d", NULL, NULL);
	if (!strcmp(what, "root-link"))
		return rmdir(path) < 0 || symlink(name, path) < 0 ? AF2_FAIL : AF2_OK;
	if (!strcmp(what, "merged")) {
		snprintf(moved, sizeof moved, "%s/%s", path, real_name(name));
		put(moved, "merged\n");
		return AF2_OK;
	}
	if (!strcmp(what, "swap")) { /* the whole folder for a link to another */
		snprintf(moved, sizeof moved, "%s", path);
		*strrchr(moved, '/') = '\0';
		path = strdup(moved);
		strcat(moved, ".real");
		return rename(path, moved) < 0 || symlink(name, path) < 0 ? AF2_FAIL : AF2_OK;
	}
	if (plant(path, what, name) < 0)
		return af2->fail(task, AF2_CLASS_TRANSIENT, "cannot plant %s: %m", what);
	return AF2_OK;
}

const af2_plugin *
af2_plugin_entry(const af2_host *host)
{
	static const af2_param params[] = {{.name = "what"}, {.name = "name"}};
	static const af2_port out[] = {
		{.name = "o", .types = "text", .publish = "../../../{file}"},
		{.name = "d", .types = "dir", .cardinality = AF2_OPTIONAL, .publish = "./."},
		{.name = "list", .types = "text", .cardinality = AF2_MANY,
		 .publish = "{node}/..//{branch}{file}"},
	};
	static const af2_plugin plugin = {FIXTURE_HEAD("evil"),
					  .params = params,
					  .param_count = FIXTURE_COUNT(params),
					  .outputs = out,
					  .output_count = FIXTURE_COUNT(out),
					  .run = run};

	af2 = host;
	return &plugin;
}
C
    "${CC:-cc}" -I"$AF2_SRCDIR/engine/include" -I"$FIX/plugins" -D_GNU_SOURCE -fPIC -shared \
        -o "$STAGES/evil.so" "$STAGES/evil.c"
}

# A file and a folder that nobody may touch, and a look whether all is as it was.
victims() {
    mkdir -p victim/folder
    echo precious >victim/file
    chmod 700 victim/folder
    picture >before
}

picture() {
    find . -mindepth 1 \( -path ./r -o -path ./st -o -path ./home -o -path ./before -o -path ./after \) -prune \
        -o -printf '%p %y %m %s %T@\n' | sort
}

untouched() {
    picture >after
    diff before after
}

# evil WHAT NAME: run that stage alone
evil() {
    cat >w.dot <<DOT
digraph w { e [plugin=evil, what="$1", name="$2"] }
DOT
    rm -rf r st
    victims
    run --separate-stderr timeout 60 af2flow run w.dot --plugin-dir "$STAGES" --run-dir r --store st
    output="$output$stderr"
}

@test "names of outputs: paths, controls, too long, not UTF-8, the store's own" {
    stages
    for name in ../x ../../../x /tmp/x a/b . .. EMPTY LONG NEWLINE CONTROL LATIN1 result.json; do
        for what in file element; do
            [ "$what $name" != "element result.json" ] || continue
            evil $what "$name"
            if [ "$status" != 1 ] || [[ $output != *"e: permanent: output '"* ]]; then
                echo "$what $name: exit $status: $output"
                return 1
            fi
            untouched
            [ "$(find st/objects -type f | wc -l)" = 0 ]
        done
    done
}

@test "names of outputs that are odd and no more" {
    stages
    for name in -rf .hidden "a b" "ä" "x." "~" "*" "con" "\$(id)" "a'b" .published .tmp-x; do
        for what in file element; do
            evil $what "$name"
            if [ "$status" != 0 ]; then
                echo "$what $name: exit $status: $output"
                return 1
            fi
            untouched
            # they stand below results/, and none of them is hidden or an option
            [ "$(find r/results -type f ! -name .published | wc -l)" -ge 1 ]
            [ -z "$(find r/results -name '.*' ! -name .published; find r/results -name '-*')" ]
            again=$(af2flow run w.dot --plugin-dir "$STAGES" --run-dir r --store st 2>&1)
            [[ $again == *"nothing to do"* ]]
        done
    done
}

@test "outputs that are no files: links out, FIFOs, sockets, devices" {
    stages
    for what in "link $ROOM/victim/file" "link ../../../victim" "link-by-link x" "fifo x" "socket x" \
        "root-link $ROOM/victim/folder" "device x"; do
        if [ "$what" = "device x" ] && ! mknod try c 1 3 2>/dev/null; then continue; fi
        rm -f try
        evil ${what% *} "${what#* }"
        if [ "$status" != 1 ] || [[ $output != *"e: output-missing: output 'd'"* ]]; then
            echo "$what: exit $status: $output"
            return 1
        fi
        untouched
    done
    evil none x
    [ "$status" = 0 ]
}

@test "a hard link in an output is a file of its own afterwards" {
    stages
    victims
    evil hard "$ROOM/victim/file"
    if [[ $output == *"cannot plant"* ]]; then skip "this system allows no such hard link"; fi
    [ "$status" = 0 ]
    [ "$(cat victim/file)" = precious ]
    [ "$(stat -c '%h %a' victim/file)" = "1 $(printf %o $((0666 & ~$(umask))))" ]
}

@test "an output folder that was swapped for a link is not published" {
    stages
    evil swap "$ROOM/victim/folder"
    [ "$status" = 1 ]
    untouched
    [ ! -e victim/folder/result.json ]
}

@test "files merged into results/ keep away from what is the engine's" {
    stages
    for name in .published NEWLINE LATIN1; do
        evil merged $name
        if [ "$status" != 0 ] || [[ $output != *"is not published: '"* ]]; then
            echo "$name: exit $status: $output"
            return 1
        fi
        untouched
        again=$(af2flow run w.dot --plugin-dir "$STAGES" --run-dir r --store st 2>&1)
        [[ $again == *"nothing to do"* ]]
    done
}

@test "names of nodes and values of branches, also those that look like changed ones" {
    cat >w.dot <<'DOT'
digraph w {
  node [plugin=command, argv="sh -c 'echo $0' ${k}", outputs="o:text", stdout=o,
        expand="k=../../x,/abs,.,..,-rf,a/b,a_b,.published,A,a"]
  "../../../x"; "/abs"; "."; ".."; "-rf"; "a/b"; "a_b"; "a_b~d5a26ed5"; ".published"; "A"; "a"; "x\ty"
}
DOT
    victims
    expect 0 af2flow run w.dot --run-dir r --store st
    untouched
    [ "$(find r/results -type f ! -path r/results/.published | wc -l)" = 120 ]
    [ "$(find r/tasks -name out -type l | wc -l)" = 120 ]
    [ "$(find r/tasks -maxdepth 1 -mindepth 1 | wc -l)" = 12 ]
    expect 0 af2flow run w.dot --run-dir r --store st
    said "nothing to do"
    printf 'digraph w { "\377" [plugin=command, argv="true"] }\n' >v.dot
    expect 2 af2flow check v.dot
}

@test "names of files by a glob, and of FASTA records" {
    mkdir -p targets
    seq=MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ
    for name in -rf "a b" '$(id)' ";x" "..." "a*b" "~" "$(printf 'x%.0s' {1..240})"; do
        printf '>../../../%s\001 | ;rm -rf /\n%s\n' "$name" $seq >"targets/$name.fasta"
    done
    printf '>%s\n%s\n' "$(printf '/%.0s' {1..5000})" $seq >targets/long.fasta
    cat >w.dot <<'DOT'
digraph w { instance [fasta="${t}", expand="t=@targets/*.fasta"] }
DOT
    victims
    run --separate-stderr af2flow run w.dot --run-dir r --store st
    [ "$status" = 0 ]
    [[ $output == *"8 done"* ]] # not "....fasta": a glob finds no hidden files
    untouched
    [ -z "$(find r -name '-*')" ]
    af2flow status r >shown
    printf '%s' "$output$stderr" >>shown
    # what a terminal shows of it cannot steer it
    tr -d '\n' <shown | tr -dc '\000-\037\177' >controls
    [ ! -s controls ]
    # names that are no line of text cannot name branches
    for name in $'a\nb' $'a\tb' $'a\033[2Jb' $'a\377b'; do
        echo x >"targets/$name.fasta" || continue
        run --separate-stderr af2flow run w.dot --run-dir r --store st
        rm "targets/$name.fasta"
        [ "$status" = 2 ]
        [[ $stderr == *"w.dot:1"*"the name of the file 'a?"*"b' is no line of UTF-8 text"* ]]
        [ "$(wc -l <<<"$stderr")" = 2 ]
    done
}

# --- symlinks ----------------------------------------------------------------------------------

plain() {
    cat >w.dot <<'DOT'
digraph w {
  node [plugin=command]
  a [argv="sh -c 'echo said; echo a >$0' ${out.o}", outputs="o:text"]
  d [argv="sh -c 'echo d >$0/f' ${out.o}", outputs="o:dir"]
}
DOT
    rm -rf r st
    victims
}

go() {
    run --separate-stderr af2flow run w.dot --run-dir r --store st
}

# one_line STATUS TEXT: what the last `go` ended with, and its only complaint
one_line() {
    if [ "$status" != "$1" ] || [[ $stderr != *"$2"* ]] ||
        [ "$(grep -c '^af2flow: ' <<<"$stderr")" != 1 ]; then
        echo "exit $status: $stderr"
        return 1
    fi
}

@test "folders of a run that are symlinks are refused in one line" {
    for name in tasks results; do
        plain
        mkdir r
        ln -s ../victim/folder r/$name
        go
        one_line 2 "'$name' in it is a symlink"
        untouched
    done
    plain
    mkdir -p r/results
    ln -s ../../victim/folder r/results/a
    go
    [ "$status" = 1 ]
    [[ $stderr == *"'a' is a symlink: remove it"* ]] || [[ $stderr == *"r/results/a"* ]]
    untouched
    # links to outputs are for people: a run does without them
    plain
    mkdir -p r/tasks
    ln -s ../../victim/folder r/tasks/a
    go
    [ "$status" = 0 ]
    [[ $stderr == *"r/tasks/a"* ]]
    untouched
}

@test "files of a run that are symlinks give way in one line" {
    for name in journal index id lock lock.holder meta.json workflow.dot params.ini; do
        plain
        mkdir r
        ln -s ../victim/file r/$name
        go
        one_line 0 "r/$name' is no file: moved to "
        untouched
        [ ! -L r/$name ]
    done
}

@test "symlinks where an attempt's output, or a result, is to stand" {
    plain
    mkdir -p r/tasks/a/attempt-1
    ln -s ../../../../victim/file r/tasks/a/attempt-1/stdout
    go
    [ "$status" = 0 ]
    [[ $output$stderr == *"cannot keep what it prints in"* ]]
    untouched
    plain
    mkdir -p r/tasks/a
    ln -s ../../../victim/folder r/tasks/a/attempt-1
    go
    [ "$status" = 0 ]
    untouched
    plain
    mkdir -p r/results/a r/results/d
    ln -s ../../../victim/file r/results/a/o
    ln -s ../../../victim/folder r/results/d/o
    go
    [ "$status" = 0 ]
    untouched
    [ "$(cat r/results/a/o)" = a ] && [ ! -L r/results/a/o ]
    [ "$(cat r/results/d/o/f)" = d ] && [ ! -L r/results/d/o ]
}

@test "symlinks in a store are refused in one line" {
    for name in objects segments tmp runs engines cache; do
        plain
        mkdir st
        ln -s ../victim/folder st/$name
        go
        one_line 2 "'$name' in it is no folder"
        untouched
    done
    plain
    mkdir -p st/objects
    for i in 0 1 2 3 4 5 6 7 8 9 a b c d e f; do
        for k in 0 1 2 3 4 5 6 7 8 9 a b c d e f; do
            ln -s ../../victim/folder st/objects/$i$k
        done
    done
    go
    [ "$status" = 1 ]
    [[ $output$stderr == *"st': 'objects/"*"' is no folder"* ]]
    untouched
}

@test "a run directory, a store, a project that are symlinks are the user's own choice" {
    plain
    mkdir real-r real-st
    ln -s real-r r
    ln -s real-st st
    go
    [ "$status" = 0 ] && [ -z "$stderr" ]
    [ "$(cat r/tasks/a/out/o)" = a ]
    go
    [[ $output == *"nothing to do"* ]]
}
