# SPDX-License-Identifier: Apache-2.0
"""Stage `relax`: AlphaFold2's relax protocol with PDBFixer and OpenMM.

Missing atoms and hydrogens are added, then the energy (amber99sb, vacuum, constraints on
bonds to hydrogen, heavy atoms held in place by harmonic restraints) is minimised. Where
residues still violate stereochemistry (relax_violations.py), their restraints are dropped
for good and what was reached is minimised again, with hydrogens placed anew, at most
max_outer_iterations times in all.

nonbonded=nocutoff is AlphaFold2's own call. nonbonded=wide (default) uses a cut-off wider
than the molecule with a reaction field of dielectric 1: the forces are the same, OpenMM's
CPU platform has a much faster kernel for it. Each task checks that: if forces differ by
more than FORCE_TOLERANCE, or the molecule outgrew the cut-off, it is done again with
nocutoff. Energies are always those of nocutoff.
"""

import copy
import io
import os
import random
import time

# Hydrogens are placed by a minimisation on the default platform; Reference repeats itself.
os.environ["OPENMM_DEFAULT_PLATFORM"] = "Reference"

import numpy
import openmm
from openmm import app, unit
import pdbfixer

from af2flow_worker import Failure
import relax_bounds
from relax_violations import Atoms, violating

KCAL = 4.184  # kJ
FORCE_TOLERANCE = 1e-3  # largest difference of a component over the largest component
QUIET_FORCE = 1000.0  # kJ/mol/nm: no relative differences of tiny forces
DECIMALS = 3  # of coordinates in a PDB file, Angstrom
CUTOFF_MARGIN = 2.0  # nm by which the wide cut-off exceeds the molecule

# Tried in this order by platform=auto; those of a GPU only where the slot has one.
AUTO = (("CUDA", True), ("OpenCL", True), ("CPU", False), ("Reference", False))
PROPERTIES = {"CUDA": {"Precision": "mixed", "DeterministicForces": "true"}}


def header_of(lines):
    """What is kept of the input's header: what it says about how it was made."""
    return [line.rstrip("\n") for line in lines
            if line.startswith(("EXPDTA", "REMARK   6"))]


def residue_key(line):
    """Chain, number and insertion code of an ATOM line."""
    return line[21], line[22:27]


def b_factors(lines):
    """B factor text of each residue, that of its CA, else of its first atom."""
    found = {}
    for line in lines:
        if line.startswith(("ATOM", "HETATM")) and len(line) >= 66:
            key = residue_key(line)
            if key not in found or line[12:16].strip() == "CA":
                found[key] = line[60:66]
    return found


def with_b_factors(text, header, factors):
    """A PDB text written by OpenMM, with our header and the input's B factors. OpenMM's
    own remark holds the date, which would make equal models differ."""
    out = list(header)
    for line in text.splitlines():
        if line.startswith("REMARK"):
            continue
        if line.startswith(("ATOM", "HETATM")):
            line = line[:60] + factors.get(residue_key(line), "  0.00") + line[66:]
        out.append(line)
    return "\n".join(out) + "\n"


def failure_of(error):
    """The Failure that an exception of PDBFixer or OpenMM means, None for others."""
    text = str(error)
    if "No template found" in text:
        return Failure("permanent", text)
    if not isinstance(error, openmm.OpenMMException):
        return None
    lowered = text.lower()
    if "out_of_memory" in lowered or "out of memory" in lowered or "bad_alloc" in lowered:
        return Failure("memory", text)
    return Failure("transient", "OpenMM: " + text)


def properties(name, cpus):
    """Properties of a platform for this slot."""
    return {"Threads": str(cpus)} if name == "CPU" else dict(PROPERTIES.get(name, {}))


def try_platform(name, cpus):
    """None if a context can be made on this platform, else why not."""
    try:
        platform = openmm.Platform.getPlatformByName(name)
        system = openmm.System()
        system.addParticle(1.0)
        context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform,
                                 properties(name, cpus))
        context.setPositions([openmm.Vec3(0, 0, 0)])
        context.getState(getEnergy=True)
        return None
    except Exception as error:
        return " ".join(str(error).split()) or type(error).__name__


