"""Two nodes on one Redis agree: whatever one node has answered to a push the other shows soon after, and never goes back behind it, while both serve.
With --long over 100,000 changes, and once more in a build that ThreadSanitizer watches."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../bench"))
import coherence  # noqa: E402
import harness  # noqa: E402
from harness import World, expect  # noqa: E402

LOAD, LANES = 200, 8


def changes_agree(world, changes):
    client = os.path.join(world.build, "tests/coherence")
    nodes, serials = coherence.two_nodes(world)
    code, figures = coherence.measure(world, nodes, serials, client, changes, LANES, LOAD)
    print(figures)
    expect(code == 0 and figures["changes"] == changes, "failed or went back: %r" % figures)
    for node in nodes:
        node.stop()


def story_changes_on_one_node_are_shown_by_the_other(world):
    changes_agree(world, 100000 if world.long else 3000)


def under_threadsanitizer(world):
    build = os.path.join(harness.ROOT, "build/tsan")
    for command in (["cmake", "--preset", "tsan", "-DPOSTERN_TESTS=OFF"], ["cmake", "--build", "--preset", "tsan", "--target", "postern"]):
        subprocess.run(command, cwd=harness.ROOT, check=True, stdout=subprocess.DEVNULL)
    os.environ["TSAN_OPTIONS"] = "suppressions=" + os.path.join(harness.ROOT, "tests/tsan.supp")
    watched = World(build, True)
    watched.agent = world.agent
    nodes, serials = coherence.two_nodes(watched)
    code, figures = coherence.measure(watched, nodes, serials, os.path.join(world.build, "tests/coherence"), 100000, LANES, LOAD)
    expect(code == 0, "failed or went back: %r" % figures)
    for node in nodes:  # one that ThreadSanitizer found something in ends with 66
        node.stop()


if __name__ == "__main__":
    stories = {"story_changes_on_one_node_are_shown_by_the_other": story_changes_on_one_node_are_shown_by_the_other}
    if "--long" in sys.argv:  # minutes to build and to run
        stories["story_the_same_under_threadsanitizer"] = under_threadsanitizer
    harness.main(stories)
