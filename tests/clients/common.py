"""What the client checks share: where the service is, and how a check is counted."""
import os
import sys
import traceback

BASE = os.environ["PEWTER_URL"]  # http://127.0.0.1:PORT
MODEL = os.environ.get("PEWTER_MODEL", "tiny")
KEY = os.environ.get("PEWTER_KEY", "key")

passed, failed = [], []


def check(what):
    """Runs a function as a check: it passes where nothing is raised."""
    def run(function):
        try:
            function()
            passed.append(what)
            print(f"ok    {what}")
        except Exception:  # whatever a client raises is a failure
            failed.append(what)
            print(f"FAIL  {what}")
            traceback.print_exc(limit=4)
        return function
    return run


def finish():
    print(f"{len(passed)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)
