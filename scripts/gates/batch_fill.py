"""How full batches are on a trace of mixed sizes at saturation."""

import report
from programs import Server, growth, mean_of_histogram

FILL_BOUND_PERCENT = 90
SIZES = "uniform:256-2048"
IN_FLIGHT = 48
# A device at whose speed the CPU can still prepare the pictures: 16384 tokens take 130 ms.
DEVICE_TIME_PER_TOKEN_US = 8


def measure_one(context, title, server, load, seconds, bound):
    with server:
        def run(duration):
            return context.programs.bench("--server", server.address, "--method", "encode", "--sizes", SIZES, *load,
                                          "--concurrency", IN_FLIGHT, "--warm-up", 0, "--duration", duration,
                                          "--deadline", 600)

        run(context.seconds(3))
        before = server.scrape()
        result = run(context.seconds(seconds))
        after = server.scrape()
    fill = 100 * mean_of_histogram(before, after, "vitok_batch_fill_ratio")
    padded = growth(before, after, "vitok_padded_tokens_total")
    batches = growth(before, after, "vitok_batch_fill_ratio_count")
    busy = growth(before, after, "vitok_device_busy_seconds_total") / batches
    notes = (f"{batches:.0f} batches of {1000 * busy:.0f} ms on average, "
             f"{result['throughput']['images_per_s']:.1f} images/s, {result['requests']['failed']} failed")
    row = report.at_least(title, fill, FILL_BOUND_PERCENT, "%", notes) if bound else report.told(title, fill, "%", notes)
    return [row, report.Row(f"{title}: padded tokens", "0", f"{padded:.0f}", padded == 0, "", padded)]


def measure(context):
    device = Server(context.programs, "zero_cost_server", "fill-device",
                    "--time-per-token-us", DEVICE_TIME_PER_TOKEN_US)
    model = Server.of_model(context.programs, "fill-model", *context.settings())
    # Over seconds, nobody may be overtaken for more than 50 ms: batches of a second leave little to choose from.
    return [*measure_one(context, "batch fill, 256-2048 px, simulated device", device, ("--input", "raw", "--pool", 48),
                         15, bound=True),
            *measure_one(context, "batch fill, 256-2048 px, model on the CPU", model, ("--input", "jpeg", "--pool", 48),
                         20, bound=False)]
