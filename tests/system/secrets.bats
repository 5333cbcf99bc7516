#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Secret parameters: their values are nowhere but in the plugin and its programs' environment.
load helper

SECRET='hunter2"secret\value'

# A plugin that tells its secret wherever it can; $STAGES is its folder.
stages() {
    STAGES=$BATS_FILE_TMPDIR/stages
    [ ! -e "$STAGES/leaky.so" ] || return 0
    mkdir -p "$STAGES"
    cat >"$STAGES/leaky.c" <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fixture.h>

static const af2_host *af2;

static af2_outcome
fingerprint(af2_task *task)
{
	af2->fingerprint_add(task, "print", af2->param(task, "token"));
	return AF2_OK;
}

static af2_outcome
run(af2_task *task)
{
	const char *token = af2->param(task, "token"), *what = af2->param(task, "what");
	FILE *f;

	printf("token %s on stdout\n", token);
	fflush(stdout);
	fprintf(stderr, "token %s on stderr\n", token);
	af2->log(AF2_WARN, "token %s logged", token);
	af2->progress(0.5, token);
	af2->value_text(task, "token", token);
	if (!strcmp(what, "fail"))
		return af2->fail(task, AF2_CLASS_PERMANENT, "token %s refused", token);
	if (!strcmp(what, "skip"))
		return af2->skip(task, "token %s skipped", token);
	if (!strcmp(what, "crash"))
		abort();
	f = fopen(af2->output(task, "o", NULL, "o"), "w");
	if (!f)
		return AF2_FAIL;
	fprintf(f, "%zu bytes\n", strlen(token));
	fclose(f);
	return AF2_OK;
}

const af2_plugin *
af2_plugin_entry(const af2_host *host)
{
	static const af2_param params[] = {
		{.name = "what"},
		{.name = "token", .flags = AF2_PARAM_SECRET | AF2_PARAM_REQUIRED},
	};
	static const af2_port out[] = {{.name = "o", .types = "text"}};
	static const af2_plugin plugin = {FIXTURE_HEAD("leaky"),
					  .params = params,
					  .param_count = FIXTURE_COUNT(params),
					  .outputs = out,
					  .output_count = FIXTURE_COUNT(out),
					  .fingerprint = fingerprint,
					  .run = run};

	af2 = host;
	return &plugin;
}
C
    "${CC:-cc}" -I"$AF2_SRCDIR/engine/include" -I"$FIX/plugins" -D_GNU_SOURCE -fPIC -shared \
        -o "$STAGES/leaky.so" "$STAGES/leaky.c"
}

