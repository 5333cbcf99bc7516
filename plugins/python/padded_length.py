# SPDX-License-Identifier: Apache-2.0
"""Stage `padded_length`: how long a target is in AlphaFold2's network.

Reads the chain_id_map.json of the stage `instance`, {chain: {"length": residues, ...}},
and writes {"length": N}, N being all residues, padded to the bucket that holds them.
read_length() reads it back.
"""

import json

import alphafold_config
from af2flow_worker import Failure


def _read(path, what, number):
    """What `number` makes of a JSON file's content; a failure names `what` it is to be."""
    try:
        with open(path, encoding="utf-8") as file:
            return number(json.load(file))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failure("permanent", "cannot read %s '%s': %r"
                      % (what, path, error)) from None


def read_chain_map(path):
    """Residues of all chains of a target."""
    return _read(path, "chains",
                 lambda chains: sum(int(chain["length"]) for chain in chains.values()))


def read_length(path):
    """The padded length that this stage wrote."""
    return _read(path, "a length", lambda found: int(found["length"]))


def padded_length(request):
    """Answer the request of the stage."""
    residues = read_chain_map(request.text("chain_map"))
    length = alphafold_config.padded_length(residues, request.args.get("bucket", ""))
    with open(request.text("output"), "w", encoding="ascii") as file:
        file.write('{"length": %d}\n' % length)
    request.measures["residues"] = residues
    request.log("%d residues%s" % (
        residues, ", padded to %d" % length if length > residues else ""))


METHODS = {"padded_length": padded_length}