def pick_platform(wanted, cpus, gpus, attempt=try_platform):
    """The name of a platform that works; `unavailable` where there is none."""
    reasons = []
    for name, is_gpu in AUTO if wanted == "auto" else ((wanted, False),):
        if is_gpu and gpus == 0:
            continue
        why = attempt(name, cpus)
        if why is None:
            return name
        reasons.append("platform %s is not available: %s" % (name, why))
    raise Failure("unavailable", "; ".join(reasons))


def prepare(text, ph, seed):
    """(topology, positions in nm) of a PDB text with all atoms of standard residues.
    Residues are never added: a gap in a model stays one."""
    random.seed(seed)
    if not any(line.startswith("ATOM") for line in text.splitlines()):
        raise Failure("permanent", "the model has no residues")
    try:
        fixer = pdbfixer.PDBFixer(pdbfile=io.StringIO(text))
    except Exception as error:
        raise Failure("permanent", "cannot read the model: %s" % error) from error
    fixer.findMissingResidues()
    fixer.missingResidues = {}
    fixer.findNonstandardResidues()
    fixer.replaceNonstandardResidues()
    fixer.removeHeterogens(False)
    if fixer.topology.getNumResidues() == 0:
        raise Failure("permanent", "the model has no residues of a protein")
    known = numpy.array(fixer.positions.value_in_unit(unit.nanometer), dtype=float)
    if not numpy.isfinite(known).all():
        raise Failure("permanent", "the model has coordinates that are not finite")
    fixer.findMissingAtoms()
    fixer.addMissingAtoms(seed=seed)
    fixer.addMissingHydrogens(ph)
    return fixer.topology, numpy.array(fixer.positions.value_in_unit(unit.nanometer))


def heavy_atoms(topology):
    """The topology's atoms that are no hydrogen."""
    return [a for a in topology.atoms() if a.element is not None and a.element.symbol != "H"]


def restrained(system, topology, positions, stiffness, free):
    """A copy of the system with heavy atoms held at `positions`, but for the residues
    with an index in `free`. stiffness in kcal/mol/A^2."""
    system = copy.deepcopy(system)
    force = openmm.CustomExternalForce("0.5 * k * ((x-x0)^2 + (y-y0)^2 + (z-z0)^2)")
    force.addGlobalParameter("k", stiffness * KCAL * 100)  # kJ/mol/nm^2
    for name in ("x0", "y0", "z0"):
        force.addPerParticleParameter(name)
    for atom in heavy_atoms(topology):
        if atom.residue.index not in free:
            force.addParticle(atom.index, positions[atom.index])
    system.addForce(force)
    return system


def span(positions):
    """Diagonal of the bounding box, at least every distance between two atoms."""
    return float(numpy.linalg.norm(positions.max(0) - positions.min(0)))


def widened(system, cutoff):
    """A copy of the system with a cut-off (nm) that changes no force."""
    system = copy.deepcopy(system)
    for force in system.getForces():
        if isinstance(force, openmm.NonbondedForce):
            force.setNonbondedMethod(openmm.NonbondedForce.CutoffNonPeriodic)
            force.setCutoffDistance(cutoff)
            force.setReactionFieldDielectric(1.0)
    return system


def same_forces(a, b):
    """Do two arrays of forces agree within FORCE_TOLERANCE?"""
    scale = max(float(numpy.abs(a).max()), QUIET_FORCE)
    return bool(numpy.abs(a - b).max() <= FORCE_TOLERANCE * scale)


