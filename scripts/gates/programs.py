"""The programs that the gates run: servers that live for a while, and clients that print JSON."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.request

READY_S = 120


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Programs:
    """Where the programs lie, and where their logs go."""

    def __init__(self, build, logs):
        self.bin = pathlib.Path(build) / "bin"
        self.logs = pathlib.Path(logs)
        self.logs.mkdir(parents=True, exist_ok=True)
        # As vitok-server sets it for itself: threads of one side that wait must not spin beside the other.
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

    def run(self, program, *arguments):
        """Runs a program that prints one line of JSON."""
        command = [self.bin / program, *map(str, arguments)]
        result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if result.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, command))}: exit code {result.returncode}")
        return json.loads(result.stdout.splitlines()[-1])

    def bench(self, *arguments):
        return self.run("vitok", "bench", "--json", *arguments)

    def start(self, program, *arguments, nice=0, **options):
        command = ["nice", "-n", str(nice), self.bin / program, *map(str, arguments)]
        return subprocess.Popen(command, text=True, **options)


class Server:
    """A server process on free ports, with its log in a file. Ends with the `with` block."""

    def __init__(self, programs, program, name, *arguments, http=True, nice=0):
        self.programs = programs
        self.program = program
        self.log = programs.logs / f"{name}.log"
        self.address = f"127.0.0.1:{free_port()}"
        self.http = f"127.0.0.1:{free_port()}" if http else ""
        self.arguments = arguments
        self.nice = nice
        self.process = None

    @classmethod
    def of_model(cls, programs, name, *settings, nice=0):
        """vitok-server with the embedded model."""
        return cls(programs, "vitok-server", name, "--config", "configs/demo.yaml",
                   *(part for setting in settings for part in ("--set", setting)), nice=nice)

    def command_line(self):
        if self.program == "vitok-server":
            listen = ["--set", f"server.listen={self.address}", "--set", f"server.http_listen={self.http}"]
            return [*self.arguments, *listen]
        return ["--listen", self.address, *(["--http-listen", self.http] if self.http else []), *self.arguments]

    def start(self):
        with open(self.log, "ab") as log:
            self.process = self.programs.start(self.program, *self.command_line(), nice=self.nice, stderr=log)
        deadline = time.monotonic() + READY_S
        while not self.serves():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.program} does not serve; see {self.log}")
            time.sleep(0.05)

    def serves(self):
        if self.http:
            try:
                with urllib.request.urlopen(f"http://{self.http}/readyz", timeout=10):
                    return True
            except OSError:  # does not listen, or says 503
                return False
        host, port = self.address.rsplit(":", 1)
        with socket.socket() as probe:
            return probe.connect_ex((host, int(port))) == 0

    def stop(self):
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=READY_S)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def scrape(self):
        with urllib.request.urlopen(f"http://{self.http}/metrics", timeout=10) as reply:
            return Metrics(reply.read().decode())


class Metrics:
    """One scrape. Sums over all label sets of a series."""

    def __init__(self, text):
        self.sums = {}
        for line in text.splitlines():
            if not line or line.startswith("#"):
                continue
            series, value = line.rsplit(" ", 1)
            name = series.split("{", 1)[0]
            self.sums[name] = self.sums.get(name, 0.0) + float(value)

    def value(self, name):
        return self.sums[name]


def growth(before, after, name):
    return after.value(name) - before.value(name)


def mean_of_histogram(before, after, name):
    """Mean of what a histogram has recorded between two scrapes; nan if nothing."""
    count = growth(before, after, f"{name}_count")
    return growth(before, after, f"{name}_sum") / count if count > 0 else float("nan")
