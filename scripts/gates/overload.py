"""Goodput, refusals and memory while ten times as much is offered as the server can do."""

import statistics

import report
from process_watch import ProcessWatch
from programs import Server

GOODPUT_BOUND_PERCENT = 95
REFUSAL_BOUND_MS = 5
MEMORY_BOUND_PERCENT = 1
FACTOR = 10
IN_FLIGHT = 48
# A queue of a second or two: with the default one the answers would come long after the end of the run.
QUEUE = ("limits.max_images_per_request=16", "batching.max_queued_requests=64")
# The load generator shares the machine: pictures large enough that it costs little for each, and it goes first, as it
# would on a machine of its own; else its own delays would count as the server's.
SERVER_NICE = 5
# Within each batch, of half a second or more, memory swings by some 10 %: enough samples of enough batches for a mean.
SAMPLE_S = 0.05
JPEG = ("--method", "encode", "--input", "jpeg", "--sizes", 512)
LATENTS = ("--method", "decode", "--sizes", 256, "--latent-dtype", "bfloat16")
# A device that takes 20 ms for a picture of 512x512 and leaves the CPU alone, as a GPU does.
DEVICE_TOKEN_US = 20


def model_server(context):
    return Server.of_model(context.programs, "overload", *QUEUE, *context.settings(), nice=SERVER_NICE)


def device_server(context):
    settings = (part for setting in QUEUE for part in ("--set", setting))
    return Server(context.programs, "zero_cost_server", "overload-device", "--time-per-token-us", DEVICE_TOKEN_US,
                  *settings, nice=SERVER_NICE)


CASES = [
    ("encode jpeg 512x512, the CPU computes", model_server, JPEG),
    ("decode 256x256, the CPU computes", model_server, LATENTS),
    ("encode jpeg 512x512, a simulated device computes", device_server, JPEG),
]


def saturate(context, server, load):
    result = context.programs.bench("--server", server.address, *load, "--concurrency", IN_FLIGHT,
                                    "--warm-up", context.seconds(2), "--duration", context.seconds(6))
    return max(0.1, result["throughput"]["goodput_requests_per_s"])


def measure(context):
    rows = []
    for name, start_server, load in CASES:
        with start_server(context) as server:
            before = saturate(context, server, load)
            rate = FACTOR * before
            warm_up, duration = context.seconds(4), context.seconds(30)
            with ProcessWatch(server.process.pid, context.seconds(SAMPLE_S)) as watch:
                result = context.programs.bench("--server", server.address, *load, "--rate", rate,
                                                "--max-in-flight", 8192, "--warm-up", warm_up, "--duration", duration)
            saturation = statistics.mean([before, saturate(context, server, load)])
        watch.samples = watch.samples[int(len(watch.samples) * warm_up / (warm_up + duration)):]
        goodput = result["throughput"]["goodput_requests_per_s"]
        refused = result["codes"].get("RESOURCE_EXHAUSTED", {"count": 0, "latency_ms": {"p50": 0, "p99": 0}})
        delay = result["client"]["send_delay_ms"]["p99"]
        first, last = watch.ends("rss_mib")
        others = {code: entry["count"] for code, entry in result["codes"].items()
                  if code not in ("OK", "RESOURCE_EXHAUSTED")}
        title = f"overload {FACTOR}x, {name}"
        rows += [
            report.at_least(f"{title}: goodput, of saturation", 100 * goodput / saturation, GOODPUT_BOUND_PERCENT, "%",
                            f"{goodput:.1f} of {saturation:.1f}/s at {rate:.0f}/s offered; "
                            f"the client used {result['client']['cpu_cores']:.2f} cores"),
            report.at_most(f"{title}: refusals p99", refused["latency_ms"]["p99"], REFUSAL_BOUND_MS, "ms",
                           f"{refused['count']} refused, p50 {refused['latency_ms']['p50']} ms; of the p99 up to "
                           f"{delay} ms is the client's own delay"),
            report.at_most(f"{title}: growth of memory", 100 * (last - first) / first, MEMORY_BOUND_PERCENT, "%",
                           f"{first:.0f} to {last:.0f} MiB"),
            report.Row(f"{title}: other errors", "none", str(others or "none"), not others),
        ]
    return rows