# Nothing below these folders holds the secret, nor a piece of it, plain or as JSON.
nowhere() {
    local found
    found=$(grep -rlaF -e 'hunter2"' -e 'hunter2\' -e 'secret\value' -e 'secret\\value' "$@" || true)
    if [ -n "$found" ]; then
        echo "the secret stands in: $found"
        return 1
    fi
}

@test "a secret reaches the program's environment and nothing else" {
    mkfifo gate
    cat >show.sh <<'SH'
printf '%s\n' "$TOKEN"
printf '%s\n' "$TOKEN" >&2
read -r x <"$1"
echo ${#TOKEN} >"$2"
SH
    workflow s <<'DOT'
digraph s {
  graph [token="", gate=""]
  a [plugin=command, argv="sh show.sh ${gate} ${out.n}", files="show.sh", outputs="n:text",
     "secret.TOKEN"="${token}"]
}
DOT
    MY_TOKEN=$SECRET af2flow run s.dot -p token=env:MY_TOKEN -p gate="$ROOM/gate" \
        --run-dir r --store st >log 2>&1 3>&- &
    pid=$!
    wait_for 20 test -s r/tasks/a/attempt-1/stderr
    # while it runs: no command line, of whatever process, tells it
    for c in /proc/[0-9]*/cmdline; do
        if grep -qaF 'hunter2"' "$c" 2>/dev/null; then # other tests have pieces of it
            cat "$c"
            return 1
        fi
    done
    echo >gate
    wait $pid
    [ "$(cat r/results/a/n)" = ${#SECRET} ]
    nowhere r st log home
    # both streams were captured, as long as before, but unreadable
    [ "$(wc -c <r/tasks/a/attempt-1/stdout)" = $((${#SECRET} + 1)) ]
    grep -q '^\**$' r/tasks/a/attempt-1/stderr
    for c in "status r" "status r --json" "log r a" "graph r --dot" "graph s.dot"; do
        # shellcheck disable=SC2086 # words
        MY_TOKEN=$SECRET af2flow $c >>said 2>&1
    done
    nowhere said
    grep -q 'env:MY_TOKEN' r/meta.json
}

@test "a secret from a file; another value, or another place, runs nothing again" {
    printf '%s\n' "$SECRET" >token
    workflow s <<'DOT'
digraph s {
  graph [token="file:token"]
  a [plugin=command, argv="sh -c 'printf %s $TOKEN | wc -c >$0' ${out.n}", outputs="n:text",
     "secret.TOKEN"="${token}"]
}
DOT
    # shellcheck disable=SC2016 # the program's, not ours
    sed -i 's/printf %s \$TOKEN/printf %s \\"$TOKEN\\"/' s.dot
    (cd / && expect 0 af2flow run "$ROOM/s.dot" --run-dir "$ROOM/r" --store "$ROOM/st")
    [ "$(cat r/results/a/n)" = ${#SECRET} ]
    nowhere r st
    OTHER=other-value expect 0 af2flow run s.dot --run-dir r2 --store st -p token=env:OTHER
    said "nothing to do"
}

@test "whatever a plugin says of its secret is made unreadable" {
    stages
    printf '%s' "$SECRET" >token
    for what in ok fail skip crash; do
        cat >w.dot <<DOT
digraph w { a [plugin=leaky, what=$what, token="file:token"] }
DOT
        run af2flow run w.dot --plugin-dir "$STAGES" --run-dir "r-$what" --store st
        echo "$output" >"out-$what"
        case $what in
        ok) [ "$status" = 0 ] ;;
        fail) [ "$status" = 1 ] && said "a: permanent: token ******************** refused" ;;
        skip) [ "$status" = 3 ] && said "token ******************** skipped" ;;
        crash) [ "$status" = 1 ] && said "plugin crashed while running" ;;
        esac
        nowhere "r-$what" st "out-$what" home "$XDG_CACHE_HOME"
        grep -q '^token \*\** on stdout' "r-$what/tasks/a/attempt-1/stdout"
        af2flow log "r-$what" a >"log-$what"
        nowhere "log-$what"
    done
    [ "$(cat r-ok/results/a/o)" = "${#SECRET} bytes" ]
}

@test "a secret split over two writes is unreadable, too" {
    workflow s <<'DOT'
digraph s {
  a [plugin=command, argv="sh -c 'printf hunter2; sleep 0.5; printf secret; sleep 0.5; echo value'",
     "secret.TOKEN"="env:TOKEN"]
}
DOT
    TOKEN=hunter2secretvalue expect 0 af2flow run s.dot --run-dir r
    [ "$(cat r/tasks/a/attempt-1/stdout)" = "******************" ]
}

@test "a variable that holds a secret is in no other task's environment" {
    cat >show.sh <<'SH'
printf '%s:%s:%s\n' "$1" "$MY_TOKEN" "$TOKEN"
env
SH
    workflow s <<'DOT'
digraph s {
  node [plugin=command, files="show.sh"]
  a [argv="sh show.sh a", "secret.TOKEN"="env:MY_TOKEN"]
  b [argv="sh show.sh b"]
}
DOT
    MY_TOKEN=$SECRET OTHER=kept expect 0 af2flow run s.dot --run-dir r
    nowhere r
    grep -q '^a::\*\**$' r/tasks/a/attempt-1/stdout
    grep -qx 'b::' r/tasks/b/attempt-1/stdout
    grep -qx 'OTHER=kept' r/tasks/b/attempt-1/stdout
    if grep -q MY_TOKEN r/tasks/b/attempt-1/stdout; then return 1; fi
}

@test "a value in the workflow or on the command line is refused, and not repeated" {
    workflow s <<'DOT'
digraph s { graph [token=""] a [plugin=command, argv="true", "secret.TOKEN"="${token}"] }
DOT
    expect 2 af2flow run s.dot -p token="$SECRET" --run-dir r
    said "s.dot:1"
    said "'secret.TOKEN' is secret"
    said "env:NAME or file:PATH"
    not_said hunter2
    [ ! -e r ]
    workflow t <<'DOT'
digraph t { a [plugin=command, argv="true", "secret.TOKEN"="hunter2", retries=1,
  "retry.secret.TOKEN"="hunter2secret"] }
DOT
    expect 2 af2flow check t.dot
    not_said hunter2
    workflow u <<'DOT'
digraph u { a [plugin=command, argv="true", expand="k=1..2", "secret.TOKEN"="file:hunter2${k}"] }
DOT
    expect 2 af2flow check u.dot
    said "is secret"
}

@test "a secret that is not to be had is found by the check" {
    workflow s <<'DOT'
digraph s { a [plugin=command, argv="true", "secret.TOKEN"="env:NO_SUCH_TOKEN"] }
DOT
    expect 2 af2flow run s.dot --run-dir r
    said "'NO_SUCH_TOKEN' is not set"
    [ ! -e r ]
    sed -i 's/env:NO_SUCH_TOKEN/file:none/' s.dot
    expect 2 af2flow check s.dot
    said "/none': No such file"
    sed -i 's/file:none//' s.dot
    expect 0 af2flow run s.dot --run-dir r
}

@test "a plugin's secret must be a string without a default value" {
    stages
    mkdir bad
    sed 's/.name = "token",/.name = "token", .default_value = "hunter2",/; s/"leaky"/"bad"/' \
        "$STAGES/leaky.c" >bad/bad.c
    "${CC:-cc}" -I"$AF2_SRCDIR/engine/include" -I"$FIX/plugins" -D_GNU_SOURCE -fPIC -shared \
        -o bad/bad.so bad/bad.c
    rm bad/bad.c
    run af2flow plugins info bad --plugin-dir bad
    [ "$status" = 2 ]
    said "secret parameter 'token'"
    not_said hunter2
}

@test "a secret that is gone when its task would start fails that task alone" {
    echo "$SECRET" >token
    chmod 600 token
    workflow g <<'DOT'
digraph g {
  graph [token=""]
  node [plugin=command]
  a [argv="rm ${token}", priority=9]
  b [argv="true", priority=5, "secret.TOKEN"="file:${token}"]
  c [argv="true"]
}
DOT
    expect 1 af2flow run g.dot -p token="$ROOM/token" --run-dir r --cpus 1
    said "b: permanent: 'secret.TOKEN': "
    said "2 done (0 of them stood already), 1 failed"
}
