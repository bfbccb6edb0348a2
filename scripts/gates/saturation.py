"""Images a second of the saturated server beside the bare core: the same pictures in batches as large as the server
formed, decoded, preprocessed and written out on as many threads, without gRPC, queue and client."""

import os
import statistics

import report
from programs import Server, mean_of_histogram

RATIO_BOUND_PERCENT = 95
# (method, input, side, requests in flight). JPEG: the client costs next to nothing beside the picture.
CASES = [("encode", "jpeg", 512, 32), ("reconstruct", "raw", 256, 32)]


def measure(context):
    rows = []
    threads = os.cpu_count()
    for method, form, side, in_flight in context.cases(CASES):
        ratios, server_rates, core_rates, client_cores = [], [], [], []
        with Server.of_model(context.programs, "saturation", *context.settings()) as server:
            for _ in range(context.rounds(3)):
                before = server.scrape()
                result = context.programs.bench("--server", server.address, "--method", method, "--input", form,
                                                "--sizes", side, "--concurrency", in_flight,
                                                "--warm-up", context.seconds(1.5), "--duration", context.seconds(6))
                after = server.scrape()
                batch = max(1.0, mean_of_histogram(before, after, "vitok_batch_images"))
                core = context.programs.run("core_throughput", "--model", "models/tiny-f16x64", "--method", method,
                                            "--input", form, "--size", side, "--batch", batch, "--threads", threads,
                                            "--seconds", context.seconds(6))
                server_rates.append(result["throughput"]["images_per_s"])
                core_rates.append(core["images_per_s"])
                client_cores.append(result["client"]["cpu_cores"])
                ratios.append(100 * server_rates[-1] / core_rates[-1])
        rows.append(report.at_least(
            f"saturation, {method} {form} {side}x{side}, of the bare core", statistics.median(ratios),
            RATIO_BOUND_PERCENT, "%",
            f"{statistics.median(server_rates):.1f} against {statistics.median(core_rates):.1f} images/s in batches of "
            f"{batch:.1f}; the client used {statistics.median(client_cores):.2f} of {threads} cores"))
    return rows
