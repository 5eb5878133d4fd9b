"""MLPerf LoadGen in front of a server over HTTP; settings on stdin, what it found on stdout."""

import http.client
import json
import queue
import sys
import threading
from pathlib import Path
from typing import Any

import mlperf_loadgen as lg

SAMPLES = 256


class Sender:
    """Threads with a connection each, that send what LoadGen issues."""

    def __init__(self, wanted: dict[str, Any]) -> None:
        self._wanted = wanted
        self._one = Path(wanted["one"]).read_bytes()
        self._many = Path(wanted["many"]).read_bytes()
        self._batch = int(wanted["batch"])
        self._work: queue.SimpleQueue[list[int] | None] = queue.SimpleQueue()
        self.failed = 0
        self._threads = [threading.Thread(target=self._send) for _ in range(wanted["threads"])]
        for thread in self._threads:
            thread.start()

    def issue(self, samples: list[Any]) -> None:
        """Take what is to be sent: full batches, then one by one."""
        ids = [sample.id for sample in samples]
        full = len(ids) - len(ids) % self._batch
        for place in range(0, full, self._batch):
            self._work.put(ids[place : place + self._batch])
        for one in ids[full:]:
            self._work.put([one])

    def close(self) -> None:
        """End the threads."""
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join()

    def _send(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._wanted["port"], timeout=60)
        while (ids := self._work.get()) is not None:
            kind = "many" if len(ids) > 1 else "one"
            body = self._many if len(ids) > 1 else self._one
            headers = self._wanted[f"{kind}_headers"]
            try:
                connection.request("POST", self._wanted["path"], body, headers)
                response = connection.getresponse()
                response.read()
                if response.status != 200:
                    self.failed += len(ids)
            except (OSError, http.client.HTTPException):
                self.failed += len(ids)
                connection.close()
            lg.QuerySamplesComplete([lg.QuerySampleResponse(one, 0, 0) for one in ids])
        connection.close()


def settings(wanted: dict[str, Any]) -> Any:
    """Return LoadGen's settings for the scenario."""
    found = lg.TestSettings()
    found.scenario = getattr(lg.TestScenario, wanted["scenario"])
    found.mode = lg.TestMode.PerformanceOnly
    found.min_duration_ms = int(wanted["seconds"] * 1000)
    found.min_query_count = 100
    if wanted["scenario"] == "Offline":
        found.min_query_count = 1
        found.offline_expected_qps = wanted["rate"]
    elif wanted["scenario"] == "Server":
        found.server_target_qps = wanted["rate"]
        found.server_target_latency_ns = int(wanted["target_s"] * 1e9)
        found.server_target_latency_percentile = 0.99
    else:
        found.single_stream_expected_latency_ns = int(wanted["target_s"] / 5 * 1e9)
    return found


def main() -> None:
    """Run one scenario."""
    wanted = json.load(sys.stdin)
    sender = Sender(wanted)
    sut = lg.ConstructSUT(sender.issue, lambda: None)
    qsl = lg.ConstructQSL(SAMPLES, SAMPLES, lambda _: None, lambda _: None)
    log = lg.LogSettings()
    log.log_output.outdir = wanted["folder"]
    log.log_output.copy_summary_to_stdout = False
    log.enable_trace = False
    lg.StartTestWithLogSettings(sut, qsl, settings(wanted), log, "")
    sender.close()
    lg.DestroyQSL(qsl)
    lg.DestroySUT(sut)
    summary = (Path(wanted["folder"]) / "mlperf_log_summary.txt").read_text()
    print(json.dumps({"summary": summary, "failed": sender.failed}))


if __name__ == "__main__":
    main()
