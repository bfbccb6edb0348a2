"""Minutes at 80 % load while a client is killed every second: no wrong answers, and nothing grows."""

import json
import subprocess
import time

import report
from process_watch import ProcessWatch, sample
from programs import Server

LOAD = 0.8
CHECKED, KILLED = 0.1, 0.1  # shares of the saturation that come from the checker and from the clients that are killed
MEMORY_BOUND_PERCENT = 1
THREADS_BOUND = 2       # growth
DESCRIPTORS_BOUND = 8   # growth: clients come and go
WARM_UP_SHARE = 0.15    # of the time: buffers grow to their size
# Under load memory follows the queue and the size of batches, by some 10 %. What stays when nothing is left to do does
# not; the allocator gives back what was free for some seconds.
QUIET_S = 25
SIZES = "uniform:64-512"


def requests(form="raw"):
    return ("--method", "reconstruct", "--input", form, "--sizes", SIZES)


def kill_clients(context, server, rate, seconds):
    """Starts a client a second and kills the one before; how many."""
    victims, killed = [], 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        victims.append(context.programs.start(
            "vitok", "bench", "--server", server.address, *requests(), "--pool", 4, "--rate", rate, "--warm-up", 0,
            "--duration", 60, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        time.sleep(1)
        if len(victims) > 1:
            victim = victims.pop(0)
            victim.kill()
            victim.wait()
            killed += 1
    for victim in victims:
        victim.kill()
        victim.wait()
    return killed + len(victims)


def quiet_memory(context, server):
    """Resident MiB once the server has had nothing to do for a while."""
    time.sleep(context.seconds(QUIET_S))
    return sample(server.process.pid).rss_mib


def run_load(context, server, saturation, seconds):
    """What the checker and the load generator say, how many clients were killed, and what the server held meanwhile."""
    checker = context.programs.start("answer_check", "--server", server.address, "--sizes", SIZES,
                                     "--rate", CHECKED * saturation, "--seconds", seconds, stdout=subprocess.PIPE)
    load = None
    try:
        if checker.stdout.readline().strip() != "ready":
            raise RuntimeError("answer_check has no answers to compare with")
        load = context.programs.start(
            "vitok", "bench", "--json", "--server", server.address, *requests("jpeg"),
            "--rate", (LOAD - CHECKED - KILLED) * saturation, "--warm-up", 0, "--duration", seconds,
            stdout=subprocess.PIPE)
        with ProcessWatch(server.process.pid, min(1.0, seconds / 30)) as watch:
            killed = kill_clients(context, server, KILLED * saturation, seconds)
        answers = json.loads(checker.communicate(timeout=300)[0].splitlines()[-1])
        result = json.loads(load.communicate(timeout=300)[0].splitlines()[-1])
    finally:
        for process in (checker, load):
            if process is not None:
                process.kill()
                process.wait()
    return answers, result, killed, watch


def measure(context):
    seconds = 60 * context.minutes
    with Server.of_model(context.programs, "soak", *context.settings()) as server:
        saturation = context.programs.bench("--server", server.address, *requests(), "--concurrency", 16,
                                            "--warm-up", context.seconds(2),
                                            "--duration", context.seconds(8))["throughput"]["requests_per_s"]
        saturation = max(1.0, saturation)
        run_load(context, server, saturation, WARM_UP_SHARE * seconds)
        before = quiet_memory(context, server)
        answers, result, killed, watch = run_load(context, server, saturation, (1 - WARM_UP_SHARE) * seconds)
        after = quiet_memory(context, server)
        alive = server.process.poll() is None
    return rows(context, watch, answers, result, killed, alive, saturation, (before, after))


def rows(context, watch, answers, result, killed, alive, saturation, quiet):
    first, last = watch.ends("rss_mib")
    threads, descriptors = watch.ends("threads"), watch.ends("descriptors")
    requests_ = result["requests"]
    return [
        report.Row("soak: wrong answers", "0", str(answers["wrong"]), answers["wrong"] == 0 and answers["checked"] > 0,
                   f"of {answers['checked']} compared bit for bit, errors {answers['errors'] or 'none'}; "
                   f"{context.minutes:g} min at {100 * LOAD:.0f} % of {saturation:.0f}/s, {killed} clients killed",
                   answers["wrong"]),
        report.Row("soak: failed requests", "0", str(requests_["failed"]), requests_["failed"] == 0,
                   f"of {requests_['due']}; p99 {result['latency_ms']['ok']['p99']} ms", requests_["failed"]),
        report.at_most("soak: drift of memory", 100 * (quiet[1] - quiet[0]) / quiet[0], MEMORY_BOUND_PERCENT, "%",
                       f"{quiet[0]:.1f} to {quiet[1]:.1f} MiB with nothing to do, after {100 * WARM_UP_SHARE:.0f} % of the "
                       f"time and at its end; under load {first:.1f} to {last:.1f}"),
        report.at_most("soak: growth of threads", threads[1] - threads[0], THREADS_BOUND, "threads",
                       f"{min(watch.values('threads'))} to {max(watch.values('threads'))}"),
        report.at_most("soak: growth of descriptors", descriptors[1] - descriptors[0], DESCRIPTORS_BOUND, "files",
                       f"{min(watch.values('descriptors'))} to {max(watch.values('descriptors'))}"),
        report.Row("soak: the server lives", "yes", "yes" if alive else "no", alive),
    ]
