"""A process that is asked to stop loses no request."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import closing

import requests

from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until

from .server import Api, token_of
from .test_changes import stream


class Balancer:
    """Distributes requests to ready processes, as a Service's endpoints do.

    A process that is to stop is removed first.
    """

    def __init__(self, urls: list[str]) -> None:
        self.urls, self._turn, self._lock = list(urls), 0, threading.Lock()
        self.open: Counter[str] = Counter()

    def take(self) -> str:
        with self._lock:
            self._turn += 1
            url = self.urls[self._turn % len(self.urls)]
            self.open[url] += 1
            return url

    def give_back(self, url: str) -> None:
        with self._lock:
            self.open[url] -= 1


def test_a_rolling_restart_under_load_loses_no_request(plane: ControlPlane) -> None:
    with Api(plane, processes=2) as api:
        balancer, done, results = Balancer(api.urls), threading.Event(), Counter[object]()
        token = token_of(plane, "ann")

        def ask(worker: int) -> None:
            count = 0
            while not done.is_set():
                url = balancer.take()
                count += 1
                try:
                    results[_one(url, token, worker, count)] += 1
                except requests.RequestException as error:
                    results[type(error).__name__] += 1
                finally:
                    balancer.give_back(url)

        workers = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
        for worker in workers:
            worker.start()
        for number, url in enumerate(api.urls):
            balancer.urls = [each for each in api.urls if each != url]
            # No request is on its way to the process when it is asked to stop (a preStop's sleep does that in a pod);
            # some are in progress.
            wait_until(lambda n=number, u=url: all_within(api, balancer, n, u), "what was sent to it is there", 10)
            api.processes[number].stop()
            api.start(number)
            balancer.urls = list(api.urls)
        done.set()
        for worker in workers:
            worker.join()
    assert set(results) == {200, 202, 412}


def all_within(api: Api, balancer: Balancer, number: int, url: str) -> bool:
    before, within, after = balancer.open[url], api.metric("store_api_requests_in_progress", number), balancer.open[url]
    return before == within == after


def _one(url: str, token: str, worker: int, count: int) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    if count % 5 == 0:  # it takes two seconds, and is still in progress when the process is asked to stop
        slow = {**headers, "Min-Resource-Version": str(10**15)}
        return requests.get(f"{url}/api/v1/stores", headers=slow, timeout=30).status_code
    if count % 2:
        return requests.get(f"{url}/api/v1/stores", headers=headers, timeout=30).status_code
    body = {"name": f"load-{worker}-{count}", "spec": {"engine": "medusa"}}
    return requests.post(f"{url}/api/v1/stores", json=body, headers=headers, timeout=30).status_code


def test_open_streams_end_with_their_process_and_do_not_delay_it(plane: ControlPlane) -> None:
    with Api(plane) as api, closing(stream(api.caller("ann"))) as response:
        lines = response.iter_lines()
        next(lines)
        api.processes[0].stop(timeout=8)  # after that it would be killed, and the stream would break
        assert list(lines)[-1:] in ([], [b""])
