"""Times our way from JPEG files to patches against Pillow and torch, in turns in one run, and compares the results.

The reference side is what the published implementation does in its data loader: Pillow decodes and resizes (Lanczos),
torch makes the tensor, normalizes and patchifies, in as many worker processes as our side has threads. Prints one JSON
line for resampling alone (one thread against Pillow, medians) and one for files to patches: images a second, the median
of the ratios ours / reference of neighbouring runs, and the largest difference of the results.

Needs a Python with torch and pillow==12.1.1. The pictures are made from the photos of the repository.
"""

import argparse
import json
import math
import multiprocessing
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

PATCH = 16


def make_pictures(folder, photos, count, width, height, seed=1):
    """JPEG files of that size: photos enlarged, with the noise of a camera, 4:2:0, quality 90."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(seed)
    paths = []
    for i in range(count):
        photo = Image.open(photos[i % len(photos)]).convert("RGB").resize((width, height), Image.BICUBIC)
        noisy = np.asarray(photo, dtype=np.float32) + rng.normal(0, 4, (height, width, 1)).astype(np.float32)
        path = folder / f"{i}.jpg"
        Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(path, quality=90, subsampling="4:2:0")
        paths.append(path)
    return paths


def resized(size, max_side):
    scale = max_side / max(size)
    return size if scale >= 1 else tuple(round(side * scale) for side in size)


def reference_patches(path, max_side):
    import numpy as np
    import torch
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    image = image.resize(resized(image.size, max_side), Image.LANCZOS)
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().to(torch.float32).div(255)
    pixels = (pixels - 0.5) / 0.5
    rows, cols = (math.ceil(side / PATCH) for side in pixels.shape[1:])
    pixels = torch.nn.functional.pad(pixels, (0, cols * PATCH - pixels.shape[2], 0, rows * PATCH - pixels.shape[1]))
    return torch.nn.functional.unfold(pixels[None], PATCH, stride=PATCH)[0].T.contiguous()


def work(arguments):
    path, max_side = arguments
    return reference_patches(path, max_side).shape[0]


def start_worker():
    import torch

    torch.set_num_threads(1)


class Ours:
    def __init__(self, args, files, folder):
        self.result = folder / "result"
        tokens = math.ceil(args.max_side / PATCH) ** 2
        pipeline = f"resize_longest_side({args.max_side})|to_tensor|normalize|patchify({PATCH}, {tokens})"
        self.process = subprocess.Popen(
            [args.bench, *files, "--pipeline", pipeline, "--threads", str(args.workers), "--result", self.result],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def seconds(self, command):
        print(command, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"picture_bench stopped with exit code {self.process.wait()}")
        return json.loads(line)["seconds"]


def bench_resample(args, ours, path):
    import numpy as np
    from PIL import Image

    image = Image.open(path).convert("RGB")
    width, height = resized(image.size, args.max_side)
    for name in ("lanczos", "bicubic"):
        times, reference = [], []
        for _ in range(args.repeats):
            times.append(ours.seconds(f"resample {name} {width} {height}"))
            start = time.perf_counter()
            pixels = image.resize((width, height), getattr(Image, name.upper()))
            reference.append(time.perf_counter() - start)
        different = np.count_nonzero(np.asarray(pixels).ravel() != np.frombuffer(ours.result.read_bytes(), np.uint8))
        print(json.dumps({
            "resample": name, "from": image.size, "to": [width, height],
            "ms": round(1e3 * statistics.median(times), 2), "pillow_ms": round(1e3 * statistics.median(reference), 2),
            "different_bytes": int(different)}), flush=True)


def bench_pipeline(args, ours, files):
    import torch

    jobs = [(path, args.max_side) for path in files]
    times, reference = [], []
    with multiprocessing.get_context("spawn").Pool(args.workers, start_worker) as pool:
        pool.map(work, jobs, chunksize=1)  # the workers import what they need
        ours.seconds("pipeline")
        for _ in range(args.repeats):
            times.append(ours.seconds("pipeline"))
            start = time.perf_counter()
            pool.map(work, jobs, chunksize=1)
            reference.append(time.perf_counter() - start)
    expected = reference_patches(files[0], args.max_side)
    got = torch.frombuffer(bytearray(ours.result.read_bytes()), dtype=torch.float32).view(expected.shape)
    print(json.dumps({
        "pictures": len(files), "megapixels": args.width * args.height / 1e6, "workers": args.workers,
        "file_megabytes": round(statistics.mean(path.stat().st_size for path in files) / 1e6, 2),
        "images_per_s": round(len(files) / statistics.median(times), 2),
        "reference_images_per_s": round(len(files) / statistics.median(reference), 2),
        "ratio": round(statistics.median(theirs / mine for theirs, mine in zip(reference, times)), 3),
        "max_difference": float((got - expected).abs().max())}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", required=True, help="path of the picture_bench program")
    parser.add_argument("--photos", type=pathlib.Path, default=pathlib.Path("photos"), help="folder of photos")
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--width", type=int, default=4000)
    parser.add_argument("--height", type=int, default=3000)
    parser.add_argument("--max-side", type=int, default=512)
    parser.add_argument("--workers", type=int, default=2, help="threads of ours, processes of the reference")
    parser.add_argument("--repeats", type=int, default=11)
    args = parser.parse_args()
    photos = [args.photos / name for name in ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        files = make_pictures(folder, photos, args.pictures, args.width, args.height)
        ours = Ours(args, files, folder)
        bench_resample(args, ours, files[0])
        bench_pipeline(args, ours, files)


if __name__ == "__main__":
    main()
