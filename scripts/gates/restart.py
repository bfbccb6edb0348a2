"""Two servers under load restart one after the other: the client sees no error."""

import json
import signal
import subprocess
import time

import report
from programs import Server

LOAD = ("--method", "encode", "--input", "jpeg", "--sizes", "256:0.7,512:0.3")
SHARE = 0.3  # of what one server can do alone: the other has all of it while one is away, and both share the machine
PAUSE_S = 2  # between restarts


def measure(context):
    settings = context.settings()
    with Server.of_model(context.programs, "restart-a", *settings) as one, \
         Server.of_model(context.programs, "restart-b", *settings) as two:
        alone = context.programs.bench("--server", one.address, *LOAD, "--concurrency", 16, "--warm-up", context.seconds(1),
                                       "--duration", context.seconds(3))
        rate = max(1.0, SHARE * alone["throughput"]["requests_per_s"])
        # Longer than the restarts take; ended by a signal when they are done.
        client = context.programs.start("vitok", "bench", "--json", "--retries", *LOAD,
                                        "--server", f"{one.address},{two.address}", "--rate", rate,
                                        "--warm-up", 0, "--duration", 300, stdout=subprocess.PIPE)
        exit_codes = []
        try:
            time.sleep(context.seconds(PAUSE_S))
            for _ in range(context.rounds(2)):
                for server in (one, two):
                    exit_codes.append(server.stop())
                    server.start()
                    time.sleep(context.seconds(PAUSE_S))
            client.send_signal(signal.SIGINT)
            result = json.loads(client.communicate(timeout=120)[0].splitlines()[-1])
        finally:
            client.kill()
            client.wait()
    requests = result["requests"]
    errors = requests["failed"] + requests["abandoned"] + requests["not_sent"]
    latency = result["latency_ms"]["ok"]
    messages = "; ".join(entry["message"] for code, entry in result["codes"].items() if code != "OK")
    return [
        report.Row("rolling restart: errors at the client", "0", str(errors), errors == 0,
                   f"{requests['ok']} requests at {rate:.0f}/s, {len(exit_codes)} restarts, {requests['retries']} retries; p50 "
                   f"{latency['p50']} ms, max {latency['max']} ms{'; ' + messages if messages else ''}", errors),
        report.Row("rolling restart: exit codes of the servers", "all 0", str(sorted(set(exit_codes))),
                   not any(exit_codes)),
    ]
