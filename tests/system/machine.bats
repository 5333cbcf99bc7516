#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Slots on machines that are not here: topology files, declared GPUs, limits.
load helper

node=$FIX/topologies/gpu-2x38-8.xml
cpu_node=$FIX/topologies/cpu-2x38.xml

five() {
    workflow five <<'DOT'
digraph five {
  node [plugin=command]
  prep    [argv="echo prep", stdout=o, outputs="o:text", cpus=8]
  predict [argv="sh -c 'sleep 0.5; echo $CUDA_VISIBLE_DEVICES $OMP_NUM_THREADS'", inputs="i:text", stdout=o, outputs="o:text",
           expand="model=1..5", gpus=1, cpus=auto]
  prep -> predict
}
DOT
}

@test "five predict tasks: five GPUs, disjoint cores next to them" {
    five
    expect 0 af2flow run five.dot --run-dir r --topology "$node" --gpus 5
    af2flow status r --json >status.json
    /usr/bin/python3 - status.json "$node" r <<'PY'
import json, re, sys, xml.etree.ElementTree as ET
tasks = [t for t in json.load(open(sys.argv[1]))["tasks"] if t["node"] == "predict"]
assert len(tasks) == 5
def cpus(text):
    out = set()
    for part in text.split(","):
        a, _, b = part.partition("-")
        out |= set(range(int(a), int(b or a) + 1))
    return out
# GPU (by PCI bus id, in order) -> processing units of the nearest object with a cpuset
def mask(text):
    n, bits = 0, set()
    for word in reversed(text.split(",")):
        v = int(word or "0", 16)
        bits |= {n + i for i in range(32) if v >> i & 1}
        n += 32
    return bits
gpus = []
def walk(o, near):
    if o.get("cpuset"):
        near = mask(o.get("cpuset"))
    if o.get("type") == "PCIDev" and re.match(r"03(00|02)", o.get("pci_type", "")) and "10de" in o.get("pci_type"):
        gpus.append((o.get("pci_busid"), near))
    for c in o.findall("object"):
        walk(c, near)
for o in ET.parse(sys.argv[2]).getroot().findall("object"):
    walk(o, set())
gpus.sort()
assert len(gpus) == 8, len(gpus)
seen_gpus, seen_cpus = set(), set()
for t in tasks:
    a = t["attempts"][-1]
    mine = cpus(a["cpu_list"])
    assert a["gpus"] == 1 and a["gpu_ids"] not in seen_gpus, a
    assert mine and not mine & seen_cpus, (sorted(mine), sorted(seen_cpus))
    assert mine <= gpus[int(a["gpu_ids"])][1], "cores far from the GPU"
    seen_gpus.add(a["gpu_ids"])
    seen_cpus |= mine
    said = open("%s/tasks/predict/%s/out/o" % (sys.argv[3], t["branch"])).read().split()
    assert said == [a["gpu_ids"], str(a["cpus"])], (said, a)
print("GPUs", sorted(seen_gpus), "threads", len(seen_cpus))
PY
}

@test "GPUs that the machine lacks can be declared; fewer than asked is an error" {
    five
    sed -i 's/cpus=8/cpus=1/' five.dot
    expect 0 af2flow run five.dot --run-dir r --gpus 5
    # at most as many at once as there are cores, so an id may come twice
    for f in r/results/predict/*/o; do
        [[ $(cut -d' ' -f1 "$f") == [0-4] ]]
    done
    [ "$(ls r/results/predict | wc -l)" = 5 ]
    expect 2 af2flow run five.dot --run-dir r2 --store s2 --topology "$node" --gpus 9
    said "8"
}

@test "without a GPU, gpus=auto means none and gpus=1 is an error that says so" {
    five
    expect 2 af2flow run five.dot --run-dir r --topology "$cpu_node"
    said "predict"
    said "GPU"
    sed -i 's/gpus=1/gpus=auto/' five.dot
    expect 0 af2flow run five.dot --run-dir r --topology "$cpu_node"
    # an empty list of devices, not the whole machine's
    [ "$(cut -d' ' -f1 r/tasks/predict/model=1/out/o)" -gt 0 ]
}

@test "prepared on a CPU node, predicted on a GPU node: one file, one store" {
    five
    expect 0 af2flow check five.dot --until prep --topology "$cpu_node"
    expect 2 af2flow check five.dot --topology "$cpu_node"
    said "GPU"
    expect 0 af2flow run five.dot --until prep --topology "$cpu_node" --run-dir r
    said "prep: done"
    expect 0 af2flow run five.dot --topology "$node" --run-dir r
    not_said "prep: done"
    said "predict[model=5]: done"
}

@test "limits: cores, memory, and what no slot can ever give" {
    workflow big <<'DOT'
digraph big { a [plugin=command, argv="true", cpus=40, memory="1G"] }
DOT
    expect 0 af2flow check big.dot --topology "$cpu_node"
    expect 2 af2flow check big.dot --topology "$cpu_node" --cpus 8
    said "40"
    expect 2 af2flow check big.dot --topology "$cpu_node" --memory 512M
    said "memory"
}

@test "topology files that are none" {
    workflow a <<'DOT'
digraph a { a [plugin=command, argv="true"] }
DOT
    for f in empty text malformed truncated missing; do
        expect 2 af2flow run a.dot --topology "$FIX/topologies/$f.xml"
        said "$f.xml"
    done
}

@test "tasks are bound to their cores before they run" {
    workflow bound <<'DOT'
digraph bound {
  node [plugin=command]
  b [argv="grep Cpus_allowed_list /proc/self/status", stdout=o, outputs="o:text", expand="k=1..4", cpus=1]
}
DOT
    expect 0 af2flow run bound.dot --run-dir r
    af2flow status r --json >s.json
    /usr/bin/python3 - <<'PY'
import json
for t in json.load(open("s.json"))["tasks"]:
    said = open("r/tasks/b/%s/out/o" % t["branch"]).read().split()[1]
    assert said == t["attempts"][-1]["cpu_list"], (said, t["attempts"])
PY
}
