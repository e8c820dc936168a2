"""How late `expired` events come: scripts/expiry-lateness, every scenario on ours and one on the peers.

That script is run as a module here, so that its server ends with this program, whatever ends it.
"""

import importlib.machinery
import importlib.util
import sys

from scratch_server import ROOT

from measure.contenders import Role

SCRIPT = str(ROOT / "scripts" / "expiry-lateness")
FIGURES = ("p50_ms", "p99_ms", "max_ms", "early", "repeated", "missing")


def measure(plan):
    """One set of figures for each round, by scenario and contender; a peer has only the first scenario."""
    script = load_script()
    scenarios = [script.options_of(words).scenarios[0] for words in plan.lateness_scenarios]
    results = [{"scenario": scenario.name, "samples": {}} for scenario in scenarios]
    for number in range(plan.rounds):
        order = plan.plain_contenders if number % 2 == 0 else plan.plain_contenders[::-1]
        for scenario, result in zip(scenarios, results):
            for one in order:
                if scenario is scenarios[0] or one.role is Role.OURS:
                    result["samples"].setdefault(one.name, []).append(once(script, one, scenario))
    return {"scenarios": results}


def once(script, one, scenario):
    with one.server() as server:
        result = script.measure(server, scenario)
    figures = {name: result[name] for name in FIGURES}
    late = ", ".join(f"{name} {figure}" for name, figure in figures.items())
    print(f"  {scenario.name} on {one.name}: {late}", file=sys.stderr)
    return figures


def load_script():
    loader = importlib.machinery.SourceFileLoader("expiry_lateness", SCRIPT)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    # Its dataclasses look themselves up there.
    sys.modules[loader.name] = module
    loader.exec_module(module)
    return module