class Minimiser:
    """Minimises systems on one platform."""

    def __init__(self, platform, cpus, tolerance, nonbonded, log):
        self.platform = openmm.Platform.getPlatformByName(platform)
        self.properties = properties(platform, cpus)
        # A number in kJ/mol (up to OpenMM 8.0) or kJ/mol/nm (later): the same test of
        # the RMS force, only the documented unit was put right.
        self.tolerance = tolerance * KCAL
        self.nonbonded, self.log = nonbonded, log

    def context(self, system, positions):
        context = openmm.Context(system, openmm.LangevinIntegrator(0, 0.01, 0.0),
                                 self.platform, self.properties)
        context.setPositions(positions)
        return context

    @staticmethod
    def state(context):
        """(energy in kcal/mol, positions in nm, forces)."""
        state = context.getState(getEnergy=True, getPositions=True, getForces=True)
        energy = state.getPotentialEnergy().value_in_unit(unit.kilocalories_per_mole)
        return (energy, state.getPositions(asNumpy=True).value_in_unit(unit.nanometer),
                state.getForces(asNumpy=True)._value)

    def wide(self, system, exact, positions, forces):
        """Positions of the minimum with the wide cut-off, None if it cannot be trusted."""
        cutoff = span(positions) + CUTOFF_MARGIN
        context = self.context(widened(system, cutoff), positions)
        agree = same_forces(forces, self.state(context)[2])
        if agree:
            openmm.LocalEnergyMinimizer.minimize(context, self.tolerance, 0)
            _, found, near = self.state(context)
            if numpy.isfinite(found).all() and span(found) < cutoff:
                exact.setPositions(found)
                agree = same_forces(self.state(exact)[2], near)
            else:
                agree = False
        if agree:
            return found
        self.log("nonbonded=wide differs from nocutoff here: minimised with nocutoff")
        return None

    def run(self, system, positions):
        """(energy before, energy after, positions after), energies in kcal/mol."""
        exact = self.context(system, positions)
        before, _, forces = self.state(exact)
        found = None
        if self.nonbonded == "wide" and numpy.isfinite(forces).all():
            found = self.wide(system, exact, positions, forces)
        if found is None:
            exact.setPositions(positions)
            openmm.LocalEnergyMinimizer.minimize(exact, self.tolerance, 0)
        after, found, _ = self.state(exact)
        if not numpy.isfinite(found).all() or not numpy.isfinite(after):
            raise Failure("transient", "minimisation ended with values that are not finite")
        if numpy.isfinite(before) and after > before + 1e-3 * max(1.0, abs(before)):
            # Of atoms in one another; a further round, with fewer restraints, may undo it.
            self.log("minimisation raised the energy from %.1f to %.1f kcal/mol"
                     % (before, after))
        return before, after, found


def model_atoms(topology, positions):
    """The heavy atoms as the violation checks want them, where the file will have them."""
    atoms = heavy_atoms(topology)
    residues = [(r.chain.index, int(r.id), r.name) for r in topology.residues()]
    return Atoms(residues, [a.residue.index for a in atoms], [a.name for a in atoms],
                 [a.element.symbol for a in atoms],
                 numpy.round(positions[[a.index for a in atoms]] * 10, DECIMALS))


def pdb_text(topology, positions):
    """A PDB text as OpenMM writes it."""
    text = io.StringIO()
    app.PDBFile.writeFile(topology, positions * unit.nanometer, text, keepIds=True)
    return text.getvalue()


def without_hydrogens(topology, positions):
    """The PDB text of a model's heavy atoms."""
    modeller = app.Modeller(topology, positions * unit.nanometer)
    heavy = set(heavy_atoms(topology))
    modeller.delete([a for a in topology.atoms() if a not in heavy])
    text = pdb_text(modeller.topology, modeller.positions.value_in_unit(unit.nanometer))
    return "".join(line for line in text.splitlines(keepends=True)
                   if line.startswith(("ATOM", "TER", "END")))


