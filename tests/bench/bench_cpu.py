"""Times our Reconstruct against the same maths in eager PyTorch, interleaved in one run, and compares the values.

Prints one JSON line a size: medians in seconds, the median of the ratios eager / ours of neighbouring runs (which other
load on the machine disturbs least) and the largest difference of the results.
Run by `make bench`.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

SIZES = {"256x256": (256, 256), "512x512": (512, 512), "1280x960": (960, 1280)}
PATCH = 16


class Bench:
    """The reconstruct_bench program, run one reconstruction at a time."""

    def __init__(self, args, folder):
        self.patches, self.result = folder / "patches.f32", folder / "result.f32"
        command = [args.bench, "--model", args.model, "--photo", args.photo, "--dtype", args.dtype]
        command += ["--threads", str(args.threads), "--patches", self.patches, "--result", self.result]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def seconds(self, height, width):
        print(height, width, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"reconstruct_bench stopped with exit code {self.process.wait()}")
        return json.loads(line)["seconds"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", required=True, help="path of the reconstruct_bench program")
    parser.add_argument("--model", default="models/tiny-f16x64", help="model folder")
    parser.add_argument("--photo", default="photos/astronaut.png", help="picture, repeated or cut to each size")
    parser.add_argument("--dtype", default="float32", help="of our side; the baseline is float32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=11)
    args = parser.parse_args()

    # Spinning barriers of one side would slow the other down: both wait passively (read when libgomp is loaded).
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    import torch

    from eager_reference import Autoencoder

    torch.set_num_threads(args.threads)
    reference = Autoencoder(args.model)

    def load(path, shape):
        return torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.float32).view(shape)

    with tempfile.TemporaryDirectory() as name:
        bench = Bench(args, pathlib.Path(name))
        for label, (height, width) in SIZES.items():
            bench.seconds(height, width)
            patches = load(bench.patches, (1, -1, 3 * PATCH * PATCH))
            row = torch.arange(height // PATCH).repeat_interleave(width // PATCH)
            col = torch.arange(width // PATCH).repeat(height // PATCH)
            expected = reference.reconstruct(patches, row, col)
            difference = (load(bench.result, expected.shape) - expected).abs().max().item()
            ours, eager = [], []
            for _ in range(args.repeats):
                ours.append(bench.seconds(height, width))
                start = time.perf_counter()
                reference.reconstruct(patches, row, col)
                eager.append(time.perf_counter() - start)
            result = {
                "case": f"reconstruct {label}",
                "dtype": args.dtype,
                "threads": args.threads,
                "tokens": patches.shape[1],
                "ours_s": round(statistics.median(ours), 4),
                "eager_s": round(statistics.median(eager), 4),
                "speedup": round(statistics.median(e / o for e, o in zip(eager, ours)), 2),
                "max_abs_difference": float(f"{difference:.2e}"),
            }
            print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
