"""Measures the gates of the serving engine and prints a table: gate, bound, measured, pass or FAIL, notes.

Run by `make gates` (all but the soak, about 5 minutes) and `make soak`. What is compared with what: docs/LOAD_TESTS.md.
Exit code: 0 all gates passed; 1 one failed; 2 wrong usage.
"""

import argparse
import os
import pathlib
import sys

import batch_fill
import overhead
import overload
import payload
import report
import restart
import saturation
import soak
from programs import Programs

GATES = {"overhead": overhead, "payload": payload, "saturation": saturation, "overload": overload, "restart": restart,
         "fill": batch_fill, "soak": soak}
SMOKE_SHARE = 0.1


class Context:
    """What all gates need: the programs, and how long to measure."""

    def __init__(self, args):
        self.programs = Programs(args.build, args.out)
        self.smoke = args.smoke
        self.minutes = args.minutes

    def seconds(self, full):
        return max(0.2, SMOKE_SHARE * full) if self.smoke else full

    def rounds(self, full):
        return 1 if self.smoke else full

    def cases(self, full):
        """All of them, or the first."""
        return full[:1] if self.smoke else full

    def settings(self):
        """Settings of vitok-server."""
        return ["batching.warm_up_s=0.1"] if self.smoke else ["batching.warm_up_s=1"]


def main():
    parser = argparse.ArgumentParser(prog="gates", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gates", nargs="*", metavar="GATE", help=f"of {', '.join(GATES)}; default: all but soak")
    parser.add_argument("--build", default="build/release", help="build folder (default: %(default)s)")
    parser.add_argument("--out", default="out/gates", help="folder for gates.json and logs (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=10, help="of the soak (default: %(default)s)")
    parser.add_argument("--smoke", action="store_true",
                        help="run everything for a moment only: shows that the programs work, and always exits with 0")
    args = parser.parse_args()
    names = args.gates or [name for name in GATES if name != "soak"]
    for name in names:
        if name not in GATES:
            parser.error(f"no gate '{name}'; the gates are {', '.join(GATES)}")
    os.chdir(pathlib.Path(__file__).resolve().parents[2])
    context = Context(args)
    rows = []
    for name in names:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        try:
            rows += GATES[name].measure(context)
        except RuntimeError as error:
            if args.smoke:
                raise
            rows.append(report.Row(name, "", "not measured", False, str(error)))
    print(report.render(rows))
    report.write_json(rows, pathlib.Path(args.out) / "gates.json")
    return 0 if args.smoke or all(row.ok is not False for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
