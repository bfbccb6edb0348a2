"""What the server adds to a request of one client whose model costs nothing: by its own clock, and end to end beside a
bare echo of as many bytes."""

import statistics

import report
from programs import Server

CALLS = {"encode-raw": "u8 image", "encode-patches": "patch dict", "decode": "latents"}
P50_BOUND_US = 150
P99_BOUND_US = 1000


def measure(context):
    results = {call: [] for call in CALLS}
    times = ("--warm-up", context.seconds(0.5), "--seconds", context.seconds(1.5))
    with Server(context.programs, "zero_cost_server", "overhead") as server, \
         Server(context.programs, "echo_server", "echo", http=False) as echo:
        for _ in range(context.rounds(5)):
            for call in CALLS:
                ours = context.programs.run("call_latency", "--server", server.address, "--call", call, *times)
                bare = context.programs.run("call_latency", "--server", echo.address, "--call", "echo",
                                            "--request-bytes", ours["request_bytes"],
                                            "--reply-bytes", ours["reply_bytes"], *times)
                results[call].append((ours, bare))
    rows = []
    for call, rounds in results.items():
        def median(stage, percentile):
            return statistics.median(ours[stage][percentile] for ours, _ in rounds)

        stages = ", ".join(f"{stage} {median(stage + '_us', 'p50'):.0f}"
                           for stage in ("preprocess", "queue", "postprocess"))
        round_trip = median("round_trip_us", "p50")
        bare_trip = statistics.median(bare["round_trip_us"]["p50"] for _, bare in rounds)
        above = statistics.median(o["round_trip_us"]["p50"] - b["round_trip_us"]["p50"] for o, b in rounds)
        name = f"overhead, {CALLS[call]}"
        rows += [
            report.at_most(f"{name}: server p50", median("server_us", "p50"), P50_BOUND_US, "us", f"p50 of {stages}"),
            report.at_most(f"{name}: server p99", median("server_us", "p99"), P99_BOUND_US, "us"),
            report.told(f"{name}: end to end above a bare echo, p50", above, "us",
                        f"{round_trip:.0f} against {bare_trip:.0f} us; {rounds[0][0]['request_bytes']} bytes in, "
                        f"{rounds[0][0]['reply_bytes']} out"),
        ]
    return rows
