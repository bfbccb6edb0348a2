"""How full batches are at saturation on a trace of mixed sizes, on a simulated device.

The trace has the token counts of images of 256 to 2048 px with patches of 16 px. It is sent as images of 64 to 512 px to
a model with patches of 4 px: the batcher sees the same, and the CPU can prepare as many tokens a second as a GPU takes.
"""

import subprocess
import time

import report
from programs import Server, growth, mean_of_histogram

FILL_BOUND_PERCENT = 90
PATCH_PX, SIZES = 4, "uniform:64-512"
IN_FLIGHT = 64
BATCH_TOKENS = 16384
# Milliseconds of a full batch. Nobody may be overtaken for more than 50 ms: long batches leave little to choose from.
FAST_MS, SLOW_MS = 15, 130


def measure_one(context, batch_ms):
    """Mean fill, padded tokens and notes, without the beginning and the end of the run."""
    settle, seconds = context.seconds(3), context.seconds(10)
    with Server(context.programs, "zero_cost_server", "fill", "--patch", PATCH_PX,
                "--time-per-token-us", 1000 * batch_ms / BATCH_TOKENS) as server:
        client = context.programs.start("vitok", "bench", "--server", server.address, "--sizes", SIZES, "--pool", 256,
                                        "--concurrency", IN_FLIGHT, "--duration", 600, stdout=subprocess.DEVNULL)
        try:
            time.sleep(settle)
            before = server.scrape()
            time.sleep(seconds)
            after = server.scrape()
        finally:
            client.kill()
            client.wait()
    fill = 100 * mean_of_histogram(before, after, "vitok_batch_fill_ratio")
    batches = growth(before, after, "vitok_batch_fill_ratio_count")
    busy_s = growth(before, after, "vitok_device_busy_seconds_total")
    images = growth(before, after, "vitok_batch_images_sum")
    notes = (f"{batches:.0f} batches of {1000 * busy_s / max(1, batches):.0f} ms, {images / seconds:.0f} images/s, device "
             f"busy {100 * busy_s / seconds:.0f} %")
    return fill, growth(before, after, "vitok_padded_tokens_total"), notes


def measure(context):
    fill, padded, notes = measure_one(context, FAST_MS)
    slow_fill, _, slow_notes = measure_one(context, SLOW_MS)
    return [
        report.at_least(f"batch fill, trace of 256 to 2048 px, batches of {FAST_MS} ms", fill, FILL_BOUND_PERCENT, "%",
                        notes),
        report.told(f"batch fill, trace of 256 to 2048 px, batches of {SLOW_MS} ms", slow_fill, "%", slow_notes),
        report.Row("batch fill: padded tokens", "0", f"{padded:.0f}", padded == 0, "", padded),
    ]
