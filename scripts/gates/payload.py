"""Bytes a second over one connection, both ways: Reconstruct of raw images with a model that costs nothing, beside an
echo of protobuf `bytes` as most services are written."""

import statistics

import report
from programs import Server

RATIO_BOUND = 2
IN_FLIGHT = 4
# The side of the image and the seconds of each measurement. 4096: the largest image that the default limits allow.
SIZES = [(1024, 2), (4096, 5)]


def ours_gb_per_s(context, address, side, seconds):
    result = context.programs.bench("--server", address, "--method", "reconstruct", "--input", "raw", "--sizes", side,
                                    "--connections", 1, "--concurrency", IN_FLIGHT, "--pool", 2,
                                    "--warm-up", context.seconds(seconds / 2), "--duration", context.seconds(seconds))
    if result["requests"]["failed"]:
        raise RuntimeError(f"requests failed: {result['codes']}")
    return (result["throughput"]["sent_mb_per_s"] + result["throughput"]["received_mb_per_s"]) / 1000


def echo_gb_per_s(context, address, side, seconds, in_flight):
    return context.programs.run("echo_client", "--server", address, "--bytes", 3 * side * side,
                                "--in-flight", in_flight, "--seconds", context.seconds(seconds))["gb_per_s"]


def measure(context):
    rows = []
    with Server(context.programs, "zero_cost_server", "payload") as server, \
         Server(context.programs, "echo_server", "echo", http=False) as echo:
        for side, seconds in context.cases(SIZES):
            ours, alone, several = [], [], []
            for _ in range(context.rounds(3)):
                ours.append(ours_gb_per_s(context, server.address, side, seconds))
                alone.append(echo_gb_per_s(context, echo.address, side, seconds, 1))
                several.append(echo_gb_per_s(context, echo.address, side, seconds, IN_FLIGHT))
            # The better of the two echoes, so that the gate does not depend on a kind choice.
            ratio = statistics.median(o / max(a, s) for o, a, s in zip(ours, alone, several))
            rows.append(report.at_least(
                f"payload, {3 * side * side / 2**20:.0f} MiB each way, against an echo", ratio, RATIO_BOUND, "x",
                f"{statistics.median(ours):.2f} GB/s with {IN_FLIGHT} in flight; echo {statistics.median(alone):.2f} "
                f"with 1, {statistics.median(several):.2f} with {IN_FLIGHT}"))
    return rows