class Relaxed:
    """A model's way through the rounds of minimising."""

    def __init__(self, text, request, minimiser, bounds):
        self.request, self.minimiser, self.bounds = request, minimiser, bounds
        self.prepare(text)
        self.start = self.heavy_positions()
        self.first_energy, self.energy, self.rounds = None, None, 0
        self.bad = self.at_first = self.violating()

    def prepare(self, text):
        self.topology, self.positions = prepare(text, self.request.real("ph"),
                                                self.request.integer("random_seed"))

    def heavy_positions(self):
        """In Angstrom; these atoms and their order are the same in all rounds."""
        return self.positions[[a.index for a in heavy_atoms(self.topology)]] * 10

    def heavy_names(self):
        return [(a.residue.index, a.name) for a in heavy_atoms(self.topology)]

    def violating(self):
        return violating(model_atoms(self.topology, self.positions), self.bounds)

    def minimise(self, free):
        """One round, without restraints on the residues in `free`."""
        if self.rounds > 0:
            names = self.heavy_names()
            self.prepare(without_hydrogens(self.topology, self.positions))
            if self.heavy_names() != names:
                raise Failure("permanent", "PDBFixer made other atoms of a minimised model")
        system = app.ForceField("amber99sb.xml").createSystem(self.topology,
                                                              constraints=app.HBonds)
        before, self.energy, self.positions = self.minimiser.run(
            restrained(system, self.topology, self.positions,
                       self.request.real("stiffness"), free), self.positions)
        self.rounds += 1
        self.first_energy = before if self.rounds == 1 else self.first_energy
        self.bad = self.violating()

    def run(self):
        """Minimise until nothing violates, or as often as asked."""
        free = set()
        for _ in range(self.request.integer("max_outer_iterations")):
            self.minimise(free)
            if not self.bad:
                break
            free |= set(self.bad)

    def rmsd(self):
        """How far heavy atoms moved, in Angstrom."""
        moved = self.heavy_positions() - self.start
        return float(numpy.sqrt((moved ** 2).sum(1).mean()))


def written(model, lines):
    """The PDB text of the relaxed model; `lines` are its input's."""
    header = header_of(lines) + ["REMARK   6 RELAXED WITH OPENMM, AMBER99SB"]
    return with_b_factors(pdb_text(model.topology, model.positions), header,
                          b_factors(lines))


def load_bounds(request):
    """The bounds inside residues; None, with a warning, where there are none."""
    bounds = relax_bounds.load(request.text("stereo_chemical_props"))
    if bounds is None:
        request.warn("distances inside residues are not judged: there is no %s; install "
                     "OpenStructure, or name the file by `stereo_chemical_props`"
                     % relax_bounds.NAME)
    return bounds


def relax(request):
    """args: unrelaxed, output, model, platform, nonbonded, stiffness, tolerance,
    max_outer_iterations, ph, random_seed, stereo_chemical_props."""
    started = time.monotonic()
    name, bounds = request.text("model"), load_bounds(request)
    with open(request.text("unrelaxed"), encoding="ascii", errors="replace") as file:
        lines = file.readlines()
    platform = pick_platform(request.text("platform"), request.cpus, request.gpus)
    minimiser = Minimiser(platform, request.cpus, request.real("tolerance"),
                          request.text("nonbonded"), request.log)
    try:
        model = Relaxed("".join(lines), request, minimiser, bounds)
        model.run()
    except Exception as error:
        failure = failure_of(error)
        if failure is None:
            raise
        raise failure from error
    with open(request.text("output"), "w", encoding="ascii") as out:
        out.write(written(model, lines))
    bad = set(model.bad)
    flags = ["1.0" if i in bad else "0.0" for i in range(model.topology.getNumResidues())]
    request.log("%s: platform %s, %.1f -> %.1f kcal/mol, %d rounds, %d -> %d violations"
                % (name, platform, model.first_energy, model.energy, model.rounds,
                   len(model.at_first), len(bad)))
    request.values.update({
        "model": name, "initial_energy": round(model.first_energy, 2),
        "final_energy": round(model.energy, 2), "platform": platform,
        "initial_violations_count": len(model.at_first), "rmsd": round(model.rmsd(), 4),
        "remaining_violations": "[%s]" % ", ".join(flags),
        "remaining_violations_count": len(bad)})
    request.measures.update({"timings.relax_" + name: time.monotonic() - started,
                             "rounds": model.rounds})


METHODS = {"relax": relax}


def versions():
    return {"openmm": (openmm.Platform.getOpenMMVersion(), openmm.__file__),
            "pdbfixer": (str(getattr(pdbfixer, "__version__", "unknown")),
                         pdbfixer.__file__)}
