"""The wall clock of a story's gateways, moved by the story (Debian's libfaketime). Monotonic clocks stay as they are: waits take as long as ever."""
import os
import threading
import time

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


class MovedClock:
    """All processes with `env` see the time of one file, which goes `rate` times as fast as ours and jumps when it is told to."""

    def __init__(self, world, rate=1):
        self.path = os.path.join(world.folder, "clock")
        open(self.path, "w").close()
        self.start, self.rate, self.ahead_s, self.ended = time.time(), rate, 0.0, False
        self.env = {"LD_PRELOAD": FAKETIME, "FAKETIME": "%", "FAKETIME_FOLLOW_FILE": self.path, "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                    "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"}
        self.tick()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def now(self):
        return self.start + (time.time() - self.start) * self.rate + self.ahead_s

    def tick(self):
        os.utime(self.path, (self.now(), self.now()))

    def run(self):
        while not self.ended:
            self.tick()
            time.sleep(0.01)

    def jump(self, seconds):
        self.ahead_s += seconds
        self.tick()

    def stop(self):
        self.ended = True
        self.thread.join()
