#!/usr/bin/env python3
"""A real Prometheus scrapes a real vitok-server and answers every query of deploy/.

Also: promtool finds nothing wrong with the metrics, the rules and the configuration, and docs/METRICS.md describes
exactly the series that there are. Runs in the repository's root; --server and --vitok name the programs.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

PATIENCE_S = 120  # far more than it takes; a loaded machine must not fail the test
DASHBOARD = "deploy/grafana/dashboard.json"
RULES = "deploy/prometheus/alerts.yml"
CONFIG = "deploy/prometheus/prometheus.yml"
DOCUMENT = "docs/METRICS.md"
# Series of GPUs and of TLS, which this test's server has none of.
ABSENT = {
    "vitok_gpu_busy_seconds_total",
    "vitok_gpu_memory_bytes",
    "vitok_cuda_errors_total",
    "vitok_pinned_bytes",
    "vitok_certificate_expiry_timestamp_seconds",
}
# Alerts that a slow machine may raise.
ON_SPEED = {"VitokLatencyBudgetBurnsFast", "VitokLatencyBudgetBurns", "VitokWaitsLong", "VitokBatchesEmpty"}
# What Prometheus itself adds.
FROM_PROMETHEUS = {"up"}
METRIC_NAME = re.compile(r"\b(?:vitok|process)_[a-z0-9_]+|\bup\b")
SUFFIXES = ("_bucket", "_sum", "_count")

programs = argparse.Namespace()


def get(url):
    """The status and body of a page."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def wait_for(what, condition):
    """Asks until `condition` gives something true, and returns it."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what}: did not happen within {PATIENCE_S} s")


def find_tool(name):
    """Where scripts/setup.sh put a program of Debian's package prometheus, or that of the system."""
    local = os.path.join(".local", "prometheus", name)
    found = local if os.access(local, os.X_OK) else shutil.which(name)
    if found is None:
        raise AssertionError(f"{name} is missing: run `make setup`")
    return found


