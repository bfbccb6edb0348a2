"""Memory, threads and descriptors of a process over time."""

import dataclasses
import os
import statistics
import threading


@dataclasses.dataclass
class Sample:
    rss_mib: float
    threads: int
    descriptors: int


def sample(pid):
    fields = {}
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        for line in status:
            name, _, value = line.partition(":")
            fields[name] = value.split()
    return Sample(int(fields["VmRSS"][0]) / 1024, int(fields["Threads"][0]), len(os.listdir(f"/proc/{pid}/fd")))


class ProcessWatch:
    """Samples a process from start to stop; compares the beginning with the end.

        with ProcessWatch(pid, period_s=0.5) as watch:
            ...
        watch.ends("rss_mib")
    """

    def __init__(self, pid, period_s):
        self.pid = pid
        self.period_s = period_s
        self.samples = []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self):
        while not self.ended.wait(self.period_s):
            try:
                self.samples.append(sample(self.pid))
            except (OSError, KeyError):
                return  # the process has ended

    def __enter__(self):
        self.samples.append(sample(self.pid))
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    def values(self, field):
        return [getattr(item, field) for item in self.samples]

    def ends(self, field):
        """Means of the first and of the last fifth of the samples."""
        values = self.values(field)
        part = max(1, len(values) // 5)
        return statistics.mean(values[:part]), statistics.mean(values[-part:])
