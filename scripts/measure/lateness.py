"""How late `expired` events come: scripts/expiry-lateness, every scenario on ours and one on the peers."""

import json
import subprocess
import sys

from scratch_server import ROOT, CannotMeasure

from measure.contenders import Role

SCENARIO_SECONDS = 300
FIGURES = ("p50_ms", "p99_ms", "max_ms", "early", "repeated", "missing")


def measure(plan):
    """The figures of each scenario by contender; a peer has only the first."""
    results = []
    for number, scenario in enumerate(plan.lateness_scenarios):
        figures = {}
        for one in plan.plain_contenders:
            if number == 0 or one.role is Role.OURS:
                figures[one.name] = lateness(one, scenario)
                print(f"  {' '.join(scenario)} on {one.name}: {figures[one.name]}", file=sys.stderr)
        results.append({"scenario": name_of(scenario), "figures": figures})
    return {"scenarios": results}


def name_of(scenario):
    return " ".join(scenario).removeprefix("--")


def lateness(one, scenario):
    # What is too late is for the tables to say: here no limit is set.
    script = [sys.executable, str(ROOT / "scripts" / "expiry-lateness"), *scenario, "--limit-p99-ms", "1e9", "--json"]
    command = [*script, "--", *one.command]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SCENARIO_SECONDS, check=False
        )
        result = json.loads(done.stdout)
    except subprocess.TimeoutExpired as error:
        raise CannotMeasure(f"{' '.join(command)} did not end within {SCENARIO_SECONDS} s") from error
    except json.JSONDecodeError as error:
        raise CannotMeasure(f"{' '.join(command)}: {done.stderr.strip()}") from error
    return {name: result[name] for name in FIGURES}