@contextlib.contextmanager
def running(command, log_path):
    """A program while it runs; its standard error is in a file."""
    with open(log_path, "wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield process
    except BaseException:
        with open(log_path, encoding="utf-8", errors="replace") as log:
            sys.stderr.write(f"the log of {command[0]}:\n{log.read()[-5000:]}\n")
        raise
    finally:
        process.kill()
        process.wait()


def address_in_log(process, log_path, pattern):
    """The address that a program says it listens on."""

    def look():
        if process.poll() is not None:
            raise AssertionError(f"{process.args[0]} ended with exit code {process.returncode}")
        with open(log_path, encoding="utf-8", errors="replace") as log:
            match = re.search(pattern, log.read())
        return match and match[1]

    return wait_for(f"{process.args[0]} listens", look)


def read_families(text):
    """Of a scrape: the type and the label names of each family."""
    families = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            families[name] = (kind, set())
        elif line and not line.startswith("#"):
            series, labels = re.match(r"([a-z0-9_]+)(?:\{(.*)\})? ", line).groups()
            family = next(name for name in families if series in (name, *(name + suffix for suffix in SUFFIXES)))
            names = set(re.findall(r'([a-z_]+)="', labels or ""))
            families[family][1].update(names - {"le"})
    return families


def read_document():
    """Of docs/METRICS.md: the type and the label names of each family."""
    families = {}
    with open(DOCUMENT, encoding="utf-8") as file:
        for line in file:
            row = re.match(r"\| `([a-z0-9_]+)` \| (counter|gauge|histogram) \| ([^|]*)\|", line)
            if row:
                families[row[1]] = (row[2], set(re.findall(r"`([a-z_]+)`", row[3])))
    return families


def dashboard_queries():
    """(panel, expression) of each target of the dashboard, with values for its variables."""
    with open(DASHBOARD, encoding="utf-8") as file:
        dashboard = json.load(file)
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"].replace("$__rate_interval", "1m").replace("$model", ".*")


class PrometheusTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        cls.folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="vitok-"))
        cls.start_server(stack)
        cls.start_prometheus(stack)
        # Two scrapes with calls between them, so that rates have values.
        cls.send_requests()
        cls.wait_for_scrapes(1)
        cls.send_requests()
        cls.wait_for_scrapes(2)
        cls.scrape = get(f"http://{cls.http_address}/metrics")[1]

    @classmethod
    def start_server(cls, stack):
        log = os.path.join(cls.folder, "server.log")
        cls.grpc_address = "unix:" + os.path.join(cls.folder, "vitok.sock")
        settings = ("server.listen=" + cls.grpc_address, "server.http_listen=127.0.0.1:0", "batching.warm_up_s=0")
        command = [programs.server, "--config", "configs/demo.yaml"]
        for setting in settings:
            command += ["--set", setting]
        server = stack.enter_context(running(command, log))
        cls.http_address = address_in_log(server, log, r"http://([0-9.:]+)/metrics")
        wait_for("the server is ready", lambda: get(f"http://{cls.http_address}/readyz")[0] == 200)

    @classmethod
    def start_prometheus(cls, stack):
        log = os.path.join(cls.folder, "prometheus.log")
        with open(CONFIG, encoding="utf-8") as file:
            config = file.read()
        config = config.replace("127.0.0.1:8501", cls.http_address).replace("15s", "1s")
        config = config.replace("alerts.yml", os.path.abspath(RULES))
        path = os.path.join(cls.folder, "prometheus.yml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(config)
        data = os.path.join(cls.folder, "data")
        command = [find_tool("prometheus"), f"--config.file={path}", f"--storage.tsdb.path={data}"]
        prometheus = stack.enter_context(running([*command, "--web.listen-address=127.0.0.1:0"], log))
        cls.prometheus = "http://" + address_in_log(prometheus, log, r'"Listening on" address=(127[0-9.:]+)')

    @classmethod
    def send_requests(cls):
        picture = os.path.join(cls.folder, "out.png")
        for model, is_good in (("tiny-f16x64", True), ("none", False)):
            command = [programs.vitok, "reconstruct", "photos/rocket.jpg", "-o", picture, "--model", model]
            command += ["--server", cls.grpc_address]
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
            if (done.returncode == 0) != is_good:
                raise AssertionError(f"{command}: exit code {done.returncode}: {done.stderr}")

    @classmethod
    def api(cls, path, **parameters):
        """The data of an answer of Prometheus' HTTP API."""
        status, body = get(f"{cls.prometheus}/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
        if status != 200:
            raise AssertionError(f"{path} {parameters}: {status} {body}")
        return json.loads(body)["data"]

    @classmethod
    def wait_for_scrapes(cls, calls):
        """Until what `calls` rounds of requests did has been scraped."""
        query = 'sum(vitok_requests_total{method="Reconstruct",code="OK"})'

        def scraped():
            status, body = get(f"{cls.prometheus}/api/v1/query?{urllib.parse.urlencode({'query': query})}")
            result = json.loads(body)["data"]["result"] if status == 200 else []
            return result and float(result[0]["value"][1]) >= calls

        wait_for("a scrape", scraped)

    def promtool(self, *arguments, text=None):
        done = subprocess.run(
            [find_tool("promtool"), *arguments], input=text, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)

    def test_promtool_finds_nothing_wrong(self):
        self.promtool("check", "metrics", text=self.scrape)
        self.promtool("check", "rules", RULES)
        self.promtool("check", "config", CONFIG)

    def test_every_query_of_the_dashboard_has_data(self):
        for panel, query in dashboard_queries():
            with self.subTest(panel=panel, query=query):
                result = self.api("query", query=query)["result"]
                if not ABSENT.intersection(METRIC_NAME.findall(query)):
                    self.assertTrue(result)

    def test_every_alert_is_evaluated_and_none_that_does_not_depend_on_speed_fires(self):
        def evaluated():
            rules = [rule for group in self.api("rules")["groups"] for rule in group["rules"]]
            return rules and all(rule["health"] != "unknown" for rule in rules) and rules

        rules = wait_for("the rules are evaluated", evaluated)
        self.assertGreater(len(rules), 10)
        for rule in rules:
            with self.subTest(alert=rule["name"]):
                self.assertEqual(rule["health"], "ok", rule.get("lastError"))
                result = self.api("query", query=rule["query"])["result"]
                if rule["name"] not in ON_SPEED:
                    self.assertEqual(result, [])

    def test_queries_name_only_series_that_exist(self):
        known = set(self.api("label/__name__/values")) | ABSENT | FROM_PROMETHEUS
        rules = [rule["query"] for group in self.api("rules")["groups"] for rule in group["rules"]]
        for query in [*rules, *(query for _, query in dashboard_queries())]:
            # Strings hold label values.
            names = METRIC_NAME.findall(re.sub(r'"[^"]*"', '""', query))
            self.assertTrue(names, query)
            self.assertLessEqual(set(names), known, query)

    def test_labels_in_queries_have_values_that_exist(self):
        for label in ("code", "where", "reason", "kind", "sticky", "le"):
            queries = [query for _, query in dashboard_queries()]
            queries += [rule["query"] for group in self.api("rules")["groups"] for rule in group["rules"]]
            known = set(self.api(f"label/{label}/values")) | {"free", "reserved"}
            for query in queries:
                for values in re.findall(rf'\b{label}=~?"([^"]*)"', query):
                    self.assertLessEqual(set(values.split("|")), known, query)

    def test_the_document_describes_what_is_scraped(self):
        scraped, documented = read_families(self.scrape), read_document()
        self.assertEqual(set(scraped), set(documented) - ABSENT)
        self.assertLessEqual(ABSENT, set(documented))
        for name, family in scraped.items():
            self.assertEqual(family, documented[name], name)

    def test_the_status_page_is_there(self):
        status, page = get(f"http://{self.http_address}/")
        self.assertEqual(status, 200)
        self.assertIn("<td>tiny-f16x64</td>", page)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--vitok", required=True)
    _, rest = parser.parse_known_args(namespace=programs)
    unittest.main(argv=[sys.argv[0], *rest])
