#!/usr/bin/env python3
"""Checks who includes whom: the layers of docs/ARCHITECTURE.md and the files that may use each library.

Prints one `file:line: message` for every include that breaks a rule; exits 1 if there is any.
"""

import argparse
import fnmatch
import os
import re
import sys

SOURCE_FOLDERS = ("core", "server", "client", "trainer", "tests")
SOURCE_SUFFIXES = (".h", ".cc", ".cu", ".cuh")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')

# Generated from proto/: the service's messages, and the schemas of the configuration files.
SERVICE_PROTO = ("vitok/v1/", "google/rpc/", "inference/")
CONFIG_PROTO = ("vitok/config/",)

# What each layer may include of the project, besides its own folder: folders (ending in /) and single headers.
LAYERS = {
    "core/base/": (),
    "core/ops/": ("core/base/",),
    "core/tokens/": ("core/base/",),
    "core/weights/": ("core/base/",),
    "core/metrics/": ("core/base/", "core/ops/"),
    "core/image/": ("core/base/", "core/ops/", "core/tokens/"),
    "core/model/": ("core/base/", "core/ops/", "core/tokens/", "core/weights/"),
    "server/": ("core/", *SERVICE_PROTO, *CONFIG_PROTO),
    "client/": (
        "core/base/",
        "core/metrics/",
        "core/image/codec.h",
        "core/image/resample.h",
        "core/image/rgb_image.h",
        "core/weights/hub.h",
        "core/weights/hub_cache.h",
        "core/weights/hub_options.h",
        "core/weights/hub_source.h",
        "core/weights/model_files.h",
        "core/weights/safetensors.h",
        *SERVICE_PROTO,
    ),
    "trainer/": ("core/", *CONFIG_PROTO),
    "tests/": ("core/", "server/", "client/", "trainer/", *SERVICE_PROTO, *CONFIG_PROTO),
}

# Libraries that only some files may include: (name, headers, files that may).
LIBRARIES = (
    (
        "CUDA",
        re.compile(r"(cuda|cublas|cudnn|cufft|curand|nccl|nvrtc|nvToolsExt|nvtx3/|cub/|thrust/|cutlass/|cute/"
                   r"|c10/cuda/|ATen/cuda/|ATen/cudnn/|torch/csrc/cuda/)"),
        ("*_cuda.cu", "*_cuda.cuh", "*_cuda.h", "*_cuda.cc", "*/device_worker.cc", "*/distributed.cc",
         "core/model/device*.cc"),
    ),
    (
        "protobuf and gRPC",
        re.compile(r"(google/|grpc|vitok/|inference/)"),
        ("server/*", "client/*", "*_config.cc"),
    ),
    ("OpenCV", re.compile(r"opencv"), ("core/image/codec.cc", "core/image/codec_*.cc")),
    ("libjpeg, libpng, libwebp and giflib", re.compile(r"(jpeglib|jerror|turbojpeg|png\.h|libpng|webp/|gif_lib)"),
     ("core/image/*_decoder.cc",)),
    ("libtiff", re.compile(r"tiff(io)?\.h"), ("core/image/tiff_data.cc",)),
    ("libarchive", re.compile(r"(archive|archive_entry)\.h"), ("core/image/source/tar_reader.cc",)),
    ("Arrow and Parquet", re.compile(r"(arrow|parquet)/"), ("core/image/source/parquet_reader.cc",)),
    ("ATen and torch", re.compile(r"(ATen/|torch/|c10/|caffe2/)"), ("core/*", "server/*", "trainer/*")),
    ("OpenSSL", re.compile(r"openssl/"), ("core/base/sha256.cc", "server/security/*")),
    ("libcurl", re.compile(r"curl/"), ("core/weights/http_client.cc",)),
    ("cpp-httplib", re.compile(r"httplib\.h"), ("server/http_endpoint.cc", "server/tracing/otlp_client.cc")),
    ("jemalloc", re.compile(r"jemalloc/"), ("core/base/allocator.cc",)),
    ("spdlog", re.compile(r"spdlog/"), ("core/base/*", "server/*", "client/*", "trainer/*")),
    ("prometheus-cpp", re.compile(r"prometheus/"), ("server/*",)),
)
ATEN = re.compile(r"(ATen/|torch/|c10/|caffe2/)")


def read_includes(path):
    """The includes of a file as (line number, delimiter, target)."""
    with open(path, encoding="utf-8") as file:
        matches = ((number, INCLUDE.match(line)) for number, line in enumerate(file, 1))
        return [(number, match[1], match[2]) for number, match in matches if match]


def find_sources(root):
    """Maps each source file, as a path from the root, to its includes."""
    sources = {}
    for folder in SOURCE_FOLDERS:
        for directory, _, names in os.walk(os.path.join(root, folder)):
            for name in names:
                if name.endswith(SOURCE_SUFFIXES):
                    path = os.path.join(directory, name)
                    sources[os.path.relpath(path, root).replace(os.sep, "/")] = read_includes(path)
    return sources


def layer_of(path):
    return next((layer for layer in LAYERS if path.startswith(layer)), None)


def is_of_project(target):
    return target.startswith((*(folder + "/" for folder in SOURCE_FOLDERS), *SERVICE_PROTO, *CONFIG_PROTO))


def allows(layer, target):
    return any(target.startswith(entry) if entry.endswith("/") else target == entry
               for entry in (layer, *LAYERS[layer]))


def check_layer(path, target):
    """The problem with including a header of the project, or None."""
    layer = layer_of(path)
    if layer is None:
        return f"lies in no layer; the layers are {', '.join(LAYERS)}"
    if not allows(layer, target):
        return f"{layer} must not include {target}"
    return None


def check_library(path, target):
    """The problem with including a library's header, or None."""
    if path.startswith("tests/"):
        return None
    for name, headers, files in LIBRARIES:
        if headers.match(target) and not any(fnmatch.fnmatch(path, pattern) for pattern in files):
            return f"{target}: {name} may be included only in {', '.join(files)}"
    return None


def way_to_aten(path, sources, seen):
    """The chain of headers through which a file gets ATen, or None."""
    for _, _, target in sources.get(path, ()):
        if ATEN.match(target):
            return [target]
        if target in sources and target not in seen:
            seen.add(target)
            rest = way_to_aten(target, sources, seen)
            if rest:
                return [target, *rest]
    return None


def check_file(path, sources):
    """Yields (line number, message) of every problem in one file."""
    folder = path.rsplit("/", 1)[0]
    for number, delimiter, target in sources[path]:
        beside = f"{folder}/{target}"
        if delimiter == '"' and not is_of_project(target) and (".." in target or beside in sources):
            yield number, f"{target}: include paths start at the repository root"
            continue
        problem = check_layer(path, target) if is_of_project(target) else None
        problem = problem or check_library(path, target)
        if problem:
            yield number, problem
        elif path.startswith("client/") and target in sources:
            way = way_to_aten(target, sources, {target})
            if way:
                yield number, f"client/ must stay free of torch: {' -> '.join([target, *way])}"


def check(root):
    """All problems below `root`, as lines of text."""
    sources = find_sources(root)
    return [f"{path}:{number}: {message}"
            for path in sorted(sources) for number, message in check_file(path, sources)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default_root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser.add_argument("--root", default=default_root, help="the repository (default: the one this script lies in)")
    problems = check(parser.parse_args().root)
    print("\n".join(problems), end="\n" if problems else "", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
