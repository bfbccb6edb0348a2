"""Tests of scripts/check_layers.py: each rule is broken once in a small tree, and must be reported with its place."""

import os
import subprocess
import sys
import tempfile
import unittest

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts")
sys.path.insert(0, SCRIPTS)
sys.dont_write_bytecode = True

import check_layers  # noqa: E402


def write_tree(root, files):
    for path, text in files.items():
        os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
        with open(os.path.join(root, path), "w", encoding="utf-8") as file:
            file.write(text)


def problems(files):
    """What the check reports about a tree with these files (path -> text)."""
    with tempfile.TemporaryDirectory() as root:
        write_tree(root, files)
        return check_layers.check(root)


class CheckLayersTest(unittest.TestCase):
    def assert_accepts(self, path, include):
        self.assertEqual(problems({path: f"#include {include}\n"}), [], f"{path} {include}")

    def assert_rejects(self, path, include, message, others=None):
        report = problems({path: f"// first line\n#include {include}\n", **(others or {})})
        self.assertEqual(len(report), 1, f"{path} {include}: {report}")
        self.assertTrue(report[0].startswith(f"{path}:2: "), report)
        self.assertIn(message, report[0])

    def test_accepts_includes_down_the_layers(self):
        self.assert_accepts("core/model/a.cc", '"core/ops/x.h"')
        self.assert_accepts("core/image/a.cc", '"core/tokens/x.h"')
        self.assert_accepts("server/a.cc", '"core/model/x.h"')
        self.assert_accepts("server/a.cc", '"vitok/config/server_config.pb.h"')
        self.assert_accepts("trainer/a.cc", '"core/model/x.h"')
        self.assert_accepts("client/cli/a.cc", '"client/tokenizer_client.h"')
        self.assert_accepts("client/a.cc", '"core/weights/safetensors.h"')
        self.assert_accepts("tests/client/a.cc", '"server/server.h"')
        self.assert_accepts("core/base/a.cc", "<vector>")
        self.assert_accepts("core/base/a.cc", '"absl/status/status.h"')

    def test_rejects_includes_up_the_layers(self):
        self.assert_rejects("core/base/a.h", '"core/ops/x.h"', "core/base/ must not include core/ops/x.h")
        self.assert_rejects("core/ops/a.cc", '"core/tokens/x.h"', "core/ops/ must not include core/tokens/x.h")
        self.assert_rejects("core/weights/a.cc", '"core/model/x.h"', "must not include")
        self.assert_rejects("core/metrics/a.cc", '"core/image/x.h"', "must not include")
        self.assert_rejects("core/model/a.cc", '"core/image/x.h"', "must not include")
        self.assert_rejects("core/model/a.cc", '"server/x.h"', "must not include")
        self.assert_rejects("core/model/a.cc", '"vitok/v1/tokenizer.pb.h"', "must not include")

    def test_keeps_programs_apart(self):
        self.assert_rejects("server/a.cc", '"client/x.h"', "server/ must not include client/x.h")
        self.assert_rejects("client/a.cc", '"server/x.h"', "client/ must not include server/x.h")
        self.assert_rejects("client/a.cc", '"core/model/x.h"', "must not include")
        self.assert_rejects("client/a.cc", '"core/weights/weight_map.h"', "must not include")
        self.assert_rejects("client/a.cc", '"vitok/config/server_config.pb.h"', "must not include")
        self.assert_rejects("trainer/a.cc", '"server/x.h"', "must not include")
        self.assert_rejects("trainer/a.cc", '"vitok/v1/tokenizer.pb.h"', "must not include")

    def test_keeps_http_in_its_places(self):
        self.assert_accepts("server/http_endpoint.cc", "<httplib.h>")
        self.assert_accepts("server/tracing/otlp_client.cc", "<httplib.h>")
        self.assert_rejects("server/tracing/tracer.cc", "<httplib.h>", "cpp-httplib may be included only in")

    def test_lets_nothing_include_tests(self):
        for path in ("core/base/a.cc", "server/a.cc", "client/a.cc"):
            self.assert_rejects(path, '"tests/support/x.h"', "must not include tests/support/x.h")

    def test_confines_libraries_to_their_files(self):
        self.assert_accepts("core/ops/rope2d_cuda.cu", "<cuda_runtime.h>")
        self.assert_accepts("core/model/device.cc", "<ATen/cuda/CUDAContext.h>")
        self.assert_rejects("core/ops/rope2d.cc", "<cuda_runtime.h>", "CUDA may be included only in *_cuda.cu")
        self.assert_rejects("core/model/block.cc", "<c10/cuda/CUDAStream.h>", "CUDA may be included only in")
        self.assert_accepts("trainer/trainer_config.cc", "<google/protobuf/util/json_util.h>")
        self.assert_rejects("trainer/trainer.cc", "<google/protobuf/message.h>", "protobuf and gRPC may be included")
        self.assert_rejects("core/image/codec.cc", '"grpcpp/grpcpp.h"', "protobuf and gRPC may be included")
        self.assert_accepts("core/image/codec_png.cc", "<opencv2/imgcodecs.hpp>")
        self.assert_rejects("core/image/resample.cc", "<opencv2/imgproc.hpp>", "OpenCV may be included only in")
        for header in ("<jpeglib.h>", "<gif_lib.h>"):
            self.assert_rejects("core/metrics/a.cc", header,
                                "libjpeg, libpng, libwebp and giflib may be included only in")
        self.assert_accepts("core/image/source/parquet_reader.cc", "<parquet/file_reader.h>")
        self.assert_rejects("core/image/source/open_shard.cc", "<arrow/buffer.h>", "Arrow and Parquet may be included only")
        self.assert_rejects("core/model/a.cc", "<spdlog/spdlog.h>", "spdlog may be included only in core/base/*")
        self.assert_rejects("client/a.cc", "<prometheus/counter.h>", "prometheus-cpp may be included only in")
        self.assert_accepts("tests/core/ops/a.cc", "<cuda_runtime.h>")

    def test_keeps_the_client_free_of_torch(self):
        self.assert_rejects("client/a.cc", "<ATen/ATen.h>", "ATen and torch may be included only in")
        headers = {"core/base/outer.h": '#include "core/base/inner.h"\n', "core/base/inner.h": "#include <ATen/ATen.h>\n"}
        self.assert_rejects("client/a.cc", '"core/base/outer.h"',
                            "core/base/outer.h -> core/base/inner.h -> ATen/ATen.h", headers)

    def test_rejects_paths_that_do_not_start_at_the_root(self):
        self.assert_rejects("core/base/a.cc", '"b.h"', "start at the repository root", {"core/base/b.h": ""})
        self.assert_rejects("core/base/a.cc", '"../ops/x.h"', "start at the repository root")

    def test_rejects_folders_without_a_layer(self):
        self.assert_rejects("core/extra/a.cc", '"core/base/x.h"', "lies in no layer")

    def test_reads_unusual_spelling_and_ignores_comments(self):
        report = problems({"core/base/a.h": '  #  include "core/ops/x.h"\n// #include "core/model/x.h"\n'})
        self.assertEqual(len(report), 1, report)

    def test_reports_every_problem(self):
        report = problems({"core/base/a.h": '#include "core/ops/x.h"\n#include <opencv2/core.hpp>\n',
                           "core/ops/b.cu": '#include "server/x.h"\n'})
        self.assertEqual([line.split(": ")[0] for line in report],
                         ["core/base/a.h:1", "core/base/a.h:2", "core/ops/b.cu:1"])

    def test_exits_with_an_error_if_there_is_a_problem(self):
        script = [sys.executable, os.path.join(SCRIPTS, "check_layers.py"), "--root"]
        with tempfile.TemporaryDirectory() as root:
            self.assertEqual(subprocess.run([*script, root], check=False).returncode, 0)
            write_tree(root, {"core/base/a.h": '#include "server/x.h"\n'})
            result = subprocess.run([*script, root], capture_output=True, text=True, check=False)
            self.assertEqual(result.returncode, 1)
            self.assertEqual(result.stderr, "core/base/a.h:1: core/base/ must not include server/x.h\n")


if __name__ == "__main__":
    unittest.main()
