"""The rules of posture/wording.c, asked through the program wording_judge: one judgement for the library, for our messages and for an operator's own words."""
import json
import subprocess


class Judge:
    def __init__(self, program):
        self.child = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
        self.known = {}

    def __call__(self, text, grade=None):
        """{"words", "sentences", "grade", "findings"}; without `grade` how hard it reads is no finding."""
        key = (text, grade)
        if key not in self.known:
            self.child.stdin.write(json.dumps({"text": text} if grade is None else {"text": text, "grade": int(grade)}, ensure_ascii=False) + "\n")
            self.child.stdin.flush()
            answer = self.child.stdout.readline()
            if not answer:
                raise RuntimeError("wording_judge ended at: " + text)
            self.known[key] = dict(json.loads(answer))
            self.known[key]["grade"] = float(self.known[key]["grade"])
        return self.known[key]
